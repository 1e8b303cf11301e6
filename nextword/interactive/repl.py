"""The interactive session: type a line, see what may come next, type on.

`Repl` holds the conversation: what a line or a command does to the session and what is shown. Where lines come from
is a parameter (`read_line`): a pipe, a test that is the user, or the prompt that suggests while typing (`live.py`).
Knows the session and the screen; nothing of networks.
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
from nextword.terminal import output as console

if TYPE_CHECKING:
    from nextword.config import AdaptConfig
    from nextword.inference.lstm import LSTMState
    from nextword.inference.session_store import SessionStore
    from nextword.text.sentences import SentencePosition

COMMANDS = {  # name and argument to what it does
    "/undo": "take the last line back",
    "/reset": "forget everything",
    "/save NAME": "keep this session as NAME, from now on with every line",
    "/load NAME": "go on with the session NAME",
    "/sessions": "list the sessions kept",
    "/learned": "list the words read, those new to the model first",
    "/forget WORD": "forget that WORD was read",
    "/top N": "suggest N words",
    "/explain": "show what the network makes of the last line, word by word",
    "/why": "say which words read the suggestions owe themselves to",
    "/state": "show how much the memory holds: norms, words read",
    "/help": "show this",
    "/quit": "leave (or Ctrl-D); Ctrl-C drops the line being typed",
}
_QUESTIONS = {
    "/save": "as what? For example: /save diary",
    "/load": "which one? /sessions lists them",
    "/forget": "which word? /learned lists them",
    "/top": "how many? For example: /top 5",
}
_HELP = "\n".join(f"  {usage:<13} {meaning}" for usage, meaning in COMMANDS.items())
_LINE_HELP = "Type a line and press Enter: the next words are suggested, and all lines so far are remembered."
_LIVE_HELP = """\
Words are suggested at every key. Tab takes the first, and so does the right
arrow at the end of the line; Alt-2 (or Esc, then 2) the second, and so on.
The space that comes with a word steps aside for a full stop or a comma.
Enter ends the line; all lines so far are remembered."""
_END_SHOWN = 60  # characters of the text, to show where it has got to
_MAX_LINES = 100  # that can be explained, after as many times /undo
_MAX_LEARNED = 20  # words new to the model, and as many others


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
        self._lines: deque[_Line] = deque(maxlen=_MAX_LINES)

    def run(self, read_line: Callable[[], str]) -> None:
        """Answer lines until `read_line` raises EOFError or the user leaves; KeyboardInterrupt drops a line."""
        if self._live and self.session.words_seen:
            self._show_end()
        while True:
            try:
                line = read_line()
                if not self.answer(line):
                    return
                sys.stdout.flush()  # whoever waits at the other end of a pipe gets the answer now
            except EOFError:
                return
            except KeyboardInterrupt:
                continue
            except NextwordError as error:
                console.error(error.message, error.hint)

    def answer(self, line: str) -> bool:
        """Do what `line` asks for and show the outcome; False when it asks to leave.

        Raises:
            NextwordError: A file cannot be written or read; the session goes on.
        """
        if not line.startswith("/"):
            self._read(line)
            return True
        command, _, argument = line.strip().partition(" ")
        if command == "/quit":
            return False
        actions: dict[str, Callable[[str], None]] = {
            "/undo": self._undo,
            "/reset": self._reset,
            "/save": self._save,
            "/load": self._load,
            "/sessions": self._sessions,
            "/learned": self._learned,
            "/forget": self._forget,
            "/top": self._top,
            "/explain": self._explain,
            "/why": self._why,
            "/state": self._state,
            "/help": self._help,
        }
        if command not in actions:
            console.note(f"{command} is no command; /help lists them")
        elif command in _QUESTIONS and not argument.strip():
            console.note(_QUESTIONS[command])
        else:
            actions[command](argument.strip())
        return True

    def _read(self, line: str) -> None:
        if not line.strip():
            self._suggest()
            return
        read = end_of(line, self._predictor.tokenizer)
        console.note_end_read(len(line), len(read))
        before = self.session.snapshot
        unknown = self.session.feed(read.rstrip())
        self._lines.append(_Line(read, before.state, before.position, self.session.state))
        if unknown and not self._live:
            console.note(f"not in the vocabulary: {', '.join(unknown)}")
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
            console.show_predictions(self.session.suggest(self.k))

    def _show_end(self) -> None:
        """Where the text has got to: its last words, or the suggestions."""
        if not self._live:
            self._suggest()
        elif self.session.words_seen:
            tail = self.session.snapshot.tail
            console.note(f"the text ends: {'... ' if len(tail) > _END_SHOWN else ''}{tail[-_END_SHOWN:]}")
        else:
            console.note("the text is empty")

    # -- commands ------------------------------------------------------------------------------------------------

    def _undo(self, argument: str) -> None:
        if self.session.undo():
            self._changed(self._show_end)
        else:
            console.note("there is nothing to take back")

    def _reset(self, argument: str) -> None:
        self.session.reset()
        self._changed(self._show_end)

    def _save(self, name: str) -> None:
        path = self._kept().save(name, self.session)
        self._name = name
        console.note(f"saved in {path}, and from now on with every line")

    def _load(self, name: str) -> None:
        self.session = self._kept().load(name, self._predictor, self._adapt)
        self._name = name
        self._show_end()

    def _sessions(self, argument: str) -> None:
        names = self._kept().names()
        for name in names:
            print(console.visible(name) + (" (this one)" if name == self._name else ""))
        if not names:
            console.note("none is kept yet; /save NAME keeps this one")

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
            console.show_learned(rows, left_out=len(learned) - len(rows))
        else:
            console.note("nothing was read yet" if self._adapt else "nothing is learned with --no-adapt")

    def _forget(self, word: str) -> None:
        if self.session.forget(word):
            console.note(f"{word} is forgotten until it is read again; /undo brings it back")
            self._changed(self._suggest)
        else:
            console.note(f"{word} is not among the words learned; /learned lists them")

    def _top(self, argument: str) -> None:
        if argument.isdecimal() and int(argument) > 0:
            self.k = int(argument)
            self._suggest()
        else:
            console.note(_QUESTIONS["/top"])

    def _explain(self, argument: str) -> None:
        line = next((line for line in reversed(self._lines) if line.after is self.session.state), None)
        if line is None:
            console.note("no line was read to get here; type one first")
            return
        from nextword.analysis.explain import explain
        from nextword.config import ExplainConfig
        from nextword.terminal import heatmap

        config = ExplainConfig()
        explanation = explain(self._predictor, line.text, config, line.before, line.position)
        if explanation.cut:
            console.note(f"only the first {len(explanation.words):,} words of the line are shown")
        heatmap.show(heatmap.of_layers(explanation, config.units))

    def _why(self, argument: str) -> None:
        from nextword.analysis.influence import why_suggested
        from nextword.terminal.influence import summary

        explained = why_suggested(self.session, self.k)
        if explained is None:
            console.note("there is nothing that could be read anew; type a line first")
            return
        for line in summary(*explained):
            print(line)

    def _state(self, argument: str) -> None:
        console.show_state(self.session.state, self.session.words_seen)

    def _help(self, argument: str) -> None:
        print(_LIVE_HELP if self._live else _LINE_HELP)
        print(_HELP)


def run_on_pipe(repl: Repl) -> None:
    """Answer line after line from stdin, without prompt or history."""
    lines = console.input_lines(sys.stdin.buffer)

    def read_line() -> str:
        line = next(lines, None)
        if line is None:
            raise EOFError
        return line

    repl.run(read_line)
