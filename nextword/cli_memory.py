"""The commands that show the memory at work: what the gates do, what a suggestion owes itself to, what state is worth.

As in `cli.py`, no logic: read the arguments, hand over to the room that does the work, show what it returns.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nextword import console
from nextword.cli_options import CheckpointOption, JsonOption, QuietOption, config_options
from nextword.config import WhyConfig

memory_commands = typer.Typer(rich_markup_mode=None)


@memory_commands.command(epilog="Example: nextword why 'I grew up in France. I speak fluent'")
@config_options(WhyConfig)
def why(
    text: Annotated[str, typer.Argument(help="What was written so far; '-': stdin.", show_default=False)],
    *,
    checkpoint: CheckpointOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    **settings: Any,
) -> None:
    """Say which earlier words a suggestion owes itself to.

    Each is taken out of the text, the rest is read anew, and the bits are shown by which the suggestion is less likely
    without it.
    """
    config = WhyConfig(**settings)
    from nextword import influence_view
    from nextword.answers import end_of
    from nextword.influence import explain_suggestions
    from nextword.predictor import Predictor

    predictor = Predictor.load(checkpoint)
    text = console.whole_input() if text == "-" else text
    parts, explanations, unknown = explain_suggestions(predictor, end_of(text), config)
    if json:
        path = predictor.checkpoint.path
        influence_view.print_explanations_json(text, config.by, parts, explanations, unknown, path)
        return
    if unknown and not quiet:
        console.note(f"not in the vocabulary: {', '.join(unknown)}")
    influence_view.show_explanations(parts, explanations)
