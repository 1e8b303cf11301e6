"""Sessions on disk: what one process has read, another goes on from.

`sessions/NAME.safetensors` in the user's data folder is a file like a checkpoint (`container.py`): written whole or
not at all, verified by its digest, never pickled; only its owner may read it. It holds what the session remembers and
nothing that it has forgotten:

    hidden.*, cell.*   (H,) float32, the LSTM's state, layer by layer
    memory.keys        (m, H) int8, the direction of the last layer's hidden state before each word remembered
    memory.words       (m,) int32, those words; the new ones are counted on from the vocabulary's last
    format             "nextword-session/1"
    checkpoint         digest and path of the checkpoint it was made with, as JSON; no other can read it
    session            position in the sentence, words seen, the text's tail, the new words as written, as JSON
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nextword.config import AdaptConfig, is_file_name
from nextword.errors import CheckpointError, StorageError, UsageError
from nextword.inference.cache import CacheMemory
from nextword.inference.engine import Engine
from nextword.inference.lstm import LSTMState
from nextword.inference.session import MAX_TAIL_LENGTH, Session, Snapshot, new_word
from nextword.signals import DeferredSignals, exit_on_sigterm
from nextword.storage.atomic import shared_lock
from nextword.storage.container import MAX_HEADER, FileKind, read_container, refusing_damage, write_container
from nextword.storage.locations import SUFFIX, user_data_folder
from nextword.storage.strict import json_text, strict_json
from nextword.text.sentences import OTHER, SentencePosition, kind_of
from nextword.text.tokenizer import WordTokenizer
from nextword.text.vocabulary import MAX_NEW_WORD_LENGTH

FORMAT = "nextword-session/1"
MAX_REMEMBERED = 100_000  # words; the largest AdaptConfig.window
_KIND = FileKind(
    "session",
    missing="Name another session, or begin one: nextword predict --session NAME TEXT",
    damaged="Remove the file, and begin the session anew.",
    unwritable="Make room, or see that the folder can be written.",
    too_long="Remember fewer: AdaptConfig(window=N)",
    mode=0o600,
)
_MAX_WORDS_SEEN = 2**53  # the largest count that all readers of JSON hold exactly
_MAX_HIDDEN = 1.001  # an output gate times a tanh, so 1, and what rounding may add


class SessionStore:
    """Named sessions in a folder.

    Args:
        folder: Where they are; None: `sessions` in the user's data folder. Made when the first is saved.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where they are.

        Raises:
            StorageError: The user has no data folder.
        """
        return self._folder or user_data_folder() / "sessions"

    def path(self, name: str) -> Path:
        """The file of the session `name`, whether it is there or not.

        Raises:
            UsageError: No file can have that name.
        """
        if not is_file_name(name):
            raise UsageError(f"a session cannot be called {name!r}", "Name it with a word: --session diary")
        return self.folder / (name + SUFFIX)

    def names(self) -> list[str]:
        """The sessions there are, in alphabetical order.

        Raises:
            StorageError: The folder cannot be read.
        """
        try:
            files = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unreadable(self.folder, error) from error
        return sorted(file.removesuffix(SUFFIX) for file in files if file.endswith(SUFFIX) and file[0] != ".")

    def save(self, name: str, session: Session) -> Path:
        """Write what `session` remembers, in the place of what was there, and return the file.

        Raises:
            UsageError: No file can have that name, or the session's model has no file.
            StorageError: The folder cannot be written; what was there is untouched.
        """
        path = self.path(name)
        checkpoint = session.engine.checkpoint
        if not checkpoint.digest:
            raise UsageError("the session's model was never saved, so no session of it can be", "Save it first")
        made_with = {"digest": checkpoint.digest, "path": str(checkpoint.path.absolute())}
        snapshot = session.snapshot.compacted(len(session.engine.tokenizer))
        metadata = {
            "format": FORMAT,
            "checkpoint": json_text(made_with),
            "session": json_text(_facts(snapshot)),
        }
        try:
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self.folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self.folder} cannot be made: {error.strerror}", _KIND.unwritable) from error
        with shared_lock(path):
            write_container(path, _tensors(snapshot), metadata, _KIND)
        return path

    def load(self, name: str, engine: Engine, adapt: AdaptConfig | None = None) -> Session:
        """The session `name` as it was saved.

        Args:
            name: One of `names`.
            engine: The model it was made with.
            adapt: How it is to learn from what it reads from now on; None: not at all, and what it has learned is kept.

        Raises:
            UsageError: There is no such session; the hint lists those there are.
            StorageError: The folder cannot be read.
            CheckpointError: It was made with another checkpoint, or the file is damaged; the message names it.
        """
        path = self.path(name)
        if not _is_there(path):
            names = self.names()
            there = f"There are: {', '.join(names)}" if names else "Begin it: nextword predict --session NAME TEXT"
            raise UsageError(f"there is no session {name!r} in {self.folder}", there)
        session = Session(engine, adapt)
        state_bytes = sum(values.nbytes for values in _state_tensors(session.state).values())
        remembered = MAX_REMEMBERED * (len(session.state.hidden[-1]) + 4)
        kind = _KIND._replace(largest=8 + MAX_HEADER + state_bytes + remembered)
        metadata, tensors = read_container(path, FORMAT, kind)
        with refusing_damage(path, kind):
            made_with = strict_json(metadata["checkpoint"])
            digest, made_by = str(made_with["digest"]), str(made_with["path"])
        if digest != engine.checkpoint.digest:
            raise CheckpointError(
                f"the session {path} was made with another checkpoint: {made_by}, digest {digest[:12]}",
                "Name that one with -c, or begin a session of another name.",
            )
        with refusing_damage(path, kind):
            session.restore(_snapshot(session, strict_json(metadata["session"]), tensors))
        return session

    def open(self, name: str, engine: Engine, adapt: AdaptConfig | None = None) -> Session:
        """The session `name`, or a fresh one where there is none. Raises what `load` does, for one that is there."""
        return self.load(name, engine, adapt) if _is_there(self.path(name)) else Session(engine, adapt)

    @contextmanager
    def kept(self, name: str, engine: Engine, adapt: AdaptConfig | None = None) -> Iterator[Session]:
        """`open` the session, and `save` it in the end; also if Ctrl-C, SIGTERM or a reader that is gone ends it."""
        session = self.open(name, engine, adapt)
        with exit_on_sigterm():
            try:
                yield session
            except (KeyboardInterrupt, SystemExit, BrokenPipeError):
                with DeferredSignals():  # what comes now finds the work ended, and must not end the saving
                    self.save(name, session)
                raise
            with DeferredSignals():
                self.save(name, session)


def _is_there(path: Path) -> bool:
    """Whether there is such a file; asked of the system, to some of which upper and lower case are the same."""
    try:
        return path.exists()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> StorageError:
    return StorageError(f"{path} cannot be read: {error.strerror}", "Check its permissions.")


def _tensors(snapshot: Snapshot) -> dict[str, NDArray[Any]]:
    """A snapshot's arrays by their names in the file."""
    keys, words = snapshot.memory.last(snapshot.end)
    return {"memory.keys": keys, "memory.words": words, **_state_tensors(snapshot.state)}


