"""The prompt that suggests while typing: keys through a pipe, the screen as it was drawn after each."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.data_structures import Size
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.keys import Keys
from prompt_toolkit.output import DummyOutput

from nextword.config import AdaptConfig
from nextword.inference.predictor import Predictor
from nextword.interactive.prompt import MAX_LINE_LENGTH, LivePrompt
from nextword.interactive.repl import COMMANDS, Repl

TAB, RIGHT, LEFT, UP, HOME, END = "\t", "\x1b[C", "\x1b[D", "\x1b[A", "\x1b[H", "\x1b[F"
CTRL_RIGHT = "\x1b[1;5C"
ENTER, CTRL_C, CTRL_D, CTRL_Z, BACKSPACE = "\r", "\x03", "\x04", "\x1a", "\x7f"


def alt(number: int) -> str:
    return f"\x1b{number}"


def paste(text: str) -> str:
    return f"\x1b[200~{text}\x1b[201~"


class Paper(DummyOutput):
    """A screen that nobody sees, of a certain width."""

    def __init__(self, columns: int) -> None:
        self.columns = columns

    def get_size(self) -> Size:
        return Size(rows=24, columns=self.columns)


@dataclass
class Typist:
    """A conversation, and someone who types into it."""

    repl: Repl
    keyboard: PipeInput
    prompt: LivePrompt
    screen: list[str] = field(default_factory=list)  # what was last drawn, row by row
    is_patient: bool = False  # waits before the next key until no more words are shown

    def type(self, *keys: str) -> str | None:
        """Type into a line until it ends, or the keys do (None); Ctrl-C and Ctrl-D raise as they do for the repl."""
        return asyncio.run(asyncio.wait_for(self._type(keys), 60))

    async def _type(self, keys: tuple[str, ...]) -> str | None:
        application, drawn = self.prompt.application, asyncio.Event()

        def look(_: object) -> None:
            if not application.is_done and application.renderer.last_rendered_screen:
                drawing = application.renderer.last_rendered_screen.data_buffer
                rows = ["".join(drawing[row][column].char for column in sorted(drawing[row])) for row in range(24)]
                self.screen = [row.rstrip() for row in rows if row.strip()]
            drawn.set()

        application.after_render += look
        self.prompt.begin()
        line = asyncio.ensure_future(application.run_async())
        for key in ("", *keys):
            drawn.clear()
            self.keyboard.send_text(key)
            while not (line.done() or drawn.is_set()):
                await asyncio.sleep(0)
            while not line.done() and self.screen[-1:] == ["  reading ..."]:
                await asyncio.sleep(0)
            while self.is_patient and not line.done() and self.prompt.looks_further:
                await asyncio.sleep(0.001)
        application.after_render -= look
        if not (line.done() or application.is_done):
            application.exit(result=None)
        return await line

    @property
    def text(self) -> str:
        return self.prompt.buffer.text

    @property
    def words(self) -> list[str]:
        """The words suggested under the line."""
        return self.screen[-1].split()[1::2]


@pytest.fixture
def typist(predictor: Predictor) -> Iterator[Typist]:
    with a_typist(predictor) as someone:
        yield someone


@contextmanager
def a_typist(predictor: Predictor, columns: int = 80, k: int = 3) -> Iterator[Typist]:
    repl = Repl(predictor, k, AdaptConfig(), live=True)
    with create_pipe_input() as keyboard:
        yield Typist(repl, keyboard, LivePrompt(repl, InMemoryHistory(["The dog"]), keyboard, Paper(columns)))


def words(predictor: Predictor, text: str, prefix: str = "", k: int = 3) -> list[str]:
    session = predictor.session(AdaptConfig())
    session.feed(text)
    return [prediction.word for prediction in session.suggest(k, prefix=prefix)]


def test_words_are_suggested_before_a_letter_is_typed_and_at_every_letter(typist: Typist, predictor: Predictor) -> None:
    typist.type()
    first = words(predictor, "")
    assert typist.screen[0].startswith(f"> {first[0]}")
    assert typist.screen[1] == f"  1 {first[0]}  2 {first[1]}  3 {first[2]}"
    typist.type("The ", "c")
    assert typist.words == words(predictor, "The", "c")
    assert typist.screen[0].startswith("> The cat")  # the rest of the word is a ghost:
    assert typist.text == "The c"


def test_tab_and_the_right_arrow_take_the_first_word_and_alt_and_a_number_the_others(
    typist: Typist, predictor: Predictor
) -> None:
    second = words(predictor, "The cat")[1]
    line = typist.type("The c", TAB, alt(2), "in Par", RIGHT, ENTER)
    assert line == f"The cat {second} in Paris "


def test_the_right_arrow_inside_the_line_moves(typist: Typist) -> None:
    assert typist.type("The ca", LEFT, LEFT, RIGHT, "x", ENTER) == "The cxa"


def test_a_word_is_taken_where_the_cursor_is(typist: Typist) -> None:
    assert typist.type("The sat", *[LEFT] * 3, "ca", TAB, ENTER) == "The cat sat"


def test_the_space_of_a_taken_word_steps_aside(typist: Typist) -> None:
    assert typist.type("Anna lives in Par", TAB, ".", ENTER) == "Anna lives in Paris."
    assert typist.type("in Par", TAB, " ", "by ", ENTER) == "in Paris by "


@pytest.mark.parametrize("key", [CTRL_RIGHT, END])
def test_the_words_after_the_first_are_shown_and_taken_with_one_key(typist: Typist, key: str) -> None:
    typist.is_patient = True
    typist.type("Anna lives ", "i")
    shown = typist.screen[0].removeprefix("> ")
    assert len(shown.split()) > 3
    assert typist.type("Anna lives ", "i", key, ENTER) == f"{shown} "
    assert typist.type("Anna lives ", "i", RIGHT, ENTER) == "Anna lives in "
    assert typist.type("Anna lives in", LEFT, key, ENTER) == "Anna lives in"  # moves


def test_a_word_that_no_one_writes_is_put_right_with_a_key(typist: Typist) -> None:
    typist.type(*"Anna lvies ")
    assert typist.text == "Anna lvies "
    assert typist.screen[-1].startswith("  0 lives  1 ")
    assert typist.type(*"Anna lvies ", alt(0), ENTER) == "Anna lives "
    assert typist.type(*"Anna lives ", alt(0), ENTER) == "Anna lives "
    assert typist.type(*"Anna lvi", TAB, ENTER) == "Anna lives "


def test_a_backspace_brings_back_the_words_of_before(typist: Typist, predictor: Predictor) -> None:
    typist.type("The cat ", *[BACKSPACE] * 2)
    assert typist.text == "The ca"
    assert typist.words == words(predictor, "The", "ca")


def test_lines_go_on_from_each_other_and_a_dropped_one_does_not_count(typist: Typist, predictor: Predictor) -> None:
    line = typist.type("Anna lives in Paris.", ENTER)
    assert line
    typist.repl.answer(line)
    with pytest.raises(KeyboardInterrupt):
        typist.type("The horse was ", CTRL_C)
    typist.type()
    assert typist.words == words(predictor, "Anna lives in Paris.")
    assert typist.repl.session.words_seen == 5


def test_ctrl_d_leaves_from_an_empty_line_only(typist: Typist) -> None:
    assert typist.type("The cat", HOME, CTRL_D, ENTER) == "he cat"
    with pytest.raises(EOFError):
        typist.type(CTRL_D)


def test_ctrl_z_on_a_keyboard_that_is_no_terminal_is_nothing(typist: Typist) -> None:
    assert typist.type("The ", CTRL_Z, "cat", CTRL_Z, ENTER) == "The cat"
    typist.keyboard.send_text(f"The {CTRL_Z}dog{ENTER}")
    assert typist.prompt.read_line() == "The dog"


def test_a_prompt_that_is_left_while_enter_ends_its_line_begins_no_other(typist: Typist) -> None:
    accept = typist.prompt.buffer.accept_handler
    assert accept

    def leave_at_once(buffer: Buffer) -> bool:
        accept(buffer)
        assert typist.prompt.leave()
        return True

    typist.prompt.buffer.accept_handler = leave_at_once
    typist.keyboard.send_text(f"The cat{ENTER}Anna{ENTER}")
    assert typist.prompt.read_line() == "The cat"
    with pytest.raises(EOFError):
        typist.prompt.read_line()


def test_a_prompt_is_left_in_the_middle_of_a_line_or_says_that_there_is_none(typist: Typist) -> None:
    assert not typist.prompt.leave()
    typist.prompt.application.after_render += lambda _: typist.text == "The" and typist.prompt.leave()
    typist.keyboard.send_text("The")
    with pytest.raises(EOFError):
        typist.prompt.read_line()


def test_the_arrow_up_brings_lines_back(typist: Typist) -> None:
    assert typist.type(UP, ENTER) == "The dog"


def test_commands_are_explained_and_completed(typist: Typist) -> None:
    typist.type("/")
    names = [command.name for command in COMMANDS]
    assert [name for line in typist.screen[1:] for name in line.split()] == names
    help_of = {command.usage: command.help for command in COMMANDS}
    typist.type("/le")
    assert typist.screen == ["> /learned", f"  /learned  {help_of['/learned']}"]
    typist.type("/forget Zoltan")
    assert typist.screen == ["> /forget Zoltan", f"  /forget WORD  {help_of['/forget WORD']}"]
    typist.type("/sing")
    assert typist.screen == ["> /sing", "  no such command; /help lists them"]
    assert typist.type("/le", TAB, ENTER) == "/learned"
    assert typist.type("/sing", TAB, alt(1), ENTER) == "/sing"


def test_words_that_do_not_fit_are_left_out(predictor: Predictor) -> None:
    with a_typist(predictor, columns=18) as narrow:
        narrow.type("/")
        assert len(narrow.screen) > 4
        assert max(map(len, narrow.screen)) < 18
        narrow.type("The ")
        assert 1 <= len(narrow.words) < 3
        assert len(narrow.screen[-1]) < 18


def test_a_paste_of_paragraphs_is_one_line(typist: Typist) -> None:
    assert typist.type(paste("Anna lives\r\nin Paris.\r\n\r\nThe cat"), " sat", ENTER) == (
        "Anna lives\nin Paris.\n\nThe cat sat"
    )


def test_a_long_paste_is_read_a_part_at_a_time_and_then_suggested_for(typist: Typist, predictor: Predictor) -> None:
    text = "The cat sat on the mat. " * 50
    typist.type(paste(text))
    assert typist.words == words(predictor, text)


def test_a_paste_that_is_too_long_is_refused_and_the_line_stays(typist: Typist) -> None:
    assert typist.type("The ", paste("x" * MAX_LINE_LENGTH), "cat", ENTER) == "The cat"
    typist.type("The ", paste("x " * MAX_LINE_LENGTH))
    assert f"at most {MAX_LINE_LENGTH:,} characters" in typist.screen[-1]
    assert typist.text == "The "


def test_a_paste_of_ten_megabytes_is_refused_without_being_kept(typist: Typist) -> None:
    parser = typist.prompt.application.input.vt100_parser  # type: ignore[attr-defined]
    parser.feed("The ")
    chunks = ["\x1b[200~", *["word " * 205] * 10_000, "\x1b[20", "1~"]
    tracemalloc.start()
    for chunk in chunks:
        parser.feed(chunk)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    parser.feed("cat")
    *before, pasted, c, a, t = typist.keyboard.read_keys()
    assert most < 8 * MAX_LINE_LENGTH
    assert "".join(key.data for key in before) == "The "
    assert pasted.key == Keys.BracketedPaste
    assert len(pasted.data) > MAX_LINE_LENGTH
    assert [key.data for key in (c, a, t)] == ["c", "a", "t"]


def test_a_megabyte_that_is_not_marked_as_a_paste_is_a_few_keys(typist: Typist) -> None:
    parser = typist.prompt.application.input.vt100_parser  # type: ignore[attr-defined]
    for _ in range(1_000):
        parser.feed("word " * 200)
    keys = typist.keyboard.read_keys()
    assert len(keys) == 1_000
    assert "".join(key.data for key in keys) == "word " * 200_000


def test_keys_beyond_the_longest_line_are_dropped_and_said_to_be(typist: Typist) -> None:
    typist.type(paste("x" * MAX_LINE_LENGTH), "y", "z")
    assert typist.text == "x" * MAX_LINE_LENGTH
    assert "Enter reads it" in typist.screen[-1]


def test_a_paste_that_is_not_marked_fills_the_line_and_the_rest_is_said_to_be_dropped(typist: Typist) -> None:
    typist.type("x" * (MAX_LINE_LENGTH + 1))
    assert typist.text == "x" * MAX_LINE_LENGTH
    assert "Enter reads it" in typist.screen[-1]
    typist.type("x" * MAX_LINE_LENGTH)
    assert "Enter reads it" not in typist.screen[-1]


def test_nothing_that_could_command_the_terminal_is_drawn(typist: Typist) -> None:
    typist.type(paste("The \u202e\x1b]52;c;x\x07 \x9b cat"))
    drawn = "".join(typist.screen)
    assert not any(ord(character) < 32 or character in "\u202e\x9b\x07" for character in drawn)
    assert drawn.startswith("> The \ufffd\ufffd]52;c;x\ufffd")
