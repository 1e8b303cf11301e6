"""The commands: read the arguments, hand over to the room that does the work, show what it returns. No logic.

`main` is the program's entry point; there every `NextwordError` becomes an `Error:` line, a `Hint:` line and an exit
code. torch is imported inside `train`, `eval`, `score` and `memory` only: all other commands start without it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from nextword.about import __version__
from nextword.cli.explain import memory_commands
from nextword.cli.options import (
    CheckpointOption,
    CountOption,
    DeviceOption,
    EncodingOption,
    JsonOption,
    NoAdaptOption,
    PathsArgument,
    QuietOption,
    check_folder,
    config_options,
    named_texts,
    texts_to_measure,
)
from nextword.config import AdaptConfig, GenerateConfig, ModelConfig, PredictConfig, TrainConfig
from nextword.errors import Interrupted, NextwordError, OutOfMemoryError, StorageError, UsageError
from nextword.terminal import output as console
from nextword.training.events import Event, EventLog

if TYPE_CHECKING:
    from nextword.inference.predictor import Predictor
    from nextword.inference.session import Session

app = typer.Typer(
    name="nextword",
    help="Learn to predict the next word from your own text, and type with it.",
    epilog="Example: nextword train diary.txt && nextword predict 'I had to'",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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


@app.command(epilog="Example: nextword train diary.txt letters/ --minutes 10")
@config_options(ModelConfig, TrainConfig)
def train(
    context: typer.Context,
    paths: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Argument(metavar="[PATH]...", help="Text files and folders; none: the text that ships with nextword."),
    ] = None,
    *,
    valid: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Text to validate on; unset: a part of the corpus is held out.", show_default=False),
    ] = None,
    log: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="File for one JSON line per step and validation.", show_default=False),
    ] = None,
    start_from: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--from", help="Checkpoint to start from: its network and words, to go on on new text."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an unfinished run: of --name, of the corpus, or the last one.")
    ] = False,
    quiet: QuietOption = False,
    **settings: Any,
) -> None:
    """Learn a language model from text and save it as a checkpoint."""
    model_fields = {item.name for item in fields(ModelConfig)}
    model_config = ModelConfig(**{name: value for name, value in settings.items() if name in model_fields})
    train_config = TrainConfig(**{name: value for name, value in settings.items() if name not in model_fields})
    asked = {name for name in settings if _is_given(context, name)}
    if not _is_first_process():
        quiet, log = True, None
    with ExitStack() as stack:
        listeners: list[Callable[[Event], None]] = []
        if not quiet:
            listeners.append(stack.enter_context(console.TrainingView()))
        if log:
            listeners.append(stack.enter_context(EventLog(log)))
        check_folder()
        from nextword.training.train import train as run

        def on_event(event: Event) -> None:
            for hear in listeners:
                hear(event)

        path = run(
            paths or None,
            model_config,
            train_config,
            valid=valid,
            start_from=start_from,
            resume=resume,
            asked=asked,
            on_event=on_event,
        )
    if not quiet:
        console.say_next(path)


def _is_first_process() -> bool:
    """Whether this is the one process that shows and writes, when `torchrun` has started several."""
    return "LOCAL_RANK" not in os.environ or os.environ.get("RANK") == "0"


def _is_given(context: typer.Context, name: str) -> bool:
    """Whether the user typed the option, rather than leaving it at its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


@app.command(epilog="Example: nextword predict 'The weather is'")
@config_options(PredictConfig)
def predict(
    text: Annotated[
        Optional[str],  # noqa: UP045
        typer.Argument(
            help="What was written so far; '-', or none with a pipe: each line of stdin.", show_default=False
        ),
    ] = None,
    *,
    session: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="NAME", help="Go on from what this session has read, and keep it.", show_default=False),
    ] = None,
    no_adapt: NoAdaptOption = False,
    checkpoint: CheckpointOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    **settings: Any,
) -> None:
    """Say which words are likely to come next.

    Of a very long line only the end is read, 2,048 words and marks, and a note says so.
    """
    config = PredictConfig(**settings)
    piped = text == "-" or (text is None and not sys.stdin.isatty())
    if text is None and not piped:
        raise UsageError("there is no text to go on from", "Give one: nextword predict 'The weather is'")
    from nextword.inference.batch import Answer, in_session, side_by_side
    from nextword.inference.predictor import Predictor

    predictor = Predictor.load(checkpoint)
    with ExitStack() as stack:
        kept = stack.enter_context(_kept_session(session, predictor, no_adapt)) if session is not None else None
        for lines in console.waiting_lines(sys.stdin.buffer) if piped else [[text or ""]]:
            answers: Iterable[Answer]
            if kept:
                answers = (in_session(kept, line, config) for line in lines)
            else:
                answers = side_by_side(predictor, lines, config)
            for line, predictions, unknown, read in answers:
                if not quiet:
                    console.note_end_read(len(line), read)
                if json:
                    console.print_predictions_json(line, predictions, unknown, predictor.checkpoint.path)
                    continue
                if unknown and not quiet:
                    console.note(f"not in the vocabulary: {', '.join(unknown)}")
                if piped:
                    print(console.predictions_line(predictions, "\t" if config.words > 1 else " "))
                else:
                    console.show_predictions(predictions)
            sys.stdout.flush()


