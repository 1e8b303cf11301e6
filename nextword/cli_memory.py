"""The commands that show the memory at work: what the gates do, what a suggestion owes itself to, what state is worth.

As in `cli.py`, no logic: read the arguments, hand over to the room that does the work, show what it returns.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nextword import console
from nextword.cli_options import (
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
from nextword.config import MemoryConfig, TrainConfig

memory_commands = typer.Typer()


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
    from nextword import memory_screen
    from nextword.checkpoint import find_checkpoint, load_checkpoint
    from nextword.lstm import LSTMNetwork

    loaded = load_checkpoint(find_checkpoint(checkpoint))
    with texts_to_measure(paths, loaded, encoding, quiet) as texts:
        check_folder()
        from nextword import gradient_flow, memory_length
        from nextword.evaluation import encode, load_model

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
