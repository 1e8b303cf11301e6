"""Sessions on disk: what one process has read another goes on from, and nothing else is ever accepted."""

from __future__ import annotations

import errno
import itertools
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nextword.config import AdaptConfig
from nextword.errors import CheckpointError, StorageError, UsageError
from nextword.inference.predictor import Predictor
from nextword.inference.session import Session
from nextword.inference.session_file import EARLIER, FORMAT, MAX_REMEMBERED, MAX_WINDOW
from nextword.inference.session_store import SessionStore
from nextword.storage.atomic import Disk
from nextword.storage.checkpoint import CHECKPOINT, Checkpoint, save_checkpoint
from nextword.storage.container import MAX_HEADER, read_container, write_container
from nextword.text.tokenizer import WordTokenizer
from nextword.text.vocabulary import Vocabulary

RunCLI = Callable[..., subprocess.CompletedProcess[str]]
ADAPT = AdaptConfig()
TEXT = 'Zoltan lives in Paris. "Where is Zoltan?" asked Peter.\n\nMy mother-in-law met McTavish; Zoltan saw the zzz and'

Tensors = dict[str, NDArray[Any]]
Change = Callable[[Tensors, dict[str, Any], dict[str, str]], object]


@pytest.fixture
def store(tmp_path: Path) -> SessionStore:
    return SessionStore(tmp_path / "kept")


@pytest.fixture
def session(predictor: Predictor) -> Session:
    session = predictor.session(ADAPT)
    session.feed(TEXT)
    return session


def chances(session: Session) -> dict[str, float]:
    return {prediction.word: prediction.probability for prediction in session.suggest(1000, punctuation=True)}


def refused(store: SessionStore, predictor: Predictor, reason: str = "") -> CheckpointError:
    with pytest.raises(CheckpointError, match=reason or None) as caught:
        store.load("one", predictor, ADAPT)
    assert str(store.path("one")) in caught.value.message
    assert caught.value.hint
    return caught.value


# -- what was saved is read back -------------------------------------------------------------------------------------


def test_what_was_saved_is_read_back(store: SessionStore, predictor: Predictor, session: Session) -> None:
    path = store.save("one", session)
    loaded = store.load("one", predictor, ADAPT)
    assert path == store.path("one")
    assert chances(loaded) == chances(session)
    assert loaded.learned() == session.learned()
    assert loaded.words_seen == session.words_seen
    assert loaded.snapshot.tail == TEXT
    assert loaded.snapshot.position == session.snapshot.position
    assert loaded.undo() is False


def test_saving_what_was_loaded_changes_no_byte(store: SessionStore, predictor: Predictor, session: Session) -> None:
    content = store.save("one", session).read_bytes()
    assert store.save("two", store.load("one", predictor, ADAPT)).read_bytes() == content


@given(cuts=st.lists(st.integers(0, len(TEXT.split(" "))), max_size=5), window=st.sampled_from([0, 3, 9, 2_000]))
@settings(max_examples=25)
def test_a_text_in_pieces_through_the_disk_gives_what_it_gives_at_once(
    predictor: Predictor, tmp_path_factory: pytest.TempPathFactory, cuts: list[int], window: int
) -> None:
    store = SessionStore(tmp_path_factory.mktemp("kept"))
    adapt = replace(ADAPT, window=window)
    words = TEXT.split(" ")
    for begin, end in itertools.pairwise([0, *sorted(cuts), len(words)]):
        with store.kept("one", predictor, adapt) as piecewise:
            piecewise.feed(" ".join(words[begin:end]))
    loaded, whole = store.load("one", predictor, adapt), predictor.session(adapt)
    whole.feed(TEXT)
    assert chances(loaded) == pytest.approx(chances(whole), abs=1e-5)
    assert loaded.learned() == whole.learned()
    assert loaded.words_seen == whole.words_seen
    # ... and what is read from there on gives the same, too
    for one in (loaded, whole):
        one.feed("Zoltan and the horse")
    assert chances(loaded) == pytest.approx(chances(whole), abs=1e-5)
    assert loaded.learned() == whole.learned()


