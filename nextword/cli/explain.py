"""`nextword explain` and `nextword why`: the memory at work."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nextword.cli.options import CheckpointOption, JsonOption, QuietOption, config_options
from nextword.config import ExplainConfig, WhyConfig
from nextword.errors import UsageError
from nextword.inference.batch import end_of
from nextword.inference.predictor import Predictor
from nextword.terminal import output, results
from nextword.terminal.stdin import text_or_stdin

if TYPE_CHECKING:
    from nextword.analysis.explain import Explanation, Unit


@config_options(ExplainConfig)
def explain(
    text: Annotated[
        str | None, typer.Argument(help="The text; '-', or none with a pipe: stdin.", show_default=False)
    ] = None,
    *,
    unit: Annotated[
        str | None,
        typer.Option(metavar="LAYER:UNIT", help="Follow one unit, both counted from 1: 2:17.", show_default=False),
    ] = None,
    find: Annotated[
        bool, typer.Option("--find", help="Find the units that follow something plain, such as quotation marks.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Draw it on a page, in this file.", show_default=False)] = None,
    svg: Annotated[Path | None, typer.Option(help="Draw it as a picture, in this file.", show_default=False)] = None,
    checkpoint: CheckpointOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    **settings: Any,
) -> None:
    """Show what the model makes of a text, word by word: what it expected, what it forgot, let in and showed.

    The memory begins empty, as that of predict. Of a text of more than 131,072 characters only the first are read, by
    --find 8,000,000.
    """
    config = ExplainConfig(**settings)
    if find and (unit is not None or html or svg):
        raise UsageError("--find looks at all units and draws none", "Leave --unit, --html and --svg out")
    if text is None and sys.stdin.isatty():
        raise UsageError("there is no text to explain", "Give one: nextword explain 'She speaks fluent French.'")
    predictor = Predictor.load(checkpoint)
    text = text_or_stdin(text)
    if find:
        _find_trackers(predictor, text, json, quiet)
        return
    from nextword.analysis.explain import explain as explain_text

    explanation = explain_text(predictor, text, config)
    chosen = None if unit is None else explanation.unit(unit)
    if not quiet:
        _remark(explanation)
    _draw(explanation, chosen, config.units, html, svg, on_stdout=not (json or html or svg))
    if json:
        output.print_json({**explanation.record(chosen), "checkpoint": str(predictor.checkpoint.path)})


def _draw(
    explanation: Explanation, unit: Unit | None, units: int, html: Path | None, svg: Path | None, on_stdout: bool
) -> None:
    """Draw `unit`, or all layers and as many as `units`: in files, as a page and as a picture, or on stdout."""
    from nextword.storage.atomic import write_atomically
    from nextword.terminal import heatmap

    drawing = heatmap.of_layers(explanation, units) if unit is None else heatmap.of_unit(explanation, unit)
    for option, path, draw in (("--html", html, heatmap.html), ("--svg", svg, heatmap.svg)):
        if path:
            write_atomically(path, draw(drawing).encode(), f"Name another file: {option} PATH")
    if on_stdout:
        heatmap.show(drawing)


def _remark(explanation: Explanation) -> None:
    """Say what is left out of a drawing, and which words the model does not know."""
    if explanation.cut:
        output.note(f"only the first {len(explanation.words):,} words are shown; --words N shows more")
    output.note_unknown_words(explanation.unknown)


def _find_trackers(predictor: Predictor, text: str, json: bool, quiet: bool) -> None:
    """Show which units follow something plain."""
    from nextword.analysis.units import MAX_CHARACTERS, find_trackers

    if len(text) > MAX_CHARACTERS and not quiet:
        output.note(f"only the first {MAX_CHARACTERS:,} characters are read")
    from nextword.terminal.training import progress

    with progress(shown=not quiet) as on_progress:
        found = find_trackers(predictor, text, on_progress)
    if json:
        output.print_json(results.trackers_record(found))
    else:
        results.show_trackers(found)
    if not quiet:
        output.note(
            f"correlations over {found.words:,} words and marks; each unit is the best of {found.units:,} on the first "
            "half, which flatters it; the second half does not"
        )


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
    without it. Of a text of more than 2,048 words and marks only the last are read.
    """
    config = WhyConfig(**settings)
    from nextword.analysis.influence import why_likeliest
    from nextword.terminal.influence import influences_record, show_influences

    predictor = Predictor.load(checkpoint)
    text = text_or_stdin(text)
    end = end_of(text, predictor.tokenizer)
    parts, influences, unknown = why_likeliest(predictor, end, config)
    if json:
        record = {"text": text, "by": config.by, **influences_record(parts, influences), "unknown": unknown}
        output.print_json({**record, "checkpoint": str(predictor.checkpoint.path)})
        return
    if not quiet:
        output.note_end_read(len(text), len(end))
        output.note_unknown_words(unknown)
    show_influences(parts, influences)