def _kept_session(name: str, predictor: Predictor, no_adapt: bool) -> AbstractContextManager[Session]:
    """The session `name`, read from the disk and written back in the end."""
    from nextword.inference.session_store import SessionStore

    return SessionStore().kept(name, predictor, None if no_adapt else AdaptConfig())


@app.command(epilog="Example: nextword generate 'Once upon a time' --words 100 --seed 1")
@config_options(GenerateConfig)
def generate(
    text: Annotated[str, typer.Argument(help="What was written so far; '-': stdin.", show_default=False)] = "",
    *,
    checkpoint: CheckpointOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    **settings: Any,
) -> None:
    """Go on with a text, word after word drawn at random from the likely ones.

    Of a very long text only the end is read, 2,048 words and marks, and a note says so.
    """
    config = GenerateConfig(**settings)
    from nextword.inference.batch import end_of
    from nextword.inference.generation import Sampler
    from nextword.inference.predictor import Predictor

    predictor = Predictor.load(checkpoint)
    if text == "-":
        text = console.whole_input()
    end = end_of(text, predictor.tokenizer)
    sampler = Sampler(predictor, end, config)
    if not quiet:
        console.note_end_read(len(text), len(end))
    if sampler.unknown and not quiet and not json:
        console.note(f"not in the vocabulary: {', '.join(sampler.unknown)}")
    if json:
        console.print_continuation_json(text, sampler, sampler.unknown, sampler.seed, predictor.checkpoint.path)
    else:
        console.print_continuation(text, sampler)


@app.command(epilog="Example: nextword repl --session diary")
def repl(
    k: CountOption = 5,
    checkpoint: CheckpointOption = None,
    session: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            metavar="NAME",
            help="Go on with the session NAME, or begin it; saved with every line.",
            show_default=False,
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
    from nextword.interactive import repl as room
    from nextword.storage.checkpoint import user_data_folder

    live = console.is_terminal(sys.stdin) and console.is_terminal(sys.stdout)
    store = None if private else SessionStore()
    adapt = None if no_adapt else AdaptConfig()
    conversation = room.Repl(Predictor.load(checkpoint), k, adapt, store, session, live)
    if live:
        from nextword.interactive.prompt import converse

        history = None
        if not private:
            try:
                history = user_data_folder() / "history"
            except StorageError as error:
                console.note(f"no history: {error.message}. {error.hint}")
        converse(conversation, history)
    else:
        room.run_on_pipe(conversation)


@app.command(
    "filter",
    epilog="Example: nextword filter -n 5 < lines.txt",
    context_settings={"ignore_unknown_options": True, "help_option_names": ["-h", "--help"]},
)
def answer_lines(
    arguments: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(metavar="[-n INT] [-c INT] [-g] [-d DIR] [--checkpoint PATH] [--no-adapt] [-v]"),
    ] = None,
) -> None:
    """Answer every line of stdin with a line of words, as the completion plug-ins of editors want it.

    A line that ends in a space asks for the next word; otherwise the replies begin with its last word. -n or -c: most
    words in a reply (10). -g: as many as possible. -d: a folder with a checkpoint (unset: $NEXTWORD_DATA_PATH). Flags
    are read as Go reads them: -n 5, -n=5, --n 5. Without a command, a nextword whose stdin is a pipe does the same.
    """
    from nextword.interactive import editor_filter as line_filter

    raise typer.Exit(line_filter.run(arguments or []))