def test_only_what_is_remembered_is_kept(predictor: Predictor, store: SessionStore) -> None:
    adapt = AdaptConfig(words=100, window=10)
    session = predictor.session(adapt)
    session.feed("Zoltan " + "the cat sat on the mat. " * 300)
    session.feed("and")
    content = store.save("one", session).read_bytes()
    assert len(content) < 10_000
    assert b"zoltan" not in content.lower()
    assert chances(store.load("one", predictor, adapt)) == chances(session)


def test_a_hundred_thousand_words_take_few_bytes(predictor: Predictor, store: SessionStore) -> None:
    session = predictor.session(ADAPT)
    session.study(["The cat sat on the mat, and Zoltan saw it. " * 9_000])
    assert session.snapshot.memory.end > 100_000
    assert store.save("one", session).stat().st_size < 600_000


def test_a_word_that_is_forgotten_is_nowhere_in_the_file(
    predictor: Predictor, store: SessionStore, session: Session
) -> None:
    assert b"zoltan" in store.save("one", session).read_bytes().lower()
    session.forget("ZOLTAN")
    assert b"zoltan" not in store.save("one", session).read_bytes().lower()
    loaded = store.load("one", predictor, ADAPT)
    assert chances(loaded) == chances(session)
    assert loaded.learned() == session.learned()
    assert loaded.snapshot.tail == "saw the zzz and"


def test_without_adaptation_what_was_learned_is_kept_and_not_used(
    predictor: Predictor, store: SessionStore, session: Session
) -> None:
    store.save("one", session)
    plain, alone = store.load("one", predictor), predictor.session()
    alone.feed(TEXT)
    for one in (plain, alone):
        one.feed("Anna and Balthasar")
    assert chances(plain) == pytest.approx(chances(alone), abs=1e-5)
    store.save("one", plain)
    learned = store.load("one", predictor, ADAPT).learned()
    assert learned == session.learned()


def test_a_smaller_window_takes_the_contexts_of_the_words_read_last(
    predictor: Predictor, store: SessionStore, session: Session
) -> None:
    store.save("one", session)
    loaded = store.load("one", predictor, AdaptConfig(window=4))
    assert loaded.learned() == session.learned()
    assert loaded.snapshot.memory.near.last(loaded.snapshot.memory.end)[1].size == 4


def test_text_that_utf8_cannot_hold_is_no_obstacle(predictor: Predictor, store: SessionStore) -> None:
    session = predictor.session(ADAPT)
    session.feed("the \udcff cat\x00 \x1b[31m \U0001f600 Zo\u00adltan")
    store.save("one", session)
    assert store.load("one", predictor, ADAPT).learned() == session.learned()


