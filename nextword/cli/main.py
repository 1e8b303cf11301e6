"""The tree of commands, and what becomes of an error: an `Error:` line, a `Hint:` line and an exit code.

Each command reads its arguments, hands over to who does the work and shows what comes back. torch is imported inside
`train`, `eval`, `score` and `memory` only: all other commands start without it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from nextword.about import __version__
from nextword.cli.evaluate import evaluate, info, memory, score
from nextword.cli.explain import explain, why
from nextword.cli.interactive import answer_lines, lsp, repl
from nextword.cli.options import is_first_process
from nextword.cli.predict import generate, predict
from nextword.cli.session import app as session_app
from nextword.cli.train import train
from nextword.errors import Interrupted, NextwordError, OutOfMemoryError, StorageError
from nextword.interactive.editor_flags import EXAMPLE
from nextword.storage.locations import shell_word
from nextword.terminal import output

app = typer.Typer(
    name="nextword",
    help="Learn to predict the next word from your own text, and type with it.",
    epilog="Example: nextword train diary.txt && nextword predict 'I had to'",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command(epilog="Example: nextword train diary.txt letters/ --minutes 10")(train)
app.command(epilog="Example: nextword predict 'The weather is'")(predict)
app.command(epilog="Example: nextword generate 'Once upon a time' --words 100 --seed 1")(generate)
app.command(epilog="Example: nextword repl --session diary")(repl)
app.command("filter", epilog=EXAMPLE, add_help_option=False, context_settings={"ignore_unknown_options": True})(
    answer_lines
)
app.add_typer(session_app, name="session", epilog="Example: nextword session show diary")
app.command(epilog="Example: nextword lsp, started by an editor; see nextword/lsp/README.md")(lsp)
app.command("eval", epilog="Example: nextword eval letters/ -c checkpoints/everyday.safetensors")(evaluate)
app.command(epilog="Example: nextword score story.txt > story.tsv")(score)
app.command(epilog="Example: nextword info checkpoints/everyday.safetensors")(info)
app.command(epilog="Example: nextword explain 'She speaks fluent French.'")(explain)
app.command(epilog="Example: nextword why 'I grew up in France. I speak fluent'")(why)
app.command(epilog="Example: nextword memory letters/ -c checkpoints/everyday.safetensors")(memory)


# What each kind of error is to a user: message, hint and exit code.
_FAILURES: dict[type[Exception], Callable[[Any], tuple[str, str, int]]] = {
    NextwordError: lambda error: (error.message, error.hint, error.exit_code),
    typer.TyperException: lambda error: (error.format_message().rstrip("."), _usage_hint(error), 2),
    OSError: lambda error: (*output.refusal(error), StorageError.exit_code),
    MemoryError: lambda _: ("there is not enough memory", "Close other programs.", OutOfMemoryError.exit_code),
}


def _version(asked: bool) -> None:
    if asked:
        print(f"nextword {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("-v", "--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    # Threads of torch that wait for each other spin for some microseconds, then sleep. By default they spin for long,
    # which keeps others from their work where another program has one of the processors; to sleep at once takes a
    # quarter of the speed where none has. OpenMP reads this when torch is loaded.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    try:
        code = app(standalone_mode=False) or 0
        sys.stdout.flush()
    except Interrupted as stop:
        code = stop.exit_code
        if not stop.silent:
            from nextword.terminal.training import stopped

            stopped(stop.message, stop.hint)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:
        code = 141
    except SystemExit as error:  # typer leaves with 1 when nobody reads the output any more
        code = 141 if isinstance(error.__context__, BrokenPipeError) else error.code
    except tuple(_FAILURES) as error:
        code = _fail(error)
    try:
        sys.stdout.flush()
    except OSError:
        # Python flushes stdout once more at exit; what is left of it has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _usage_hint(error: typer.TyperException) -> str:
    """What mends a command line: the help of its command, or quotes around a text."""
    context = getattr(error, "ctx", None)
    if context is None or context.parent is None:
        words = [word for word in sys.argv[1:] if not word.startswith("-")]
        if words and " " in words[0]:
            return f"To go on from a text: nextword predict {shell_word(words[0])}"
        return "See: nextword --help"
    if "extra argument" in error.format_message() and context.info_name in ("predict", "generate", "explain", "why"):
        return f"Put the text in quotes: nextword {context.info_name} 'The weather is'"
    return f"See: nextword {context.info_name} --help"


def _fail(error: Exception) -> int:
    """Show an error, or raise it for someone who debugs; its exit code."""
    if os.environ.get("NEXTWORD_DEBUG") == "1":
        raise error
    message, hint, code = next(tell(error) for kind, tell in _FAILURES.items() if isinstance(error, kind))
    silent = getattr(error, "silent", None)
    if silent is None:
        silent = not is_first_process()
    if not silent:
        output.error(message, hint)
    return code
