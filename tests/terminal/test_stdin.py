"""Lines from a pipe: whole, decoded, and no later than somebody waits for them."""

from __future__ import annotations

import io

from nextword.terminal.stdin import input_lines, waiting_lines


def test_input_lines_lose_their_ends_and_nothing_else() -> None:
    stream = io.BytesIO(b"one \r\n\n two\xff\nlast")
    assert list(input_lines(stream)) == ["one ", "", " two\ufffd", "last"]
    assert list(input_lines(io.BytesIO(b""))) == []


class Dripping(io.BytesIO):
    """A pipe that has so many bytes ready at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        super().__init__(content)
        self.drop = size

    def read1(self, size: int | None = -1) -> bytes:
        return super().read1(self.drop)


def test_waiting_lines_are_those_of_input_lines_however_they_come() -> None:
    content = b"one \r\n\n two\xff\nf\xc3\xbcnf\r\n" + b"long" * 30_000 + b"\nlast\r"
    expected = list(input_lines(io.BytesIO(content)))
    for size in (1, 2, 3, 7, 1000, 10**6):
        batches = list(waiting_lines(Dripping(content, size)))
        assert [line for batch in batches for line in batch] == expected, size
        assert all(batches)
    assert list(waiting_lines(io.BytesIO(b""))) == []


def test_lines_that_wait_together_come_together_and_a_lone_one_alone() -> None:
    assert list(waiting_lines(Dripping(b"a\nb\nc\n", 100))) == [["a", "b", "c"]]
    assert list(waiting_lines(Dripping(b"a\nb\nc\n", 2))) == [["a"], ["b"], ["c"]]
