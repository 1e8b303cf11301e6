"""The commands that show the memory at work: what the gates do, what a suggestion owes itself to, what state is worth.

As in `cli.py`, no logic: read the arguments, hand over to the room that does the work, show what it returns.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from nextword.cli.options import (
    CheckpointOption,
    DeviceOption,
    EncodingOption,
    JsonOption,
    PathsArgument,
    QuietOption,
    check_folder,
    config_options,
    texts_to_measure,
)
from nextword.config import ExplainConfig, MemoryConfig, TrainConfig, WhyConfig
from nextword.errors import UsageError
from nextword.terminal import output as console

if TYPE_CHECKING:
    from nextword.analysis.explain import Explanation
    from nextword.inference.predictor import Predictor

memory_commands = typer.Typer(rich_markup_mode=None)


@memory_commands.command(epilog="Example: nextword explain 'She speaks fluent French.'")
@config_options(ExplainConfig)
def explain(
    text: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(help="The text; '-', or none with a pipe: stdin.", show_default=False),
    ] = None,
    *,
    unit: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="LAYER:UNIT", help="Follow one unit, both counted from 1: 2:17.", show_default=False),
    ] = None,
    find: Annotated[
        bool, typer.Option("--find", help="Find the units that follow something plain, such as quotation marks.")
    ] = False,
    html: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Draw it on a page, in this file.", show_default=False),
    ] = None,
    svg: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Draw it as a picture, in this file.", show_default=False),
    ] = None,
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
    from nextword.inference.predictor import Predictor

    predictor = Predictor.load(checkpoint)
    text = console.whole_input() if text is None or text == "-" else text
    if find:
        _find_trackers(predictor, text, json, quiet)
        return
    from nextword.analysis.explain import explain as run
    from nextword.storage.atomic import write_atomically
    from nextword.terminal import heatmap

    explanation = run(predictor, text, config)
    chosen = None if unit is None else explanation.unit(unit)
    if not quiet:
        _remark(explanation)
    drawing = heatmap.of_layers(explanation, config.units) if chosen is None else heatmap.of_unit(explanation, chosen)
    files = {path: draw for path, draw in ((html, heatmap.html), (svg, heatmap.svg)) if path}
    for path, draw in files.items():
        write_atomically(path, draw(drawing).encode(), f"Name another file: --{draw.__name__} PATH")
    if json:
        print(console.json_line({**explanation.record(chosen), "checkpoint": str(predictor.checkpoint.path)}))
    elif not files:
        heatmap.show(drawing)


def _remark(explanation: Explanation) -> None:
    """Say what is left out of a drawing, and which words the model does not know."""
    if explanation.cut:
        console.note(f"only the first {len(explanation.words):,} words are shown; --words N shows more")
    if explanation.unknown:
        console.note(f"not in the vocabulary: {', '.join(explanation.unknown)}")


def _find_trackers(predictor: Predictor, text: str, json: bool, quiet: bool) -> None:
    """Show which units follow something plain."""
    from nextword.analysis.units import MOST_CHARACTERS, find_trackers

    if len(text) > MOST_CHARACTERS and not quiet:
        console.note(f"only the first {MOST_CHARACTERS:,} characters are read")
    with console.progress(shown=not quiet) as on_progress:
        found = find_trackers(predictor, text, on_progress)
    console.show_trackers(found, as_json=json)
    if not quiet:
        console.note(
            f"correlations over {found.words:,} words and marks; each unit is the best of {found.units:,} on the first "
            "half, which flatters it; the second half does not"
        )


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
    without it. Of a text of more than 2,048 words and marks only the last are read.
    """
    config = WhyConfig(**settings)
    from nextword.analysis.influence import why_likeliest
    from nextword.inference.batch import end_of
    from nextword.inference.predictor import Predictor
    from nextword.terminal import influence as influence_view

    predictor = Predictor.load(checkpoint)
    text = console.whole_input() if text == "-" else text
    end = end_of(text, predictor.tokenizer)
    parts, influences, unknown = why_likeliest(predictor, end, config)
    if json:
        path = predictor.checkpoint.path
        influence_view.print_influences_json(text, config.by, parts, influences, unknown, path)
        return
    if not quiet:
        console.note_end_read(len(text), len(end))
    if unknown and not quiet:
        console.note(f"not in the vocabulary: {', '.join(unknown)}")
    influence_view.show_influences(parts, influences)


@memory_commands.command(epilog="Example: nextword memory letters/ -c checkpoints/everyday.safetensors")
@config_options(MemoryConfig)
def memory(
    paths: PathsArgument = None,
    *,
    gradients: Annotated[
        bool, typer.Option("--gradients", help="Measure how far back the gradient of a word's loss reaches.")
    ] = False,
    checkpoint: CheckpointOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    device: DeviceOption = TrainConfig.device,
    encoding: EncodingOption = TrainConfig.encoding,
    **settings: Any,
) -> None:
    """Say what the memory is worth on a text, and how far back it reaches.

    How well the text is predicted with the state carried from start to end, cleared at each sentence, and with only
    the last 1, 2, 5 ... 200 words read; in how many words half of what each layer remembers is gone. Without PATH: the
    part of the text that ships with nextword which training holds out.
    """
    config = MemoryConfig(**settings)
    from nextword.inference.lstm import LSTMNetwork
    from nextword.storage.checkpoint import find_checkpoint, load_checkpoint
    from nextword.terminal import memory as memory_screen

    loaded = load_checkpoint(find_checkpoint(checkpoint))
    with texts_to_measure(paths, loaded, encoding, quiet) as texts:
        check_folder()
        from nextword.evaluation import gradient_flow, memory_length
        from nextword.evaluation.evaluate import encode, load_model

        model, tokenizer = load_model(loaded, device), loaded.tokenizer
        ids = encode(tokenizer, texts)
        with console.progress(shown=not quiet) as on_progress:
            if gradients:
                flow = gradient_flow.gradient_flow(model, ids, config.places or gradient_flow.PLACES, on_progress)
            else:
                most = config.places or memory_length.PLACES
                worth = memory_length.memory_worth(model, tokenizer, texts, most, on_progress)
                lives = memory_length.half_lives(LSTMNetwork(loaded.tensors), ids)
    if gradients:
        memory_screen.show_gradients(flow, as_json=json)
    else:
        memory_screen.show_worth(worth, lives, as_json=json)
