"""The prompt that suggests while a line is typed: keys in, a line out, suggestions on the screen.

Under the line stand the suggestions, after its end the rest of the best one, and words after it where these are worth
showing. Tab, or the right arrow at the end of the line, takes the word, Ctrl-Right or End all; Alt-1 to Alt-9 take the
others, Alt-0 what stands there in the place of a word that no one writes. What keys mean for the text is
`typing_line.py`'s matter, what a line means for the conversation `repl.py`'s.
"""

from __future__ import annotations

import asyncio
import gc
import os
import re
import signal
import textwrap
from typing import Any

from prompt_toolkit.application import Application, run_in_terminal
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition, is_done
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import BufferControl, ConditionalContainer, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.layout.processors import (
    AfterInput,
    BeforeInput,
    ConditionalProcessor,
    Processor,
    Transformation,
    TransformationInput,
)
from prompt_toolkit.output import Output
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import get_cwidth

from nextword.errors import NextwordError
from nextword.interactive.history import LineHistory
from nextword.interactive.repl import COMMANDS, Command, Repl
from nextword.interactive.screen import ShellTerminal, uncolored
from nextword.interactive.typing_line import TypingLine
from nextword.signals import exit_on_sigterm
from nextword.storage.locations import user_data_folder
from nextword.terminal import output

MAX_LINE_LENGTH = 5_000  # characters
_MAX_READ_AHEAD = 8  # words read between one look at the keyboard and the next
_PAUSE = 0.04  # seconds without a key; who types fast has a key every 0.1
_MAX_RANK = 9  # the last suggestion that has a key
_TOO_LONG = f"  a line has at most {MAX_LINE_LENGTH:,} characters; Enter reads it, then go on"
_PASTE_END = "\x1b[201~"
_RUNS = re.compile(r"[^\x00-\x1f\x7f-\x9f]{32,}|.", re.DOTALL)  # 32 characters and more that come at once were pasted
_STYLE = Style.from_dict({"ghost": "ansibrightblack", "number": "ansibrightblack", "best": "bold"})


def converse(repl: Repl, keep_history: bool) -> None:
    """Hold a conversation on the terminal.

    Args:
        repl: What answers.
        keep_history: Whether the lines typed are kept in the user's data folder, or forgotten in the end.
    """
    lines: History = InMemoryHistory()
    if keep_history:
        try:
            lines = LineHistory(user_data_folder() / "history")
        except NextwordError as error:
            output.note(f"no history: {error.message}. {error.hint}")
    print("Type some text: Tab takes the word suggested, /help shows what else there is.")
    prompt = LivePrompt(repl, lines, screen=uncolored())
    with exit_on_sigterm(prompt.leave):
        repl.run(prompt.read_line)


