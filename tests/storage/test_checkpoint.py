"""The checkpoint file: what was saved is read back, and nothing else is ever accepted."""

from __future__ import annotations

import itertools
import json
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.networks import network_config

from nextword.errors import CheckpointError, StorageError, UsageError
from nextword.storage.checkpoint import FORMAT, Checkpoint, check_words, load_checkpoint, save_checkpoint
from nextword.storage.container import MAX_HEADER
from nextword.storage.locations import SUFFIX
from nextword.storage.strict import strict_json
from nextword.text.tokenizer import WordTokenizer
from nextword.text.vocabulary import MAX_RARE_WORDS


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    config = network_config(embedding_dim=2, hidden_size=3, num_layers=1)
    tokenizer = WordTokenizer.train(["we met Anna and Anna met us"], min_count=1)
    numbers = np.random.default_rng(0)
    shapes = config.parameter_shapes(len(tokenizer))
    tensors = {name: numbers.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return Checkpoint(config, tokenizer, tensors, {"steps": 3, "corpus": 'a "digest":"' + "0" * 64 + '" \u00e9'})


@pytest.fixture(scope="module")
def content(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("content") / "tiny.safetensors"
    save_checkpoint(path, checkpoint)
    return path.read_bytes()


def refused(path: Path, reason: str = "") -> CheckpointError:
    with pytest.raises(CheckpointError, match=reason or None) as caught:
        load_checkpoint(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    return caught.value


def test_what_was_saved_is_read_back(checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    digest = save_checkpoint(path, checkpoint)
    loaded = load_checkpoint(path)
    assert loaded.config == checkpoint.config
    assert loaded.training == checkpoint.training
    assert loaded.tokenizer.to_json() == checkpoint.tokenizer.to_json()
    assert loaded.tensors.keys() == checkpoint.tensors.keys()
    for name, values in checkpoint.tensors.items():
        assert loaded.tensors[name].dtype == np.float32
        np.testing.assert_allclose(loaded.tensors[name], values, rtol=2**-10, atol=2**-24)
    assert (loaded.path, loaded.digest) == (path, digest)


def test_a_vocabulary_of_rules_to_come_is_refused_with_the_way_to_read_it(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokenizer, vocabulary = checkpoint.tokenizer.to_json()
    later = json.dumps({**json.loads(vocabulary), "version": 3})
    monkeypatch.setattr(WordTokenizer, "to_json", lambda _: (tokenizer, later))
    path = tmp_path / "later.safetensors"
    save_checkpoint(path, checkpoint)
    error = refused(path, "rules 3")
    assert error.hint == "Upgrade nextword: pip install --upgrade nextword"


def test_values_too_large_for_half_precision_are_kept_in_full(checkpoint: Checkpoint, tmp_path: Path) -> None:
    large = np.full_like(checkpoint.tensors["output.bias"], 123_456.78)
    path = tmp_path / "large.safetensors"
    save_checkpoint(path, replace(checkpoint, tensors={**checkpoint.tensors, "output.bias": large}))
    np.testing.assert_array_equal(load_checkpoint(path).tensors["output.bias"], large)


def test_equal_checkpoints_make_equal_files(checkpoint: Checkpoint, content: bytes, tmp_path: Path) -> None:
    for name in ("one", "two"):
        path = tmp_path / (name + SUFFIX)
        save_checkpoint(path, checkpoint)
        assert path.read_bytes() == content


def test_saving_what_was_loaded_changes_no_byte(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    path.write_bytes(content)
    save_checkpoint(path, load_checkpoint(path))
    assert path.read_bytes() == content


@pytest.mark.parametrize("flip", [0x01, 0x20, 0xFF])
def test_a_single_wrong_byte_anywhere_is_noticed(content: bytes, tmp_path: Path, flip: int) -> None:
    path = tmp_path / "damaged.safetensors"
    digest_at = content.index(b'"digest":"', 8)
    sampled = {*range(16), *range(0, len(content), 7), *range(len(content) - 40, len(content))}
    for position in sorted(sampled | set(range(digest_at, digest_at + 80))):
        damaged = bytearray(content)
        damaged[position] ^= flip
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            load_checkpoint(path)


def test_a_missing_end_is_noticed_wherever_the_file_stops(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "short.safetensors"
    for length in (*range(17), *range(17, len(content), 13), len(content) - 1):
        path.write_bytes(content[:length])
        assert refused(path)


@pytest.mark.parametrize("extra", [b"\0", b" ", b"\n", b"x" * 1000])
def test_something_appended_is_noticed(content: bytes, tmp_path: Path, extra: bytes) -> None:
    path = tmp_path / "long.safetensors"
    path.write_bytes(content + extra)
    assert refused(path)


def test_a_newer_format_asks_for_an_upgrade(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "newer.safetensors"
    path.write_bytes(content.replace(f'"{FORMAT}"'.encode(), b'"nextword/9"', 1))
    error = refused(path, "nextword/9")
    assert "pgrade" in error.hint


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(checkpoint: Checkpoint, tmp_path: Path, bad: float) -> None:
    values = checkpoint.tensors["lstm.0.bias_hh_l0"].copy()
    values[-1] = bad
    path = tmp_path / "bad.safetensors"
    save_checkpoint(path, replace(checkpoint, tensors={**checkpoint.tensors, "lstm.0.bias_hh_l0": values}))
    assert refused(path, "lstm.0.bias_hh_l0")


def test_a_tensor_of_the_wrong_shape_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    turned = np.ascontiguousarray(checkpoint.tensors["embedding.weight"].T)
    path = tmp_path / "turned.safetensors"
    save_checkpoint(path, replace(checkpoint, tensors={**checkpoint.tensors, "embedding.weight": turned}))
    assert refused(path, "embedding.weight")


def test_a_missing_and_an_additional_tensor_are_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    save_checkpoint(path, replace(checkpoint, tensors={**checkpoint.tensors, "more": np.zeros(1, np.float32)}))
    assert refused(path, "more")
    fewer = {name: values for name, values in checkpoint.tensors.items() if name != "output.bias"}
    save_checkpoint(path, replace(checkpoint, tensors=fewer))
    assert refused(path, "output.bias")


def test_a_vocabulary_that_does_not_fit_the_rows_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "words.safetensors"
    save_checkpoint(path, replace(checkpoint, tokenizer=WordTokenizer.train(["three words only"], min_count=1)))
    assert refused(path)


def test_what_is_no_checkpoint_at_all_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere.safetensors", "does not exist")
    assert refused(tmp_path, "not a regular file")
    text = tmp_path / "letter.txt"
    text.write_text("Dear Anna,\n" * 100)
    assert refused(text, "not a checkpoint")
    text.write_bytes(b"")
    assert refused(text, "not a checkpoint")
    text.write_bytes((2).to_bytes(8, "little") + b"{}")
    assert refused(text, "not a checkpoint")


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 1}', '[{"a": {"b": 1, "b": 2}}]', "NaN", "-Infinity", "1e999", "{", ""]
)
def test_json_that_python_would_take_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"twice|finite|Expecting"):
        strict_json(text)


def test_plain_json_is_read() -> None:
    assert strict_json('{"a": [1, 2.5, "x", null, true], "b": {"a": -1e3}}') == {
        "a": [1, 2.5, "x", None, True],
        "b": {"a": -1000.0},
    }


def test_a_header_in_which_a_name_stands_twice_is_refused(content: bytes, tmp_path: Path) -> None:
    length = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + length].replace(b'{"__metadata__":', b'{"__metadata__":{},"__metadata__":', 1)
    path = tmp_path / "twice.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + length :])
    assert refused(path, "not a checkpoint")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    checkpoint: Checkpoint, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one.safetensors"
    path.write_bytes(content)

    def disk_is_full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", disk_is_full)
        with pytest.raises(StorageError, match="No space left") as caught:
            save_checkpoint(path, replace(checkpoint, training={}))
    assert str(path) in caught.value.message
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_into_a_folder_that_is_not_there_is_a_storage_error(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        save_checkpoint(tmp_path / "nowhere" / "one.safetensors", checkpoint)


@pytest.mark.slow
def test_a_thousand_loads_while_another_thread_saves_see_one_whole_checkpoint_each(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    path = tmp_path / "one.safetensors"
    stories = [{"steps": 0}, {"steps": 1, "note": "longer" * 1000}]
    digests = {save_checkpoint(path, replace(checkpoint, training=story)) for story in stories}
    enough = threading.Event()

    def save() -> None:
        for story in itertools.cycle(stories):
            save_checkpoint(path, replace(checkpoint, training=story))
            if enough.is_set():
                return

    with ThreadPoolExecutor(1) as pool:
        saving = pool.submit(save)
        try:
            loaded = [load_checkpoint(path) for _ in range(1000)]
        finally:
            enough.set()
        saving.result()
    assert {one.digest for one in loaded} == digests
    assert all(one.training in stories for one in loaded)


def test_what_could_not_be_read_again_is_not_written(checkpoint: Checkpoint, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    free = MAX_HEADER - int.from_bytes(content[:8], "little")
    longest = {**checkpoint.training, "note": "x" * (free - 40)}
    save_checkpoint(path, replace(checkpoint, training=longest))
    assert load_checkpoint(path).training == longest
    before = path.read_bytes()
    with pytest.raises(UsageError, match="too many words"):
        save_checkpoint(path, replace(checkpoint, training={**longest, "note": "x" * free}))
    assert path.read_bytes() == before


@pytest.mark.slow
def test_sixty_thousand_long_words_with_forms_and_all_rare_ones_fit_and_five_times_as_many_are_refused() -> None:
    def of(words: int) -> WordTokenizer:
        tokenizer, vocabulary = map(json.loads, WordTokenizer.train(["we met Anna"], min_count=1).to_json())
        forms = [f"McWordsworth{number}" for number in range(words)]
        rare = [f"Wordsworthian{number}" for number in range(MAX_RARE_WORDS)]
        ids = ["<unk>", "<eos>", *map(str.lower, forms)]
        tokenizer["model"]["vocab"] = {word: index for index, word in enumerate(ids)}
        vocabulary |= {"surface_forms": {form.lower(): form for form in forms}, "rare": rare}
        return WordTokenizer.from_json(tokenizer, vocabulary)

    check_words(of(60_000))
    with pytest.raises(UsageError, match=r"300,002 words are too long") as caught:
        check_words(of(300_000))
    assert "--vocab-size" in caught.value.hint


def test_a_write_leaves_no_temporary_file(checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    save_checkpoint(path, checkpoint)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_a_checkpoint_has_the_rights_of_any_new_file(checkpoint: Checkpoint, tmp_path: Path, umask: int) -> None:
    path = tmp_path / "one.safetensors"
    before = os.umask(umask)
    try:
        save_checkpoint(path, checkpoint)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