def test_every_session_of_any_text_can_be_read_back(
    predictor: Predictor, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = SessionStore(tmp_path_factory.mktemp("kept"))

    @given(st.text(max_size=80))
    @settings(max_examples=60)
    def check(text: str) -> None:
        session = predictor.session(ADAPT)
        session.feed(text)
        store.save("one", session)
        loaded = store.load("one", predictor, ADAPT)
        assert sorted(loaded.snapshot.new_words) == sorted(session.snapshot.new_words)
        assert chances(loaded) == chances(session)

    check()


def test_a_place_behind_any_mark_is_kept_and_no_word_that_the_vocabulary_does_not_have(
    predictor: Predictor, store: SessionStore
) -> None:
    for text in ("We met Mrs", "We saw (", "He said: \u00bf", "wait" + "." * 100_000, "We know a secretword", "etc"):
        session = predictor.session()
        session.feed(text)
        content = store.save("one", session).read_bytes()
        assert store.load("one", predictor).snapshot.position == session.snapshot.position
        assert len(json.dumps(session.snapshot.position)) < 200
        assert content.count(b"secretword") == text.count("secretword")  # in the tail alone


def test_a_session_of_an_earlier_version_kept_the_word_before(predictor: Predictor, store: SessionStore) -> None:
    session = predictor.session()
    session.feed("the cat")
    rewrite(store.save("one", session), lambda t, facts, m: facts["position"].update(previous="cat"))
    loaded = store.load("one", predictor)
    loaded.feed(".")
    assert loaded.snapshot.position.at_start


# -- files, names, rights --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_can_read_it(store: SessionStore, session: Session, umask: int) -> None:
    before = os.umask(umask)
    try:
        path = store.save("one", session)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700
    assert list(store.folder.iterdir()) == [path]


def test_the_names_there_are(store: SessionStore, session: Session) -> None:
    assert store.names() == []
    for name in ("work", "Ann's diary", "über"):
        store.save(name, session)
    (store.folder / ".hidden.safetensors").touch()
    (store.folder / "letter.txt").touch()
    assert store.names() == ["Ann's diary", "work", "über"]


def test_sessions_are_in_the_users_data_folder(session: Session, tmp_path: Path) -> None:
    path = SessionStore().save("one", session)
    assert path.is_relative_to(tmp_path / "home")
    assert path.parent.name == "sessions"


def test_an_unknown_name_is_answered_with_those_there_are(
    store: SessionStore, predictor: Predictor, session: Session
) -> None:
    with pytest.raises(UsageError, match="'diary'") as caught:
        store.load("diary", predictor)
    assert "--session" in caught.value.hint
    store.save("one", session)
    store.save("two", session)
    with pytest.raises(UsageError, match="'diary'") as caught:
        store.load("diary", predictor)
    assert "one, two" in caught.value.hint
    assert store.open("diary", predictor, ADAPT).words_seen == 0


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "/etc/passwd", "a\\b", "a\0b", "x" * 300, "ü" * 150])
def test_what_cannot_be_a_file_name_is_refused(
    store: SessionStore, predictor: Predictor, session: Session, name: str
) -> None:
    for attempt in (
        lambda: store.save(name, session),
        lambda: store.load(name, predictor),
        lambda: store.open(name, predictor),
    ):
        with pytest.raises(UsageError, match="cannot be called"):
            attempt()
    assert not store.folder.exists()


def test_the_longest_name_can_be_saved(store: SessionStore, session: Session) -> None:
    store.save("x" * 200, session)
    assert store.names() == ["x" * 200]


