"""The lines typed in earlier conversations: kept for their owner, and never a reason to crash."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from prompt_toolkit.history import FileHistory

from nextword.errors import StorageError
from nextword.interactive.history import LineHistory


def typed(path: Path) -> list[str]:
    """What an arrow key brings, the newest first."""
    return list(LineHistory(path).load_history_strings())


def test_lines_come_back_in_the_next_conversation_the_newest_first(tmp_path: Path) -> None:
    path = tmp_path / "data" / "nextword" / "history"
    history = LineHistory(path)
    for line in ("The cat", "two\n\nparagraphs + #", "caf\u00e9 \ud800", "\u2028+\x85"):
        history.store_string(line)
    assert typed(path) == ["\u2028+\x85", "caf\u00e9 ?", "two\n\nparagraphs + #", "The cat"]


def test_a_file_written_by_the_terminal_library_or_an_earlier_nextword_is_read(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("\n# 2025-01-02 03:04:05.678901\n+The cat\n\n# 2025-01-02 03:05:00\n+two\n+lines\n", "utf-8")
    assert typed(path) == ["two\nlines", "The cat"] == list(FileHistory(path).load_history_strings())


def test_a_file_taken_away_meanwhile_is_made_anew_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "history"
    history = LineHistory(path)
    path.unlink()
    history.store_string("The cat")
    assert typed(path) == ["The cat"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_only_the_owner_may_read_it_whatever_it_was_before(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.touch(mode=0o644)
    LineHistory(path).store_string("secret")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_line_cut_off_by_a_kill_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "history"
    LineHistory(path).store_string("one")
    with path.open("ab") as file:
        file.write("\n# 2026\n+caf\u00e9".encode()[:-1])
    LineHistory(path).store_string("two")
    assert typed(path) == ["two", "caf\ufffd", "one"]


@pytest.mark.parametrize("content", [b"\x7fELF\x00\x00", b"+a\0b\n", b"some text\n"])
def test_what_is_no_history_is_refused_by_name_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "history"
    path.write_bytes(content)
    with pytest.raises(StorageError, match=str(path)):
        LineHistory(path)
    assert path.read_bytes() == content


def test_a_folder_a_link_a_pipe_in_its_place_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "target").touch()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    os.mkfifo(tmp_path / "pipe")
    for name in ("folder", "link", "pipe", "target/history"):
        with pytest.raises(StorageError, match=name):
            LineHistory(tmp_path / name)


def test_a_disk_that_says_no_later_is_no_reason_to_stop(tmp_path: Path) -> None:
    path = tmp_path / "history"
    history = LineHistory(path)
    path.unlink()
    path.mkdir()
    history.store_string("The cat")
    assert list(path.iterdir()) == []


def test_of_a_large_one_the_end_is_read(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("".join(f"\n# then\n+line {number} {'x' * 1000}\n" for number in range(2000)), "utf-8")
    lines = typed(path)
    assert 900 < len(lines) < 1000
    assert lines[0].startswith("line 1999 ")
    assert all(line.startswith("line ") for line in lines)
