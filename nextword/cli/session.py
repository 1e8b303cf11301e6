"""`nextword session`: what a named session remembers, and how it is given more, less, or away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nextword.cli.options import (
    CheckpointOption,
    EncodingOption,
    JsonOption,
    QuietOption,
    config_options,
    formats_to_measure,
    named_texts,
)
from nextword.config import AdaptConfig, FormatConfig, TrainConfig
from nextword.errors import UsageError
from nextword.storage.locations import shell_word
from nextword.terminal import output, results

if TYPE_CHECKING:
    from nextword.inference.session import Session

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The session.", show_default=False)]
_LEARNED = 20  # words listed that are new to the model, and as many others

app = typer.Typer(
    help="Say what a session remembers, and give it more, less, or away.",
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _loaded(name: str, checkpoint: Path | None, quiet: bool) -> Session:
    """The session `name`, which has to be there."""
    from nextword.inference.predictor import Predictor
    from nextword.inference.session_store import SessionStore

    session = SessionStore().load(name, Predictor.load(checkpoint), AdaptConfig())
    if not quiet:
        output.note_session(session.note)
    return session


@app.command("import", epilog="Example: nextword session import diary letters/ mail.mbox")
@config_options(FormatConfig)
def import_texts(
    name: NameArgument,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Text files, folders and pipes; '-': stdin.")],
    *,
    checkpoint: CheckpointOption = None,
    quiet: QuietOption = False,
    encoding: EncodingOption = TrainConfig.encoding,
    **settings: Any,
) -> None:
    """Have a session read what its writer wrote before; where there is none of that name, it begins.

    All of it is remembered, up to a million words, of which the last count; the network reads the last 10,000.
    """
    from nextword.inference.predictor import Predictor
    from nextword.inference.session_store import SessionStore

    predictor, store = Predictor.load(checkpoint), SessionStore()
    formats = formats_to_measure(predictor.checkpoint, settings)
    with named_texts(paths, encoding, formats, quiet) as texts, store.kept(name, predictor, AdaptConfig()) as session:
        if not quiet:
            output.note_session(session.note)
        count = sum(session.study(text) for text in texts)
        if not count:
            raise UsageError("there is no word in the text", "Name a text of one word or more.")
        if not quiet:
            words = output.counted(len(session.snapshot.memory.words()), "word")
            output.note(f"{output.counted(count, 'word')} read; the session {name} remembers {words} and marks")


@app.command(epilog="Example: nextword session show diary")
def show(name: NameArgument, checkpoint: CheckpointOption = None, json: JsonOption = False) -> None:
    """Say how much a session remembers, and list its most frequent words, those new to the model first."""
    session = _loaded(name, checkpoint, json)
    learned = session.learned()
    new = [word for word in learned if word.new]
    counts = {"remembered": len(session.snapshot.memory.words()), "different": len(learned), "new": len(new)}
    if json:
        output.print_json({"session": name, **counts, "words": [word._asdict() for word in learned]})
        return
    output.print_table([("session", name), *((what, f"{count:,}") for what, count in counts.items())])
    rows = [*new[:_LEARNED], *[word for word in learned if not word.new][:_LEARNED]]
    results.show_learned(rows, left_out=len(learned) - len(rows))


@app.command(epilog="Example: nextword session forget diary Zoltan")
def forget(
    name: NameArgument,
    words: Annotated[list[str], typer.Argument(metavar="WORD...", help="What is to be forgotten.")],
    checkpoint: CheckpointOption = None,
    quiet: QuietOption = False,
) -> None:
    """Forget that words were read; nothing of them stays in the session's file."""
    from nextword.inference.session_store import SessionStore

    session = _loaded(name, checkpoint, quiet)
    missing = [word for word in words if not session.forget(word)]
    if missing:
        raise UsageError(
            f"the session {name} does not remember: {', '.join(missing)}",
            f"What it does: nextword session show {shell_word(name)}",
        )
    SessionStore().save(name, session)


@app.command(epilog="Example: nextword session export diary > diary.txt")
def export(name: NameArgument, checkpoint: CheckpointOption = None) -> None:
    """Print all words remembered, in order, as a text that `nextword session import` can read again."""
    from nextword.text.detokenizer import Detokenizer
    from nextword.text.tokenizer import UNKNOWN_ID

    session = _loaded(name, checkpoint, quiet=False)
    tokenizer, snapshot = session.engine.tokenizer, session.snapshot
    detokenizer, known = Detokenizer(tokenizer), len(tokenizer)
    for number in snapshot.memory.words().tolist():
        form = snapshot.new_words[number - known].form if number >= known else None
        print(output.masked(detokenizer.add(UNKNOWN_ID if form else number, form)), end="")
    print()


@app.command(epilog="Example: nextword session delete diary")
def delete(name: NameArgument) -> None:
    """Delete a session: its file, which is all there is of it."""
    from nextword.inference.session_store import SessionStore

    path = SessionStore().delete(name)
    output.note(f"{path} is deleted")