class LivePrompt:
    """Reads one line after the other.

    Args:
        repl: The conversation that the lines are for.
        history: For the arrow keys.
        keyboard: Where keys come from; None: the terminal.
        screen: Where the line is shown; None: the terminal.
    """

    def __init__(
        self, repl: Repl, history: History, keyboard: Input | None = None, screen: Output | None = None
    ) -> None:
        self._repl = repl
        self._line = TypingLine(repl.session, repl.k)
        self._notice = ""
        self._is_reading = self._is_left = False
        self._shell: ShellTerminal | None = None
        self._pause: asyncio.TimerHandle | None = None
        self.buffer = Buffer(history=history, multiline=False, accept_handler=self._accept)
        self._at_end = Condition(lambda: self.buffer.document.is_cursor_at_the_end)
        ghost = AfterInput(lambda: output.visible(self.ghost()), "class:ghost")
        shown = [BeforeInput("> "), _Visible(), ConditionalProcessor(ghost, self._at_end & ~is_done)]
        line = Window(BufferControl(self.buffer, shown), wrap_lines=True, dont_extend_height=True)
        bar = Window(FormattedTextControl(self._bar), dont_extend_height=True)
        self.application: Application[str] = Application(
            Layout(HSplit([line, ConditionalContainer(bar, ~is_done)])),
            style=_STYLE,
            key_bindings=self._keys(),
            before_render=self._read_ahead,
            after_render=self._wait_for_pause,
            input=keyboard,
            output=screen,
        )
        if hasattr(self.application.input, "vt100_parser"):
            parser = self.application.input.vt100_parser
            self.application.input.vt100_parser = _BoundedParser(parser.feed_key_callback)
        repl.session.engine.index.prepare()  # the words are put in order now, not at the first key
        self._line.suggestions("a")
        # What is loaded by now stays; looking through all of it for garbage would hold up a key for some 25 ms.
        gc.collect()
        gc.freeze()

    def read_line(self) -> str:
        """The next line.

        Raises:
            EOFError: Ctrl-D on an empty line, or the terminal is gone.
            KeyboardInterrupt: Ctrl-C.
        """
        self._is_reading = True
        try:
            if self._is_left:
                raise EOFError
            self.begin()
            self._shell = ShellTerminal.of(self.application.input)
            return self.application.run(pre_run=self._begun)
        finally:
            self._is_reading = False

    def _begun(self) -> None:
        if self._shell and self.application.loop:
            self.application.loop.add_signal_handler(signal.SIGTSTP, self._suspend, os.getpid())
        self._end_if_left()

    def _suspend(self, process: int) -> None:
        """Leave the terminal to the shell until that says to go on, then draw the line anew; without a shell, nothing.

        Args:
            process: Which one stops; 0: all of this one's group.
        """
        shell = self._shell
        if shell:
            run_in_terminal(lambda: shell.lend(process))

    def leave(self) -> bool:
        """End the line being read, if there is one, as Ctrl-D ends an empty one, and begin no other.

        Returns:
            Whether there is one: it ends as soon as nothing is half drawn.
        """
        self._is_left = self._is_reading
        if self._is_left and self.application.loop:
            self.application.loop.call_soon_threadsafe(self._end_if_left)
        return self._is_left

    def _end_if_left(self) -> None:
        future = self.application.future
        if self._is_left and future and not future.done():  # as it is if Enter has just ended the line
            self.application.exit(exception=EOFError)

    def begin(self) -> None:
        """Begin an empty line, which goes on from where the conversation is."""
        self._line, self._notice = TypingLine(self._repl.session, self._repl.k), ""
        self.buffer.reset()

    def _accept(self, buffer: Buffer) -> bool:
        self.application.exit(result=buffer.text)
        return True  # the text stays on the screen

    # -- what is shown -------------------------------------------------------------------------------------------

    def _read_ahead(self, application: Application[Any]) -> None:
        """Read a chunk of what was typed; a long paste takes several, and keys are heard in between."""
        if not self._is_command and not self._line.read(self._before, _MAX_READ_AHEAD):
            application.invalidate()

    def _wait_for_pause(self, application: Application[Any]) -> None:
        """Look for more words to show once no key has come for a moment, so that none waits for it."""
        if self._pause:
            self._pause.cancel()
        loop = None if application.is_done or self._is_command else application.loop
        self._pause = loop.call_later(_PAUSE, self._look_further) if loop else None

    def _look_further(self) -> None:
        """Look for one more word to show after the first, and after it, when it is shown, for the next."""
        if self._at_end() and self._line.is_read(self._before) and self._line.grow(self._before):
            self.application.invalidate()
        else:
            self._pause = None

    @property
    def looks_further(self) -> bool:
        """Whether more words may be shown without a key."""
        return self._pause is not None

    @property
    def _before(self) -> str:
        return self.buffer.document.text_before_cursor

    @property
    def _is_command(self) -> bool:
        return self.buffer.text.startswith("/")

    def ghost(self) -> str:
        """What Tab would add at the end of the line."""
        if not self._is_command:
            return self._line.ghost(self._before) if self._line.is_read(self._before) else ""
        commands = self._commands()
        return commands[0].name[len(self._before) :] if commands else ""

    def _commands(self) -> list[Command]:
        """The commands that the line may become, or the one that it is."""
        name, space, _ = self._before.partition(" ")
        return [command for command in COMMANDS if f"{command.name} ".startswith(name + space)]

    def _bar(self) -> StyleAndTextTuples:
        """What stands under the line."""
        width = self.application.output.get_size().columns - 1
        if self._notice:
            return [("class:number", self._notice[:width])]
        if self._is_command:
            return [("class:number", self._command_bar(width))]
        if not self._line.is_read(self._before):
            return [("class:number", "  reading ...")]
        return self._suggestion_bar(width)

    def _command_bar(self, width: int) -> str:
        """The commands that the line may become, in as many rows as they need; what the only one does."""
        commands = self._commands()
        if len(commands) > 1:
            names = " ".join(command.name for command in commands)
            return textwrap.fill(names, max(width, 10), initial_indent="  ", subsequent_indent="  ")
        listed = [f"  {command.usage}  {command.help}" for command in commands]
        return (listed or ["  no such command; /help lists them"])[0][:width]

    def _suggestion_bar(self, width: int) -> StyleAndTextTuples:
        """The suggestions in a row, those that do not fit left out."""
        bar: StyleAndTextTuples = []
        words = [(rank, one.word) for rank, one in enumerate(self._line.suggestions(self._before), start=1)]
        if (corrected := self._line.correction(self._before)) is not None:
            words.insert(0, (0, corrected))
        for rank, suggested in words:
            number, word = f"  {rank} ", output.visible(suggested)
            width -= len(number) + get_cwidth(word)
            if width < 0:
                break
            bar += [("class:number", number), ("class:best" if rank == 1 else "", word)]
        return bar

    # -- what keys do --------------------------------------------------------------------------------------------

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        for rank in range(1, _MAX_RANK + 1):
            keys.add("escape", str(rank))(lambda event, rank=rank: self._take(rank))
        keys.add("escape", "0")(lambda event: self._replace(self._line.correct(self._before)))
        for key in ("c-right", "end"):
            keys.add(key, filter=self._at_end)(lambda event: self._take_all())
        keys.add("tab")(lambda event: self._take(1))
        keys.add("right", filter=self._at_end)(lambda event: self._take(1))
        keys.add(Keys.Any)(self._typed)
        keys.add(Keys.BracketedPaste)(self._pasted)
        keys.add("c-c")(lambda event: event.app.exit(exception=KeyboardInterrupt))
        keys.add("c-z")(lambda event: self._suspend(0))
        is_empty = Condition(lambda: not self.buffer.text)
        keys.add("c-d", filter=is_empty)(lambda event: event.app.exit(exception=EOFError))
        return keys

    def _take(self, rank: int) -> None:
        if not self._is_command:
            self._replace(self._line.take(self._before, rank))
        elif rank == 1 and self.buffer.document.is_cursor_at_the_end:
            self._replace(self._before + self.ghost())

    def _take_all(self) -> None:
        if self._is_command:
            self._take(1)
        elif self._line.is_read(self._before):
            self._replace(self._line.take_all(self._before))

    def _typed(self, event: KeyPressEvent) -> None:
        # On a full line 1, which may be punctuation that takes the place of a taken word's space.
        left = max(MAX_LINE_LENGTH - len(self.buffer.text), 1)
        self._replace(self._line.typed(self._before, event.data[:left]))
        if len(event.data) > left:
            self._notice = _TOO_LONG

    def _pasted(self, event: KeyPressEvent) -> None:
        self._replace(self._before + event.data.replace("\r\n", "\n").replace("\r", "\n"))

    def _replace(self, before: str) -> None:
        """Put `before` in the place of the text before the cursor, if a line may be that long."""
        text = before + self.buffer.document.text_after_cursor
        self._notice = ""
        if len(text) > MAX_LINE_LENGTH:
            self._notice = _TOO_LONG
        else:
            self.buffer.document = Document(text, len(before))


