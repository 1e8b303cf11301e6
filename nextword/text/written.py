"""The tokens of a document with the places where they stand in it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nextword.text.pipeline import SPACE, SPACES, Pipeline
from nextword.text.vocabulary import END, END_ID


class Token(NamedTuple):
    """One token of a document, as it stands there."""

    token_id: int
    word: str  # as it is written; "<eos>" for the end of a paragraph
    line: int  # from 1
    position: int  # from 1 in each line; the end of a paragraph comes after the last word
    spaced: bool  # whether white space follows, and then another token of the paragraph
    space_before: bool = False  # whether white space stands before it; not before the end of a paragraph


def located(pipeline: Pipeline, text: str, divided: Sequence[int]) -> Iterator[Token]:
    """The tokens of a document; `<eos>` for every end of a line, or of a paragraph that is not blank.

    Args:
        pipeline: Cuts it.
        text: All of it, prepared.
        divided: Places in it of line ends that were taken out.
    """
    text = text.removesuffix("\n") + "\n" if pipeline.by_line else text + "\n\n"  # so that its end is one like others

    def line_ends_between(begin: int, end: int) -> int:
        return text.count("\n", begin, end) + bisect_left(divided, end) - bisect_left(divided, begin)

    line, position, counted, end = 1, 0, 0, 0  # line ends are counted up to `counted`; `end` is the last token's
    waiting: Token | None = None
    blank = ended = True
    for chunk, encoding in pipeline.encodings([text]):
        if ended:
            line_ends = line_ends_between(counted, chunk.begin)
            line, position, counted, blank = line + line_ends, 0 if line_ends else position, chunk.begin, True
        for token_id, bounds in zip(encoding.ids, encoding.offsets, strict=True):
            begin = chunk.begin + bounds[0]
            space_before = SPACE.search(text, end, begin) is not None
            if waiting:
                yield waiting._replace(spaced=space_before)
            if line_ends := line_ends_between(counted, begin):
                line, position = line + line_ends, 0
            counted, end, position = begin, chunk.begin + bounds[1], position + 1
            waiting = Token(token_id, text[begin:end], line, position, False, space_before)
        blank, ended = blank and not chunk.text.strip(SPACES), chunk.ended
        if ended and waiting:
            yield waiting
            waiting = None
        if ended and (pipeline.by_line or not blank):
            position += 1
            yield Token(END_ID, END, line, position, False)
