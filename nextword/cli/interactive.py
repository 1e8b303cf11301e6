"""`nextword repl` and `nextword filter`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from nextword.cli.options import CheckpointOption, CountOption, NoAdaptOption
from nextword.config import AdaptConfig
from nextword.errors import StorageError, UsageError
from nextword.terminal import output


def repl(
    k: CountOption = 5,
    checkpoint: CheckpointOption = None,
    session: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Go on with the session NAME, or begin it; saved with every line.", show_default=False
        ),
    ] = None,
    no_adapt: NoAdaptOption = False,
    private: Annotated[bool, typer.Option("--private", help="Keep nothing on disk: no history, no sessions.")] = False,
) -> None:
    """Type with suggestions at every key; all lines so far are remembered."""
    if private and session is not None:
        raise UsageError("--private keeps nothing on disk, and --session does", "Leave one of them out")
    from nextword.inference.predictor import Predictor
    from nextword.inference.session_store import SessionStore
    from nextword.interactive.repl import Repl, run_on_pipe
    from nextword.storage.locations import user_data_folder

    live = output.moves_cursor(sys.stdin) and output.moves_cursor(sys.stdout)
    store = None if private else SessionStore()
    adapt = None if no_adapt else AdaptConfig()
    conversation = Repl(Predictor.load(checkpoint), k, adapt, store, session, live)
    if live:
        from nextword.interactive.prompt import converse

        history = None
        if not private:
            try:
                history = user_data_folder() / "history"
            except StorageError as error:
                output.note(f"no history: {error.message}. {error.hint}")
        converse(conversation, history)
    else:
        run_on_pipe(conversation)


def answer_lines(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-n INT] [-c INT] [-g] [-d DIR] [--checkpoint PATH] [--no-adapt] [-v]"),
    ] = None,
) -> None:
    """Answer every line of stdin with a line of words, as the completion plug-ins of editors want it.

    A line that ends in a space asks for the next word; otherwise the replies begin with its last word. -n or -c: most
    words in a reply (10). -g: as many as possible. -d: a folder with a checkpoint (unset: $NEXTWORD_DATA_PATH). Flags
    are read as Go reads them: -n 5, -n=5, --n 5. Without a command, a nextword whose stdin is a pipe does the same.
    """
    from nextword.interactive import editor_filter

    raise typer.Exit(editor_filter.run(arguments or []))