@app.command("eval", epilog="Example: nextword eval letters/ -c checkpoints/everyday.safetensors")
def evaluate(
    paths: PathsArgument = None,
    checkpoint: CheckpointOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    device: DeviceOption = TrainConfig.device,
    encoding: EncodingOption = TrainConfig.encoding,
    adapt: Annotated[
        bool, typer.Option("--adapt", help="Learn from the text while reading it, as a session does.")
    ] = False,
) -> None:
    """Say how well a model predicts a text: perplexity, accuracy, keystrokes saved.

    Without PATH: the part of the text that ships with nextword which training holds out. Several files are read as one
    text; the memory goes on from each to the next.
    """
    from nextword.storage.checkpoint import find_checkpoint, load_checkpoint

    loaded = load_checkpoint(find_checkpoint(checkpoint))
    with texts_to_measure(paths, loaded, encoding, quiet) as texts:
        check_folder()
        from nextword.evaluation.evaluate import evaluate as run
        from nextword.evaluation.evaluate import load_model

        with console.progress(shown=not quiet) as on_progress:
            adaptation = AdaptConfig() if adapt else None
            evaluation = run(load_model(loaded, device), loaded.tokenizer, texts, on_progress, adaptation)
    console.show_evaluation(asdict(evaluation), as_json=json)


@app.command(epilog="Example: nextword score story.txt > story.tsv")
def score(
    paths: PathsArgument = None,
    checkpoint: CheckpointOption = None,
    json: JsonOption = False,
    quiet: QuietOption = False,
    device: DeviceOption = TrainConfig.device,
    encoding: EncodingOption = TrainConfig.encoding,
) -> None:
    """Say of every word of a text how surprising it was: surprisal and entropy in bits, and rank.

    Without PATH: stdin. One line for each token that `eval` counts, `<eos>` for the end of a paragraph included.
    Several files are read as one text, the memory going on from each to the next; lines are counted in each.
    """
    if not paths and sys.stdin.isatty():
        raise UsageError("there is no text to score", "Name one: nextword score story.txt")
    from nextword.storage.checkpoint import find_checkpoint, load_checkpoint

    loaded = load_checkpoint(find_checkpoint(checkpoint))
    with named_texts(paths or [Path("-")], encoding, quiet) as texts:
        check_folder()
        from nextword.evaluation.evaluate import load_model
        from nextword.evaluation.evaluate import score as run

        with console.progress(shown=not quiet and not sys.stdout.isatty()) as on_progress:
            console.print_scores(run(load_model(loaded, device), loaded.tokenizer, texts, on_progress), as_json=json)


@app.command(epilog="Example: nextword info checkpoints/everyday.safetensors")
def info(
    checkpoint: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(help="Checkpoint to look at; unset: the one that predict would take.", show_default=False),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say what a checkpoint is: sizes, vocabulary, corpus, training, perplexity."""
    from nextword.storage.checkpoint import find_checkpoint, load_checkpoint

    console.show_checkpoint(load_checkpoint(find_checkpoint(checkpoint)), as_json=json)


app.add_typer(memory_commands)


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    try:
        code = app(standalone_mode=False) or 0
        sys.stdout.flush()
    except Interrupted as stop:
        code = stop.exit_code
        if not stop.silent:
            console.stopped(stop.message, stop.hint)
    except NextwordError as error:
        code = _fail(error, error.message, error.hint, error.exit_code)
    except typer.TyperException as error:
        code = _fail(error, error.format_message().rstrip("."), "See: nextword --help", 2)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:
        code = 141
    except SystemExit as error:  # typer leaves with 1 when nobody reads the output any more
        code = 141 if isinstance(error.__context__, BrokenPipeError) else error.code
    except OSError as error:
        code = _fail(error, *console.refusal(error), StorageError.exit_code)
    except MemoryError as error:
        code = _fail(error, "there is not enough memory", "Close other programs.", OutOfMemoryError.exit_code)
    try:
        sys.stdout.flush()
    except OSError:
        # Python flushes stdout once more at exit; what is left of it has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _fail(error: Exception, message: str, hint: str, code: int) -> int:
    """Show an error, or all of it for someone who debugs."""
    if os.environ.get("NEXTWORD_DEBUG") == "1":
        raise error
    silent = getattr(error, "silent", None)
    if not (silent if silent is not None else not _is_first_process()):
        console.error(message, hint)
    return code