class _Visible(Processor):
    """Shows U+FFFD for every character that a terminal might obey, one for one, so that places stay."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        return Transformation(
            [(fragment[0], output.masked(fragment[1])) for fragment in transformation_input.fragments]
        )


class _BoundedParser(Vt100Parser):
    """Does little for a paste, however long it is and whether the terminal marks it as one or not.

    prompt_toolkit's own makes a key press for every letter of a paste that is not marked: with 3.0.53, a megabyte kept
    the next key waiting for 58 s, here for 0.8 s. Of one that is marked it collects all, and searches all of that for
    the end whenever a kilobyte comes: ten megabytes took 28 s, here 0.4 s (one megabyte 0.5 s, here 0.1 s).
    """

    _recent = ""

    def feed(self, data: str) -> None:
        """Parse `data`: a long run of letters is one press of any key."""
        if self._in_bracketed_paste:
            if len(self._paste_buffer) > 2 * MAX_LINE_LENGTH:
                half_mark = self._paste_buffer[-len(_PASTE_END) :]
                self._paste_buffer = self._paste_buffer[: MAX_LINE_LENGTH + 1] + half_mark
        elif "\x1b" not in self._recent + data:
            for run in _RUNS.findall(data):
                if len(run) > 1:
                    self.feed_key_callback(KeyPress(Keys.Any, run))
                else:
                    super().feed(run)
            return
        self._recent = data[-len(_PASTE_END) :]
        super().feed(data)