def _state_tensors(state: LSTMState) -> dict[str, NDArray[Any]]:
    kinds = state._asdict().items()
    return {f"{kind}.{layer}": values for kind, layers in kinds for layer, values in enumerate(layers)}


def _facts(snapshot: Snapshot) -> dict[str, Any]:
    """What else is kept of it."""
    return {
        "position": {name: value for name, value in snapshot.position._asdict().items() if name != "label" or value},
        "words_seen": snapshot.words_seen,
        "tail": snapshot.tail,
        "new_words": [new.form for new in snapshot.new_words],
    }


def _snapshot(session: Session, facts: Any, tensors: dict[str, NDArray[Any]]) -> Snapshot:
    """The snapshot that a file holds, if it can be one of `session`.

    Raises:
        ValueError, KeyError, TypeError: It cannot.
    """
    tokenizer = session.engine.tokenizer
    _check_tensors(tensors, session.state)
    _demand(isinstance(facts, dict) and facts.keys() == {"position", "words_seen", "tail", "new_words"}, "facts")
    position, words_seen, tail = SentencePosition(**facts["position"]), facts["words_seen"], facts["tail"]
    _demand(len(facts["new_words"]) <= MAX_REMEMBERED, "count of new words")
    new_words = [new_word(form, tokenizer) for form in facts["new_words"]]
    words, known = tensors["memory.words"], len(tokenizer)
    flags = position.at_start, position.quoted, position.label
    _demand(all(type(flag) is bool for flag in flags), "place in the sentence")
    _demand(_can_be_previous(position.previous, tokenizer), "previous word")
    _demand(type(words_seen) is int and 0 <= words_seen <= _MAX_WORDS_SEEN, "count of words")
    _demand(isinstance(tail, str) and len(tail) <= MAX_TAIL_LENGTH, "text's tail")
    _demand(None not in new_words and len({new.word for new in new_words if new}) == len(new_words), "new words")
    _demand(words.size == 0 or (words.min() >= 0 and words.max() < known + len(new_words)), "words remembered")
    keys, window = tensors["memory.keys"], session.adapt.window if session.adapt else len(words)
    memory, end = CacheMemory(keys.shape[1], window).append(0, keys, words)
    layers = range(len(session.state.hidden))
    state = LSTMState(*(tuple(tensors[f"{kind}.{layer}"] for layer in layers) for kind in LSTMState._fields))
    return Snapshot(state, memory, end, position, words_seen, tail, tuple(new for new in new_words if new))


def _can_be_previous(token: Any, tokenizer: WordTokenizer) -> bool:
    """Whether the position in a sentence can be one after `token`; earlier versions kept ordinary words, too."""
    if not isinstance(token, str):
        return False
    followed = len(token) <= MAX_NEW_WORD_LENGTH and kind_of(token, tokenizer.abbreviations) != OTHER
    return token == "" or tokenizer.token_id(token) is not None or followed


def _check_tensors(tensors: dict[str, NDArray[Any]], state: LSTMState) -> None:
    """Raise `ValueError` or `KeyError` unless a session with a state like `state` is written as such."""
    count = tensors["memory.words"].size
    expected: dict[str, tuple[tuple[int, ...], Any]] = {
        **{name: (values.shape, np.float32) for name, values in _state_tensors(state).items()},
        "memory.keys": ((count, len(state.hidden[-1])), np.int8),
        "memory.words": ((count,), np.int32),
    }
    _demand(tensors.keys() == expected.keys(), "names of tensors")
    for name, (shape, dtype) in expected.items():
        _demand(tensors[name].shape == shape and tensors[name].dtype == dtype, f"shape or type of {name}")
        # Hidden states beyond what a network can give might overflow in what follows.
        limit = _MAX_HIDDEN if name.startswith("hidden") else np.inf
        _demand(bool(np.all(np.isfinite(tensors[name]) & (np.abs(tensors[name]) <= limit))), f"values of {name}")


def _demand(right: bool, what: str) -> None:
    if not right:
        raise ValueError(f"wrong {what}")
