"""The interactive session: type a line, see what may come next, type on.

`Repl` holds the conversation: what a line or a command does to the session and what is shown. Where lines come from
is a parameter (`read_line`): a pipe, a test that is the user, or the prompt that suggests while typing (`prompt.py`).
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from nextword.errors import NextwordError, UsageError
from nextword.inference.batch import end_of
from nextword.inference.outlook import check_count
from nextword.inference.predictor import Predictor
from nextword.terminal import output, results
from nextword.terminal.stdin import input_lines

if TYPE_CHECKING:
    from nextword.config import AdaptConfig
    from nextword.inference.lstm import LSTMState
    from nextword.inference.session_store import SessionStore
    from nextword.text.sentences import SentencePosition

_LINE_HELP = "Type a line and press Enter: the next words are suggested, and all lines so far are remembered."
_LIVE_HELP = """\
Words are suggested at every key. Tab takes the first, and so does the right
arrow at the end of the line; Alt-2 (or Esc, then 2) the second, and so on.
Where several words are shown in gray, Ctrl-Right or End takes all of them.
After a word that no one writes, Alt-0 puts the one at 0 in its place.
The space that comes with a word steps aside for a period or a comma.
Enter ends the line; all lines so far are remembered."""
_MAX_END_LENGTH = 60  # characters of the text's end, to show where it has got to
_MAX_LINES = 100  # lines that can be explained, after as many times /undo
_MAX_LEARNED = 20  # words listed that are new to the model, and as many others


class _Line(NamedTuple):
    """A line that was read."""

    text: str
    before: LSTMState
    position: SentencePosition  # where in a sentence it begins
    after: LSTMState


class Repl:
    """A conversation with one session.

    Args:
        predictor: The model.
        k: How many words to suggest.
        adapt: How the session learns from what it reads; None: not at all.
        store: Where sessions are kept; None: nothing is.
        name: The session that goes on, or begins, and is saved with every line; None: one that is not kept.
        live: Whether words are suggested while a line is typed, so that it needs no answer.

    Raises:
        UsageError: `k` is less than 1, or no session can have that name.
        CheckpointError: The session's file is damaged, or of another model.
    """

    def __init__(
        self,
        predictor: Predictor,
        k: int,
        adapt: AdaptConfig | None = None,
        store: SessionStore | None = None,
        name: str | None = None,
        live: bool = False,
    ) -> None:
        check_count(k)
        self.k = k
        self._predictor = predictor
        self._adapt = adapt
        self._store = store
        self._name = name
        self._live = live
        self.session = store.open(name, predictor, adapt) if store and name is not None else predictor.session(adapt)
        output.note_session(self.session.note)
        self._lines: deque[_Line] = deque(maxlen=_MAX_LINES)

    def run(self, read_line: Callable[[], str]) -> None:
        """Answer lines until `read_line` raises EOFError or the user leaves; KeyboardInterrupt drops a line."""
        if self._live and self.session.words_seen:
            self._show_end()
        while True:
            try:
                self.answer(read_line())
                sys.stdout.flush()  # whoever waits at the other end of a pipe gets the answer now
            except EOFError:
                return
            except KeyboardInterrupt:
                continue
            except NextwordError as error:
                output.error(error.message, error.hint)

    def answer(self, line: str) -> None:
        """Do what `line` asks for and show the outcome.

        Raises:
            EOFError: It asks to leave.
            NextwordError: A file cannot be written or read; the session goes on.
        """
        if not line.startswith("/"):
            self._read(line)
            return
        name, _, argument = line.strip().partition(" ")
        command = next((command for command in COMMANDS if command.name == name), None)
        if command is None:
            output.note(f"{name} is no command; /help lists them")
        elif command.question and not argument.strip():
            output.note(command.question)
        else:
            command.action(self, argument.strip())

    def _read(self, line: str) -> None:
        if not line.strip():
            self._suggest()
            return
        read = end_of(line, self._predictor.tokenizer)
        output.note_end_read(len(line), len(read))
        before = self.session.snapshot
        unknown = self.session.feed(read.rstrip())
        self._lines.append(_Line(read, before.state, before.position, self.session.state))
        if not self._live:
            output.note_unknown_words(unknown)
        self._changed(self._suggest)

    def _changed(self, show: Callable[[], None]) -> None:
        """Save what was changed, if it has a name, and show something, even if the disk is full."""
        try:
            if self._store and self._name is not None:
                self._store.save(self._name, self.session)
        finally:
            show()

    def _suggest(self) -> None:
        if not self._live:
            results.show_predictions(self.session.suggest(self.k))

    def _show_end(self) -> None:
        """Where the text has got to: its last words, or the suggestions."""
        if not self._live:
            self._suggest()
        elif self.session.words_seen:
            tail = self.session.snapshot.tail
            output.note(f"the text ends: {'... ' if len(tail) > _MAX_END_LENGTH else ''}{tail[-_MAX_END_LENGTH:]}")
        else:
            output.note("the text is empty")

    # -- commands ------------------------------------------------------------------------------------------------

    def _undo(self, argument: str) -> None:
        if self.session.undo():
            self._changed(self._show_end)
        else:
            output.note("there is nothing to take back")

    def _reset(self, argument: str) -> None:
        self.session.reset()
        self._changed(self._show_end)

    def _save(self, name: str) -> None:
        path = self._kept().save(name, self.session)
        self._name = name
        output.note(f"saved in {path}, and from now on with every line")

    def _load(self, name: str) -> None:
        self.session = self._kept().load(name, self._predictor, self._adapt)
        self._name = name
        output.note_session(self.session.note)
        self._show_end()

    def _sessions(self, argument: str) -> None:
        names = self._kept().names()
        for name in names:
            print(output.visible(name) + (" (this one)" if name == self._name else ""))
        if not names:
            output.note("none is kept yet; /save NAME keeps this one")

    def _kept(self) -> SessionStore:
        """Where sessions are kept."""
        if not self._store:
            raise UsageError("with --private nothing is kept on disk", "Leave, and start without: nextword repl")
        return self._store

    def _learned(self, argument: str) -> None:
        learned = self.session.learned()
        new = [word for word in learned if word.new]
        rows = [*new[:_MAX_LEARNED], *[word for word in learned if not word.new][:_MAX_LEARNED]]
        if rows:
            results.show_learned(rows, left_out=len(learned) - len(rows))
        else:
            output.note("nothing was read yet" if self._adapt else "nothing is learned with --no-adapt")

    def _forget(self, word: str) -> None:
        if self.session.forget(word):
            output.note(f"{word} is forgotten until it is read again; /undo brings it back")
            self._changed(self._suggest)
        else:
            output.note(f"{word} is not among the words learned; /learned lists them")

    def _top(self, argument: str) -> None:
        if argument.isdecimal() and int(argument) > 0:
            self.k = int(argument)
            self._suggest()
        else:
            output.note("how many? For example: /top 5")

    def _explain(self, argument: str) -> None:
        line = next((line for line in reversed(self._lines) if line.after is self.session.state), None)
        if line is None:
            output.note("no line was read to get here; type one first")
            return
        from nextword.analysis.explain import explain
        from nextword.config import ExplainConfig
        from nextword.terminal import heatmap

        config = ExplainConfig()
        explanation = explain(self._predictor, line.text, config, line.before, line.position)
        if explanation.cut:
            output.note(f"only the first {len(explanation.words):,} words of the line are shown")
        heatmap.show(heatmap.of_layers(explanation, config.units))

    def _why(self, argument: str) -> None:
        from nextword.analysis.influence import why_suggested
        from nextword.terminal.influence import summary

        explained = why_suggested(self.session, self.k)
        if explained is None:
            output.note("there is nothing that could be read anew; type a line first")
            return
        for line in summary(*explained):
            print(line)

    def _state(self, argument: str) -> None:
        results.show_state(self.session.state, self.session.words_seen)

    def _help(self, argument: str) -> None:
        print(_LIVE_HELP if self._live else _LINE_HELP)
        for command in COMMANDS:
            print(f"  {command.usage:<13} {command.help}")

    def _quit(self, argument: str) -> None:
        raise EOFError


class Command(NamedTuple):
    """What a line that begins with a slash may ask for."""

    name: str
    argument: str  # what its argument is called; empty: it takes none
    help: str
    action: Callable[[Repl, str], None]
    question: str = ""  # what is said where the argument is missing

    @property
    def usage(self) -> str:
        """The name, and what comes after it."""
        return f"{self.name} {self.argument}".rstrip()


COMMANDS = (
    Command("/undo", "", "take the last line back", Repl._undo),
    Command("/reset", "", "forget everything", Repl._reset),
    Command(
        "/save",
        "NAME",
        "keep this session as NAME, from now on with every line",
        Repl._save,
        "as what? For example: /save diary",
    ),
    Command("/load", "NAME", "go on with the session NAME", Repl._load, "which one? /sessions lists them"),
    Command("/sessions", "", "list the sessions kept", Repl._sessions),
    Command("/learned", "", "list the words read, those new to the model first", Repl._learned),
    Command("/forget", "WORD", "forget that WORD was read", Repl._forget, "which word? /learned lists them"),
    Command("/top", "N", "suggest N words", Repl._top),
    Command("/explain", "", "show what the network makes of the last line, word by word", Repl._explain),
    Command("/why", "", "say which words read the suggestions owe themselves to", Repl._why),
    Command("/state", "", "show how much the memory holds: norms, words read", Repl._state),
    Command("/help", "", "show this", Repl._help),
    Command("/quit", "", "leave (or Ctrl-D); Ctrl-C drops the line being typed", Repl._quit),
)


def run_on_pipe(repl: Repl) -> None:
    """Answer line after line from stdin, without prompt or history."""
    lines = input_lines(sys.stdin.buffer)

    def read_line() -> str:
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    repl.run(read_line)