def test_where_nothing_can_be_written_the_session_goes_on(
    predictor: Predictor, session: Session, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("here already")
    before = chances(session)
    for folder in (in_the_way, in_the_way / "below"):
        with pytest.raises(StorageError, match="file") as caught:
            SessionStore(folder).save("one", session)
        assert caught.value.hint
    assert in_the_way.read_text() == "here already"
    assert chances(session) == before
    session.feed("and on")


def test_a_folder_that_cannot_be_read_is_a_storage_error(
    store: SessionStore, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as broken:
        broken.setattr(os, "listdir", refuse)
        with pytest.raises(StorageError, match=r"kept.*Permission denied"):
            store.names()
    with monkeypatch.context() as broken:
        broken.setattr(Path, "exists", refuse)
        with pytest.raises(StorageError, match=r"one\.safetensors.*Permission denied"):
            store.open("one", predictor)


def test_a_failed_write_leaves_the_old_session(
    store: SessionStore, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = store.save("one", session).read_bytes()
    session.feed("more")

    def disk_is_full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", disk_is_full)
        with pytest.raises(StorageError, match="No space left") as caught:
            store.save("one", session)
    assert "--out" not in caught.value.hint
    assert store.path("one").read_bytes() == content
    assert len(list(store.folder.iterdir())) == 1


def test_a_model_that_is_in_no_file_keeps_no_session(store: SessionStore, predictor: Predictor, tmp_path: Path) -> None:
    unsaved = Predictor(replace(predictor.checkpoint, digest=""))
    with pytest.raises(UsageError, match="never saved"):
        store.save("one", unsaved.session())
    assert not store.folder.exists()


def test_reading_and_writing_at_once_always_sees_a_whole_session(
    store: SessionStore, predictor: Predictor, session: Session
) -> None:
    store.save("one", session)

    def write(number: int) -> None:
        store.save("one", session)

    with ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(write, number) for number in range(40)]
        while not all(task.done() for task in writing):
            assert store.load("one", predictor, ADAPT).words_seen == session.words_seen
        for task in writing:
            task.result()
    assert list(store.folder.iterdir()) == [store.path("one")]


def test_kept_saves_also_when_interrupted_and_not_after_an_error(store: SessionStore, predictor: Predictor) -> None:
    with store.kept("one", predictor, ADAPT) as session:
        session.feed("The cat")

    def ended_by(stop: BaseException | None, k: int = 5) -> None:
        with store.kept("one", predictor, ADAPT) as session:
            session.feed("sat")
            session.suggest(k)
            if stop:
                raise stop

    with pytest.raises(UsageError):
        ended_by(None, k=0)
    assert store.load("one", predictor).words_seen == 2
    with pytest.raises(KeyboardInterrupt):
        ended_by(KeyboardInterrupt())
    with pytest.raises(BrokenPipeError):
        ended_by(BrokenPipeError())
    assert store.load("one", predictor).words_seen == 4


def test_sigterm_ends_the_work_and_what_was_read_is_kept(store: SessionStore, predictor: Predictor) -> None:
    before = signal.getsignal(signal.SIGTERM)

    def terminated() -> None:
        with store.kept("one", predictor, ADAPT) as session:
            session.feed("The cat")
            os.kill(os.getpid(), signal.SIGTERM)
            session.feed("sat")

    with pytest.raises(SystemExit) as caught:
        terminated()
    assert caught.value.code == 143
    assert store.load("one", predictor).words_seen == 2
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_does_not_end_the_saving(
    store: SessionStore, predictor: Predictor, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def replace_when_told_to_stop(disk: Disk, source: Path, target: Path) -> None:
        os.kill(os.getpid(), number)
        os.replace(source, target)

    monkeypatch.setattr(Disk, "replace", replace_when_told_to_stop)
    with store.kept("one", predictor, ADAPT) as session:
        session.feed("The cat")
    assert store.load("one", predictor).words_seen == 2


# -- what a killed process leaves ------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is locked there")
def test_a_stale_temporary_file_of_a_session_is_swept_when_nobody_writes_and_nothing_else_is(
    store: SessionStore, session: Session
) -> None:
    import fcntl

    path = store.save("one", session)
    stale = path.with_name(f".{path.name}.0123456789abcdef.tmp")
    names = [f".two.safetensors.{'0' * 16}.tmp", f".one.safetensors.{'0' * 15}.tmp", f"one.safetensors.{'0' * 16}.tmp"]
    kept = {path, *(path.with_name(name) for name in names)}
    folder, link = (path.with_name(f".{path.name}.{digit * 16}.tmp") for digit in "ab")
    folder.mkdir()
    link.symlink_to(path)
    for file in (stale, *kept - {path}):
        file.touch()
    writing = os.open(store.folder, os.O_RDONLY)
    try:
        fcntl.flock(writing, fcntl.LOCK_SH)  # another process writes
        store.save("one", session)
        assert stale.exists()
    finally:
        os.close(writing)
    store.save("one", session)
    assert set(store.folder.iterdir()) == {*kept, folder, link}


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is locked there")
def test_a_folder_that_cannot_be_locked_can_be_written(
    store: SessionStore, predictor: Predictor, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("nextword.storage.atomic.fcntl.flock", no_locks)
    stale = store.save("one", session).with_name(f".one.safetensors.{'0' * 16}.tmp")
    stale.touch()
    store.save("one", session)
    assert stale.exists()
    assert store.load("one", predictor).words_seen == session.words_seen


# -- what is not accepted --------------------------------------------------------------------------------------------


def test_the_checkpoint_may_be_moved(
    store: SessionStore, predictor: Predictor, session: Session, tmp_path: Path
) -> None:
    store.save("one", session)
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(predictor.checkpoint.path.read_bytes())
    assert chances(store.load("one", Predictor.load(moved), ADAPT)) == chances(session)


@pytest.mark.parametrize("flip", [0x01, 0xFF])
def test_a_wrong_byte_anywhere_is_noticed(
    store: SessionStore, predictor: Predictor, session: Session, flip: int
) -> None:
    path = store.save("one", session)
    content = path.read_bytes()
    for position in sorted({*range(16), *range(0, len(content), 37), len(content) - 1}):
        damaged = bytearray(content)
        damaged[position] ^= flip
        path.write_bytes(damaged)
        assert refused(store, predictor)


def test_a_missing_end_and_something_appended_are_noticed(
    store: SessionStore, predictor: Predictor, session: Session
) -> None:
    path = store.save("one", session)
    content = path.read_bytes()
    for damaged in (*(content[:length] for length in range(0, len(content), 101)), content[:-1], content + b"\0"):
        path.write_bytes(damaged)
        assert refused(store, predictor)


def test_other_files_are_refused(store: SessionStore, predictor: Predictor, session: Session) -> None:
    path = store.save("one", session)
    path.write_bytes(predictor.checkpoint.path.read_bytes())
    assert refused(store, predictor, "format")
    path.unlink()
    path.mkdir()
    assert refused(store, predictor, "not a regular file")
    path.rmdir()
    path.symlink_to("/dev/zero")
    assert refused(store, predictor, "not a regular file")
    path.unlink()
    os.mkfifo(path)
    assert refused(store, predictor, "not a regular file")


def test_a_session_too_long_to_be_read_again_is_not_written(
    store: SessionStore, predictor: Predictor, session: Session
) -> None:
    before = store.save("one", session).read_bytes()
    session.restore(session.snapshot._replace(tail="x" * MAX_HEADER))
    with pytest.raises(UsageError, match="too many words") as caught:
        store.save("one", session)
    assert "words=" in caught.value.hint
    assert store.path("one").read_bytes() == before


def test_more_words_than_can_be_remembered_are_refused(
    store: SessionStore, predictor: Predictor, session: Session
) -> None:
    words = np.zeros(MAX_REMEMBERED + 1, np.int32)
    rewrite(store.save("one", session), lambda tensors, facts, metadata: tensors.update({"memory.words": words}))
    refused(store, predictor, "memory.words")


def test_a_file_too_large_is_not_read(store: SessionStore, predictor: Predictor, session: Session) -> None:
    path = store.save("one", session)
    with path.open("r+b") as file:
        file.truncate(1 << 33)
    assert refused(store, predictor, "too large")


def test_a_newer_format_asks_for_an_upgrade(store: SessionStore, predictor: Predictor, session: Session) -> None:
    path = store.save("one", session)
    path.write_bytes(path.read_bytes().replace(FORMAT.encode(), b"nextword-session/9", 1))
    assert "pgrade" in refused(store, predictor, "nextword-session/9").hint


def rewrite(path: Path, change: Change) -> None:
    """Change a session's file and give it the digest of what it is then."""
    metadata, tensors = read_container(path, FORMAT, CHECKPOINT, EARLIER)
    facts = json.loads(metadata["session"])
    before = json.dumps(facts)
    del metadata["digest"]
    change(tensors, facts, metadata)
    if json.dumps(facts) != before:
        metadata["session"] = json.dumps(facts)
    write_container(path, tensors, metadata, CHECKPOINT)


def wrong_values(name: str, value: float) -> Change:
    def change(tensors: Tensors, facts: dict[str, Any], metadata: dict[str, str]) -> None:
        tensors[name] = tensors[name].copy()
        tensors[name].flat[-1] = value

    return change


# What changes t, the tensors, f, the facts, or m, the metadata, of a file.
HOSTILE: dict[str, Change] = {
    "a tensor is missing": lambda t, f, m: t.pop("cell.1"),
    "the words are missing": lambda t, f, m: t.pop("memory.words"),
    "a tensor too many": lambda t, f, m: t.update({"cell.2": t["cell.1"]}),
    "a longer state": lambda t, f, m: t.update({"hidden.0": np.zeros(41, np.float32)}),
    "a state with an axis more": lambda t, f, m: t.update({"hidden.0": t["hidden.0"][None]}),
    "a state of another type": lambda t, f, m: t.update({"hidden.0": t["hidden.0"].astype(np.float64)}),
    "keys in single precision": lambda t, f, m: t.update({"memory.keys": t["memory.keys"].astype(np.float32)}),
    "narrower keys": lambda t, f, m: t.update({"memory.keys": t["memory.keys"][:, 1:].copy()}),
    "long ids": lambda t, f, m: t.update({"memory.words": t["memory.words"].astype(np.int64)}),
    "ids as a table": lambda t, f, m: t.update({"memory.words": t["memory.words"][None]}),
    "a negative id": wrong_values("memory.words", -1),
    "an id after the last new word": wrong_values("memory.words", 10_000),
    "a state not a number": wrong_values("hidden.1", float("nan")),
    "an infinite cell": wrong_values("cell.0", float("inf")),
    "a hidden state beyond 1": wrong_values("hidden.1", 1e38),
    "no facts": lambda t, f, m: m.pop("session"),
    "no checkpoint": lambda t, f, m: m.pop("checkpoint"),
    "a checkpoint of another type": lambda t, f, m: m.update(checkpoint="[]"),
    "no JSON": lambda t, f, m: m.update(session="{"),
    "a list": lambda t, f, m: m.update(session="[]"),
    "null": lambda t, f, m: m.update(session="null"),
    "deep JSON": lambda t, f, m: m.update(session="[" * 100_000 + "]" * 100_000),
    "a name that stands twice": lambda t, f, m: m.update(session=m["session"][:-1] + ', "tail": ""}'),
    "a count not a number": lambda t, f, m: m.update(session=json.dumps(f | {"words_seen": float("nan")})),
    "a count with 5,000 digits": lambda t, f, m: m.update(
        session=m["session"].replace('"words_seen": ', '"words_seen": ' + "9" * 5_000)
    ),
    "a count with 1,000 digits": lambda t, f, m: f.update(words_seen=10**1_000),
    "an infinite count": lambda t, f, m: m.update(
        session=m["session"].replace('"words_seen": ', '"words_seen": 1e999')
    ),
    "a negative count": lambda t, f, m: f.update(words_seen=-1),
    "a truth in the place of a count": lambda t, f, m: f.update(words_seen=True),
    "half a word": lambda t, f, m: f.update(words_seen=1.5),
    "a fact too many": lambda t, f, m: f.update(more=1),
    "a fact missing": lambda t, f, m: f.pop("tail"),
    "a long tail": lambda t, f, m: f.update(tail="x" * 2_001),
    "a tail that is no text": lambda t, f, m: f.update(tail=["x"]),
    "no position": lambda t, f, m: f.update(position=None),
    "a position with one thing more": lambda t, f, m: f["position"].update(more=1),
    "a position that is a number": lambda t, f, m: f["position"].update(at_start=1),
    "a word before that is none": lambda t, f, m: f["position"].update(previous="no such word"),
    "a mark before that is too long": lambda t, f, m: f["position"].update(previous="." * 65),
    "a word before that is a list": lambda t, f, m: f["position"].update(previous=["the"]),
    "a lexicon that is no UTF-8": wrong_values("memory.lexicon", 255),
    "a lexicon that is too short": lambda t, f, m: t.update({"memory.lexicon": t["memory.lexicon"][:5].copy()}),
    "a lexicon of numbers": lambda t, f, m: t.update({"memory.lexicon": t["memory.lexicon"].astype(np.int32)}),
    "weights of another shape": lambda t, f, m: t.update({"memory.weights": t["memory.weights"][1:].copy()}),
    "a weight that is nothing": wrong_values("memory.weights", 0),
    "a weight below nothing": wrong_values("memory.weights", -1),
    "a weight not a number": wrong_values("memory.weights", float("nan")),
    "a weight without end": wrong_values("memory.weights", float("inf")),
    "a mean of too few words": lambda t, f, m: t.update({"memory.usual": np.ones(3, np.float32)}),
    "a mean below nothing": wrong_values("memory.usual", -1),
    "a mean above one": wrong_values("memory.usual", 2),
    "a mean of no distribution": lambda t, f, m: f.update(samples=0),
    "distributions without their mean": lambda t, f, m: t.update({"memory.usual": np.empty(0, np.float32)}),
    "more keys than words": lambda t, f, m: t.update({"memory.keys": np.concatenate([t["memory.keys"]] * 2)}),
    "a count of distributions below nothing": lambda t, f, m: f.update(samples=-1),
    "no trust at all": lambda t, f, m: f.update(trust=0.0),
    "trust beyond measure": lambda t, f, m: f.update(trust=1.5),
    "a truth in the place of trust": lambda t, f, m: f.update(trust=True),
    "a count of words read that is none": lambda t, f, m: f.update(read="many"),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_file_made_to_harm_is_refused(
    store: SessionStore,
    predictor: Predictor,
    session: Session,
    change: Change,
) -> None:
    rewrite(store.save("one", session), change)
    assert refused(store, predictor)


@pytest.mark.parametrize("word", ["", "?!", "a\x1b[2Jb", "a\u202eb", "x" * 65])
def test_a_word_that_a_session_would_not_learn_is_read_as_unknown(
    store: SessionStore, predictor: Predictor, session: Session, word: str
) -> None:
    def change(tensors: Tensors, facts: dict[str, Any], metadata: dict[str, str]) -> None:
        lexicon = bytes(tensors["memory.lexicon"]).replace(b"Zoltan", word.encode())
        tensors["memory.lexicon"] = np.frombuffer(lexicon, np.uint8)

    rewrite(store.save("one", session), change)
    loaded = store.load("one", predictor, ADAPT)
    assert {found.word for found in loaded.learned()} == {found.word for found in session.learned()} - {"Zoltan"}


def test_the_same_file_without_harm_is_read(store: SessionStore, predictor: Predictor, session: Session) -> None:
    def add_a_word(tensors: Tensors, facts: dict[str, Any], metadata: dict[str, str]) -> None:
        lexicon = bytes(tensors["memory.lexicon"]) + b"\nBalthasar"
        tensors["memory.lexicon"] = np.frombuffer(lexicon, np.uint8)

    rewrite(store.save("one", session), add_a_word)
    assert chances(store.load("one", predictor, ADAPT)) == chances(session)


def test_no_more_is_remembered_than_is_read() -> None:
    words, window = fields(AdaptConfig)
    assert words.metadata["high"] * 1.25 < MAX_REMEMBERED
    assert window.metadata["high"] <= MAX_WINDOW


# -- other checkpoints, earlier versions -----------------------------------------------------------------------------


def test_with_another_checkpoint_the_words_are_remembered_and_a_note_says_so(
    store: SessionStore, predictor: Predictor, session: Session, tmp_path: Path
) -> None:
    checkpoint: Checkpoint = replace(predictor.checkpoint, training={"other": True})
    path = tmp_path / "other.safetensors"
    save_checkpoint(path, checkpoint)
    store.save("one", session)
    other = store.load("one", Predictor.load(path), ADAPT)
    assert other.learned() == session.learned()
    assert "another checkpoint" in other.note
    assert str(predictor.checkpoint.path) in other.note
    assert other.snapshot.memory.near.last(other.snapshot.memory.end)[1].size == 0
    other.feed("Zoltan and the")
    assert ("Zoltan", 4) in [(word.word, word.times) for word in other.learned()]
    store.save("one", other)
    again = store.load("one", Predictor.load(path), ADAPT)
    assert again.note == ""
    assert chances(again) == chances(other)


def test_a_word_that_the_new_checkpoint_knows_is_one_of_its_vocabulary(
    store: SessionStore, predictor: Predictor, session: Session, tmp_path: Path
) -> None:
    words = [*predictor.tokenizer.words[:-1], "zoltan"]
    tokenizer = WordTokenizer(Vocabulary(words, "words", False, {}, [], predictor.tokenizer.version))
    path = tmp_path / "other.safetensors"
    save_checkpoint(path, replace(predictor.checkpoint, tokenizer=tokenizer))
    store.save("one", session)
    learned = store.load("one", Predictor.load(path), ADAPT).learned()
    assert [word.times for word in learned if word.word == "zoltan" and not word.new] == [3]


def as_first_version(path: Path, session: Session) -> None:
    """Make the file of a session one of the first version."""

    def change(tensors: Tensors, facts: dict[str, Any], metadata: dict[str, str]) -> None:
        for name in ("memory.lexicon", "memory.weights", "memory.usual"):
            del tensors[name]
        tensors["memory.words"] = session.snapshot.memory.words().copy()
        del facts["samples"], facts["read"], facts["trust"]
        facts["new_words"] = [new.form for new in session.snapshot.new_words]
        metadata["format"] = EARLIER

    rewrite(path, change)


def test_a_session_of_the_first_version_is_carried_on(
    store: SessionStore, predictor: Predictor, session: Session
) -> None:
    as_first_version(store.save("one", session), session)
    loaded = store.load("one", predictor, ADAPT)
    assert loaded.learned() == session.learned()
    assert (loaded.words_seen, loaded.snapshot.position) == (session.words_seen, session.snapshot.position)
    for one in (loaded, session):
        one.feed("Zoltan and")
    store.save("one", loaded)
    assert store.load("one", predictor, ADAPT).learned() == session.learned()
    assert [list(layer) for layer in loaded.state.hidden] == [list(layer) for layer in session.state.hidden]


def test_a_session_of_the_first_version_is_refused_with_another_checkpoint_and_the_right_one_named(
    store: SessionStore, predictor: Predictor, session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "other.safetensors"
    save_checkpoint(path, replace(predictor.checkpoint, training={"other": True}))
    as_first_version(store.save("one", session), session)
    error = refused(store, Predictor.load(path), "another checkpoint")
    assert str(predictor.checkpoint.path) in error.message
    assert error.message.endswith(f"digest {predictor.checkpoint.digest[:12]}")


@pytest.mark.parametrize("new_words", [7, [7], ["a\x1b[2Jb"], ["x" * 65], []])
def test_new_words_of_the_first_version_made_to_harm_are_refused(
    store: SessionStore, predictor: Predictor, session: Session, new_words: object
) -> None:
    path = store.save("one", session)
    as_first_version(path, session)
    rewrite(path, lambda tensors, facts, metadata: facts.update(new_words=new_words))
    refused(store, predictor)


# -- the command line ------------------------------------------------------------------------------------------------


def predictions(run: subprocess.CompletedProcess[str]) -> list[dict[str, float]]:
    assert run.returncode == 0, run.stderr
    answers = [json.loads(line)["predictions"] for line in run.stdout.splitlines()]
    return [{word["word"]: word["probability"] for word in answer} for answer in answers]


@pytest.mark.slow
def test_processes_go_on_from_each_other(run_cli: RunCLI, tiny_checkpoint: Path, predictor: Predictor) -> None:
    def ask(*arguments: object, stdin: str = "") -> list[dict[str, float]]:
        return predictions(run_cli("predict", *arguments, "-c", tiny_checkpoint, "--json", "-k", 1000, stdin=stdin))

    whole = predictor.session(ADAPT)
    whole.feed("Zoltan lives in Paris. Peter asked Zoltan. Zoltan and")
    expected = {prediction.word: prediction.probability for prediction in whole.suggest(1000)}
    assert "Zoltan" in expected

    ask("Zoltan lives in Paris.", "--session", "one")
    ask("--session", "one", stdin="Peter asked\nZoltan.\n")
    assert ask("Zoltan and", "--session", "one") == [pytest.approx(expected, abs=1e-5)]

    alone = predictor.predict("the", k=1000)
    assert ask("the", "--session", "two", "--no-adapt") == [{word.word: word.probability for word in alone}]


@pytest.mark.slow
def test_errors_of_sessions_have_their_exit_codes(run_cli: RunCLI, tiny_checkpoint: Path, tmp_path: Path) -> None:
    def fails(code: int, name: str, **environment: str) -> str:
        done = run_cli("predict", "the", "--session", name, "-c", tiny_checkpoint, **environment)
        assert done.returncode == code
        assert done.stderr.count("\n") == 2
        return done.stderr

    assert "'../x'" in fails(2, "../x")
    assert run_cli("predict", "the", "--session", "one", "-c", tiny_checkpoint).returncode == 0
    (path,) = (tmp_path / "home").rglob("one.safetensors")
    path.write_bytes(path.read_bytes()[:-1])
    assert str(path) in fails(4, "one")
    in_the_way = tmp_path / "in the way"
    in_the_way.touch()
    if sys.platform == "linux":
        assert "in the way" in fails(5, "two", XDG_DATA_HOME=str(in_the_way))
