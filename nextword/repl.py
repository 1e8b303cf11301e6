"""The interactive session: type a line, see what may come next, type on.

`Repl` holds the conversation: what a line or a command does to the session and what is shown. Where lines come from
is a parameter (`read_line`), so that a test can be the user, and so that a prompt which suggests while typing can
take the place of the plain one without a change here. Knows the session and the screen; nothing of networks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from nextword import console
from nextword.errors import NextwordError
from nextword.predictor import Predictor, check_count

_HELP = """\
Type a line and press Enter: the next words are suggested, and all lines so far are remembered.
  /top N    show N suggestions
  /state    how much the memory holds: norms of hidden and cell state, words seen
  /undo     take the last line back
  /reset    forget everything
  /help     this
  /quit     leave (or Ctrl-D); Ctrl-C drops the line being typed"""


class Repl:
    """A conversation with one session.

    Args:
        predictor: The model.
        k: How many words to suggest.

    Raises:
        UsageError: `k` is less than 1.
    """

    def __init__(self, predictor: Predictor, k: int) -> None:
        check_count(k)
        self.session = predictor.session()
        self.k = k

    def run(self, read_line: Callable[[], str]) -> None:
        """Answer lines until `read_line` raises EOFError or the user leaves; KeyboardInterrupt drops a line."""
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
        """Do what `line` asks for and show the outcome; False when it asks to leave."""
        if not line.startswith("/"):
            unknown = self.session.feed(line)
            if unknown:
                console.note(f"not in the vocabulary: {', '.join(unknown)}")
            self._suggest()
            return True
        command, _, argument = line.strip().partition(" ")
        if command == "/quit":
            return False
        if command == "/help":
            print(_HELP)
        elif command == "/state":
            console.show_state(self.session.state, self.session.words_seen)
        elif command == "/top":
            self._top(argument.strip())
        elif command == "/undo":
            if self.session.undo():
                self._suggest()
            else:
                console.note("there is nothing to take back")
        elif command == "/reset":
            self.session.reset()
            self._suggest()
        else:
            console.note(f"{command} is no command; /help lists them")
        return True

    def _top(self, argument: str) -> None:
        if argument.isdecimal() and int(argument) > 0:
            self.k = int(argument)
            self._suggest()
        else:
            console.note("how many? For example: /top 5")

    def _suggest(self) -> None:
        console.show_predictions(self.session.suggest(self.k))


def run_on_terminal(predictor: Predictor, k: int) -> None:
    """Converse through a prompt with line editing and history (arrow keys)."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import InMemoryHistory

    prompt: PromptSession[str] = PromptSession(history=InMemoryHistory())
    print("Type some text. /help shows what else there is.")
    Repl(predictor, k).run(lambda: prompt.prompt("> "))


def run_on_pipe(predictor: Predictor, k: int) -> None:
    """Answer line after line from stdin, without prompt or history."""
    lines = console.input_lines(sys.stdin.buffer)

    def read_line() -> str:
        line = next(lines, None)
        if line is None:
            raise EOFError
        return line

    Repl(predictor, k).run(read_line)
