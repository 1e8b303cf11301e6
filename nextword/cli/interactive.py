"""`nextword repl`, `nextword filter` and `nextword lsp`."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Annotated

import typer

from nextword.cli.options import CheckpointOption, CountOption, NoAdaptOption
from nextword.config import AdaptConfig, PredictConfig
from nextword.errors import UsageError
from nextword.terminal import output


def repl(
    k: CountOption = PredictConfig.k,
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

    live = output.moves_cursor(sys.stdin) and output.moves_cursor(sys.stdout)
    store = None if private else SessionStore()
    adapt = None if no_adapt else AdaptConfig()
    conversation = Repl(Predictor.load(checkpoint), k, adapt, store, session, live)
    if live:
        from nextword.interactive.prompt import converse

        converse(conversation, keep_history=not private)
    else:
        run_on_pipe(conversation)


def lsp(
    checkpoint: CheckpointOption = None,
    tcp: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Listen there instead of at stdin, to look at it.", show_default=False),
    ] = None,
) -> None:
    """Suggest words in an editor: a language server on stdin and stdout.

    What is set in the editor counts more than options. All settings are in nextword/lsp/README.md.
    """
    host, _, port = (tcp or "").rpartition(":")
    if tcp is not None and not (host and port.isdecimal() and 0 < int(port) < 2**16):
        raise UsageError(f"--tcp is {tcp!r}; it must be a host and a port", "Try --tcp 127.0.0.1:8080")
    if find_spec("pygls") is None:
        raise UsageError(
            "the language server needs pygls, which is not installed", "Install it: pip install 'nextword[lsp]'"
        )
    from nextword.lsp.workspace import load

    with ThreadPoolExecutor(1) as loading:
        model = loading.submit(load, checkpoint)  # while the protocol is imported, which takes as long
        from nextword.lsp.server import serve

        serve(model, (host, int(port)) if tcp else None)


def answer_lines(
    arguments: Annotated[list[str] | None, typer.Argument()] = None,
) -> None:
    """Answer every line of stdin with a line of words, as the completion plug-ins of editors want it."""
    from nextword.interactive import editor_filter

    raise typer.Exit(editor_filter.run(arguments or []))
