"""The command line as the tests call it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from typer.testing import CliRunner

from nextword.cli.main import app

RunCLI = Callable[..., "subprocess.CompletedProcess[str]"]


def invoke(command: str, *arguments: str, stdin: str = "") -> str:
    """What a command that works has written to stdout; what it raises otherwise."""
    done = CliRunner().invoke(app, [command, *arguments], input=stdin)
    if done.exception:
        raise done.exception
    return done.stdout
