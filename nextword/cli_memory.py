"""The commands that show the memory at work: what the gates do, what a suggestion owes itself to, what state is worth.

As in `cli.py`, no logic: read the arguments, hand over to the room that does the work, show what it returns.
"""

from __future__ import annotations

import typer

memory_commands = typer.Typer()
