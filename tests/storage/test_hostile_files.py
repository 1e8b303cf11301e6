"""Files that somebody else made: whatever stands in them, they are read as they should be or refused."""

from __future__ import annotations

import ast
import json
import math
import os
import pickle
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.containers import NO_DIGEST, put_together, take_apart, write
from support.files import a_checkpoint, a_resume_file, go_on_from, seen_while_saving
from support.mutation import mutated
from support.networks import network_config

import nextword
from nextword.config import AdaptConfig
from nextword.errors import CheckpointError
from nextword.inference.predictor import Predictor
from nextword.inference.session_store import SessionStore
from nextword.storage.checkpoint import FORMAT, check_parameters, load_checkpoint, save_checkpoint
from nextword.storage.container import MAX_HEADER
from nextword.storage.strict import MAX_PARTS, strict_json
from nextword.terminal.output import print_json
from nextword.terminal.results import checkpoint_record, show_checkpoint
from nextword.training.resume import load_resume_point

Header = dict[str, Any]
HUGE = 10**12


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("content") / "tiny.safetensors"
    save_checkpoint(path, a_checkpoint())
    return path.read_bytes()


@pytest.fixture
def header(content: bytes) -> Header:
    return take_apart(content)[0]


@pytest.fixture
def body(content: bytes) -> bytes:
    return take_apart(content)[1]


def refused(path: Path, reason: str = "") -> CheckpointError:
    with pytest.raises(CheckpointError, match=reason or None) as caught:
        load_checkpoint(path)
    assert caught.value.exit_code == 4
    assert str(path) in caught.value.message
    assert len(caught.value.message) < 1_000 + len(str(path))
    assert caught.value.hint
    return caught.value


def test_a_file_taken_apart_and_put_together_is_read(header: Header, body: bytes, tmp_path: Path) -> None:
    assert load_checkpoint(write(tmp_path / "same", header, body)).training == {"steps": 3}


# -- the header ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 2**32, 100_000_001, 0])
def test_a_header_longer_than_the_file_is_refused(content: bytes, tmp_path: Path, length: int) -> None:
    path = tmp_path / "long"
    path.write_bytes(length.to_bytes(8, "little") + content[8:])
    assert refused(path)


def first(header: Header) -> Header:
    entry = header["embedding.weight"]
    assert isinstance(entry, dict)
    return entry


def moved(by: int) -> Callable[[Header], object]:
    return lambda h: first(h).update(data_offsets=[place + by for place in first(h)["data_offsets"]])


LAYOUTS: dict[str, Callable[[Header], object]] = {
    "overlap": lambda h: first(h).update(data_offsets=h["output.bias"]["data_offsets"]),
    "two tensors in one place": lambda h: h.update(more=dict(first(h))),
    "hole": moved(2),
    "before the first byte": moved(-2),
    "after the last byte": moved(HUGE),
    "end before begin": lambda h: first(h).update(data_offsets=first(h)["data_offsets"][::-1]),
    "offsets beyond 64 bits": lambda h: first(h).update(data_offsets=[0, 2**64 + 4]),
    "one offset": lambda h: first(h).update(data_offsets=[0]),
    "offsets with a fraction": lambda h: first(h).update(data_offsets=[0.0, 24.0]),
    "offsets that are text": lambda h: first(h).update(data_offsets="12"),
    "shape that overflows": lambda h: first(h).update(shape=[2**32, 2**32]),
    "shape that wraps around to nothing": lambda h: first(h).update(shape=[2**63, 2], data_offsets=[0, 0]),
    "nothing times a lot": lambda h: h.update(more={"dtype": "F16", "shape": [0, 2**80], "data_offsets": [0, 0]}),
    "negative shape": lambda h: first(h).update(shape=[-1, -12]),
    "true as a shape": lambda h: first(h).update(shape=[True, 12]),
    "shape of text": lambda h: first(h).update(shape="62"),
    "shape of a thousand axes": lambda h: first(h).update(shape=[1] * 1_000 + first(h)["shape"]),
    "shape that is no list": lambda h: first(h).update(shape=12),
    "other type": lambda h: first(h).update(dtype="I8"),
    "unknown type": lambda h: first(h).update(dtype="BF16"),
    "type that is a list": lambda h: first(h).update(dtype=["F16"]),
    "type that is missing": lambda h: first(h).pop("dtype"),
    "something more about a tensor": lambda h: first(h).update(more=1),
    "tensor that is a list": lambda h: h.update({"embedding.weight": [1, 2]}),
    "tensor that is null": lambda h: h.update({"embedding.weight": None}),
    "tensor missing": lambda h: h.pop("embedding.weight"),
    "tensor too many": lambda h: h.update(more={"dtype": "F16", "shape": [0], "data_offsets": [0, 0]}),
    "100,000 tensors": lambda h: h.update(
        {f"t{number}": {"dtype": "F16", "shape": [0], "data_offsets": [0, 0]} for number in range(100_000)}
    ),
    "metadata that is a list": lambda h: h.update(__metadata__=[["digest", NO_DIGEST]]),
    "metadata that is a number": lambda h: h["__metadata__"].update(config=3),
    "metadata missing": lambda h: h.pop("__metadata__"),
    "digest that is short": lambda h: h["__metadata__"].update(digest="0"),
    "digest that no text can have": lambda h: h["__metadata__"].update(digest="\ud800" * 64),
    "format of a million characters": lambda h: h["__metadata__"].update(format="x" * 1_000_000),
    "format missing": lambda h: h["__metadata__"].pop("format"),
    "config missing": lambda h: h["__metadata__"].pop("config"),
}


@pytest.mark.parametrize("change", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_tensors_that_do_not_fill_the_file_as_the_config_says_are_refused(
    header: Header, body: bytes, tmp_path: Path, change: Callable[[Header], object]
) -> None:
    change(header)
    assert refused(write(tmp_path / "odd", header, body))


def test_bytes_that_no_tensor_has_are_refused(header: Header, body: bytes, tmp_path: Path) -> None:
    assert refused(write(tmp_path / "more", header, body + bytes(8)))
    assert refused(write(tmp_path / "less", header, body[:-2]))


DEEP = "[" * 100_000 + "]" * 100_000
TEXTS = {
    "deep": DEEP,
    "deep objects": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "5,000 digits": '{"embedding_dim": ' + "9" * 5_000 + "}",
    "not a number": '{"embedding_dim": NaN}',
    "infinite": '{"topic_share": 1e999}',
    "a name twice": '{"embedding_dim": 2, "embedding_dim": 2}',
    "a list": "[]",
    "null": "null",
    "text": '"words"',
    "nothing": "",
    "half": "{",
}


@pytest.mark.parametrize("part", ["config", "tokenizer", "vocabulary", "training"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_json_made_to_harm_is_refused_in_every_part(
    header: Header, body: bytes, tmp_path: Path, part: str, text: str
) -> None:
    header["__metadata__"][part] = text
    assert refused(write(tmp_path / "json", header, body))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_json_made_to_harm_is_refused_in_the_header(header: Header, body: bytes, tmp_path: Path, text: str) -> None:
    plain = json.dumps(header, separators=(",", ":"))
    assert refused(write(tmp_path / "json", text.encode(), body))
    assert refused(write(tmp_path / "json", f'{plain[:-1]},"more":{text}}}'.encode(), body))


@given(st.recursive(st.text('[{,"\\\\x', max_size=9), lambda values: st.lists(values, max_size=3), max_leaves=30))
def test_the_parts_of_a_json_text_are_those_outside_its_strings(value: Any) -> None:
    def parts(value: Any) -> int:
        return 1 + max(0, len(value) - 1) + sum(map(parts, value)) if isinstance(value, list) else 0

    text = json.dumps(value)
    for chunk_size in (1, 2, 3, 1_000):
        assert strict_json(text, parts(value), chunk_size) == value
        with pytest.raises(ValueError, match="parts"):
            strict_json(text, parts(value) - 1, chunk_size)


def test_brackets_in_strings_are_no_lists() -> None:
    text = json.dumps({"\\": "[" * 200_000, '"': '\\"{'})
    assert strict_json(text) == json.loads(text)
    with pytest.raises(ValueError, match="parts"):
        strict_json("[" + "[]," * (MAX_PARTS // 2) + "[]]")


@pytest.mark.parametrize("value", [1e16, -1e16, 3e38])
def test_weights_that_would_overflow_are_refused(tmp_path: Path, value: float) -> None:
    checkpoint = a_checkpoint()
    checkpoint.tensors["output.bias"][-1] = value
    path = tmp_path / "large"
    save_checkpoint(path, checkpoint)
    assert refused(path, "output.bias")


def test_of_all_halves_those_that_are_not_finite_are_refused() -> None:
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = np.isfinite(halves)
    check_parameters({"w": halves[finite]}, {"w": halves[finite].shape})
    for value in halves[~finite]:
        with pytest.raises(ValueError, match="w has values that are not finite"):
            check_parameters({"w": np.array([0, value, 1], np.float16)}, {"w": (3,)})


def test_settings_that_are_none_are_refused(header: Header, body: bytes, tmp_path: Path) -> None:
    header["__metadata__"]["training"] = '{"settings": [1]}'
    assert refused(write(tmp_path / "settings", header, body), "settings")


# -- the config ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", ["1000000000000", "0", "-1", "true", "1.5", "NaN", "null", '"2"', "[2]", "65536", "64"]
)
@pytest.mark.parametrize("field", ["embedding_dim", "hidden_size", "num_layers"])
def test_sizes_that_make_no_sense_are_refused(
    header: Header, body: bytes, tmp_path: Path, field: str, size: str
) -> None:
    config = json.loads(header["__metadata__"]["config"])
    del config[field]
    header["__metadata__"]["config"] = json.dumps(config)[:-1] + f', "{field}": {size}}}'
    assert refused(write(tmp_path / "sizes", header, body))


def test_a_setting_that_this_version_does_not_know_is_refused(header: Header, body: bytes, tmp_path: Path) -> None:
    header["__metadata__"]["config"] = header["__metadata__"]["config"][:-1] + ', "command": "rm"}'
    assert refused(write(tmp_path / "more", header, body), "command")


# -- the words -------------------------------------------------------------------------------------------------------


def vocab(tokenizer: Header) -> Header:
    found = tokenizer["model"]["vocab"]
    assert isinstance(found, dict)
    return found


# What changes t, the `tokenizers` JSON, or v, what nextword adds to it. The vocabulary is <unk>, <eos>, anna, and, met.
WORDS: dict[str, Callable[[Header, Header], object]] = {
    "an id twice": lambda t, v: vocab(t).update(met=2),
    "an id left out": lambda t, v: vocab(t).update(met=99),
    "a negative id": lambda t, v: vocab(t).update(met=-1),
    "an id beyond 64 bits": lambda t, v: vocab(t).update(met=2**64),
    "an id with a fraction": lambda t, v: vocab(t).update(met=4.0),
    "true as an id": lambda t, v: vocab(t).update({"<eos>": True}),
    "text as an id": lambda t, v: vocab(t).update(met="4"),
    "a word too many": lambda t, v: vocab(t).update(more=5),
    "a word too few": lambda t, v: vocab(t).pop(max(vocab(t), key=vocab(t).__getitem__)),
    "other special tokens": lambda t, v: vocab(t).update({"<unk>": 1, "<eos>": 0}),
    "no vocabulary": lambda t, v: t["model"].pop("vocab"),
    "a vocabulary that is a list": lambda t, v: t["model"].update(vocab=["a", "b"]),
    "a word that is too long": lambda t, v: vocab(t).update({"x" * 100_000: vocab(t).pop("met")}),
    "a word that is half a character": lambda t, v: vocab(t).update({"\ud800": vocab(t).pop("met")}),
    "another model": lambda t, v: t["model"].update(type="BPE", merges=[]),
    "another unknown word": lambda t, v: t["model"].update(unk_token="met"),
    "another pattern": lambda t, v: t["pre_tokenizer"]["pattern"].update(Regex="(a+)+$"),
    "a huge pattern": lambda t, v: t["pre_tokenizer"]["pattern"].update(Regex="(" * 100_000 + ")" * 100_000),
    "another way to cut": lambda t, v: t.update(pre_tokenizer={"type": "Whitespace"}),
    "no way to cut": lambda t, v: t.update(pre_tokenizer=None),
    "other plain characters": lambda t, v: t["normalizer"]["normalizers"].append({"type": "Prepend", "prepend": "x"}),
    "text that grows": lambda t, v: t["normalizer"]["normalizers"].extend(
        [{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}] * 64
    ),
    "a post-processor": lambda t, v: t.update(post_processor={"type": "ByteLevel"}),
    "added tokens": lambda t, v: t.update(added_tokens=[{"id": 0, "content": "x"}]),
    "padding": lambda t, v: t.update(padding={"strategy": {"Fixed": HUGE}}),
    "truncation": lambda t, v: t.update(truncation={"max_length": 1}),
    "something more": lambda t, v: t.update(more=1),
    "another scheme": lambda t, v: v.update(scheme="bytes"),
    "the other scheme": lambda t, v: v.update(scheme="whitespace"),
    "a scheme that is a list": lambda t, v: v.update(scheme=["words"]),
    "the other case": lambda t, v: v.update(cased=True),
    "a number as case": lambda t, v: v.update(cased=0),
    "no forms": lambda t, v: v.pop("surface_forms"),
    "forms that are a list": lambda t, v: v.update(surface_forms=["Anna"]),
    "a form of no word": lambda t, v: v["surface_forms"].update(zebra="Zebra"),
    "a form that is a number": lambda t, v: v["surface_forms"].update(met=3),
    "an empty form": lambda t, v: v["surface_forms"].update(met=""),
    "a long form": lambda t, v: v["surface_forms"].update(met="m" * 10_000),
    "a form that commands": lambda t, v: v["surface_forms"].update(met="\x1b[2J"),
    "a form turned around": lambda t, v: v["surface_forms"].update(met="\u202emet"),
    "a form of two lines": lambda t, v: v["surface_forms"].update(met="met\nmet"),
    "rare words that are text": lambda t, v: v.update(rare="zebra"),
    "too many rare words": lambda t, v: v.update(rare=["zebra"] * 100_001),
    "a rare word that is a number": lambda t, v: v["rare"].append(7),
    "an empty rare word": lambda t, v: v["rare"].append(""),
    "a long rare word": lambda t, v: v["rare"].append("x" * 1_000),
    "a rare word that commands": lambda t, v: v["rare"].append("a\x1b[2Jb"),
    "a rare word turned around": lambda t, v: v["rare"].append("a\u202eb"),
    "rare words in one": lambda t, v: v["rare"].append("two words"),
    "abbreviations that are text": lambda t, v: v.update(abbreviations="etc"),
    "abbreviations that are none": lambda t, v: v.update(abbreviations=None),
    "too many abbreviations": lambda t, v: v.update(abbreviations=[f"w{number}" for number in range(1_001)]),
    "an abbreviation that is a number": lambda t, v: v["abbreviations"].append(7),
    "an empty abbreviation": lambda t, v: v["abbreviations"].append(""),
    "a long abbreviation": lambda t, v: v["abbreviations"].append("x" * 1_000),
    "an abbreviation that commands": lambda t, v: v["abbreviations"].append("a\x1b[2Jb"),
    "an abbreviation twice": lambda t, v: v["abbreviations"].extend(["abk", "abk"]),
    "abbreviations in one": lambda t, v: v["abbreviations"].append("two words"),
}


def with_words(header: Header, change: Callable[[Header, Header], object]) -> None:
    parts = [json.loads(header["__metadata__"][name]) for name in ("tokenizer", "vocabulary")]
    change(*parts)
    header["__metadata__"] |= dict(zip(("tokenizer", "vocabulary"), map(json.dumps, parts), strict=True))


@pytest.mark.parametrize("change", WORDS.values(), ids=WORDS.keys())
def test_words_that_nextword_would_not_have_written_are_refused(
    header: Header, body: bytes, tmp_path: Path, change: Callable[[Header, Header], object]
) -> None:
    with_words(header, change)
    assert refused(write(tmp_path / "words", header, body), "not a tokenizer|embedding")


def test_other_words_and_forms_that_are_right_are_read(header: Header, body: bytes, tmp_path: Path) -> None:
    def change(tokenizer: Header, vocabulary: Header) -> None:
        vocab(tokenizer)["mcdonald"] = vocab(tokenizer).pop("met")
        vocabulary.update(surface_forms={"mcdonald": "McDonald"}, rare=["Zebra"])

    with_words(header, change)
    tokenizer = load_checkpoint(write(tmp_path / "words", header, body)).tokenizer
    assert tokenizer.rare == ["Zebra"]
    assert tokenizer.surface(tokenizer.encode("MCDONALD").ids[0]) == "McDonald"


def test_a_checkpoint_of_an_earlier_version_without_rare_words_is_read(
    header: Header, body: bytes, tmp_path: Path
) -> None:
    with_words(header, lambda tokenizer, vocabulary: vocabulary.pop("rare"))
    assert load_checkpoint(write(tmp_path / "old", header, body)).tokenizer.rare == []


def test_a_checkpoint_of_an_earlier_version_without_abbreviations_is_read(
    header: Header, body: bytes, tmp_path: Path
) -> None:
    with_words(header, lambda tokenizer, vocabulary: vocabulary.pop("abbreviations"))
    assert "fig" in load_checkpoint(write(tmp_path / "old", header, body)).tokenizer.abbreviations


# -- what is no checkpoint -------------------------------------------------------------------------------------------


class _Bomb:
    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, ("executed",)


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")


OTHERS: dict[str, Callable[[Path], object]] = {
    "pickle": lambda path: path.write_bytes(pickle.dumps(_Bomb())),
    "torch": lambda path: torch.save({"weights": torch.zeros(3)}, path),
    "zip": _zip,
    "folder": Path.mkdir,
    "fifo": os.mkfifo,
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "terminal": lambda path: path.symlink_to("/dev/tty"),
    "loop": lambda path: path.symlink_to(path.name),
    "a terabyte of nothing": lambda path: (path.touch(), os.truncate(path, 1 << 40)),
    "nothing": lambda path: None,
}


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS.keys())
def test_what_is_no_checkpoint_is_refused_unread_and_unrun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "other.safetensors"
    make(path)
    with counted_work() as calls:
        assert refused(path)
    assert calls[0] < 5_000
    assert not Path("executed").exists()


def test_a_file_that_grows_or_shrinks_while_it_is_read_is_refused(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "alive"
    look = os.fstat
    for change in (1, -1):
        path.write_bytes(content)

        def change_after(descriptor: int, by: int = change) -> os.stat_result:
            facts = look(descriptor)
            os.truncate(path, len(content) + by)
            return facts

        with monkeypatch.context() as racing:
            racing.setattr("nextword.storage.container.os.fstat", change_after)
            assert refused(path)


@pytest.mark.slow
def test_every_byte_flipped_every_end_cut_and_a_byte_appended_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    damaged = bytearray(content)
    for position in range(len(content)):
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            load_checkpoint(path)
        damaged[position] = content[position]
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError):
            load_checkpoint(path)
    for extra in range(256):
        path.write_bytes(content + bytes([extra]))
        with pytest.raises(CheckpointError):
            load_checkpoint(path)


# -- time, memory, and what nobody calls -----------------------------------------------------------------------------

_MEASURE = """
import os, sys
from pathlib import Path
from nextword.errors import CheckpointError
from nextword.storage.checkpoint import load_checkpoint
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) * 1024
for path in map(Path, sys.argv[1:]):
    if os.fork() == 0:  # its peak begins with what it has now
        before = peak()
        try:
            load_checkpoint(path)
        except CheckpointError:
            print(path.name, peak() - before, flush=True)
        os._exit(0)
    os.wait()
"""
MEGABYTES = 1 << 20
_SMILE = "\U0001f600"  # makes Python take four bytes for every character of a text


def _zeros(megabytes: int, **changes: Any) -> Callable[[Header], tuple[Header, bytes]]:
    size = megabytes * MEGABYTES

    def make(header: Header) -> tuple[Header, bytes]:
        plain = {"__metadata__": header["__metadata__"]}
        return {**plain, "zeros": {"dtype": "F16", "shape": [size // 2], "data_offsets": [0, size], **changes}}, bytes(
            size
        )

    return make


def _sized(number: float) -> Callable[[Header], tuple[Header, bytes]]:
    def make(header: Header) -> tuple[Header, bytes]:
        sizes = {"embedding_dim": number, "hidden_size": number, "num_layers": min(number, 64)}
        header["__metadata__"]["config"] = json.dumps(sizes)
        return header, b""

    return make


def _network(
    header: Header, words: int, width: int, last: float = 0.0, text: Callable[[int], str] = "w{}".format
) -> tuple[Header, bytes]:
    """A header with so many words, and all numbers that the network has beside them; the very last may be another."""
    model = network_config(embedding_dim=width, hidden_size=width, num_layers=1)
    vocabulary = {word: index for index, word in enumerate(["<unk>", "<eos>", *map(text, range(words - 2))])}
    with_words(header, lambda t, v: (t["model"].update(vocab=vocabulary), v.update(surface_forms={})))
    header["__metadata__"]["config"] = json.dumps(asdict(model))
    changed, place = {"__metadata__": header["__metadata__"]}, 0
    for name, shape in model.parameter_shapes(words).items():
        end = place + 2 * math.prod(shape)
        changed[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [place, end]}
        place = end
    return changed, bytes(place - 2) + np.float16(last).tobytes()


def _words(
    words: int, change: Callable[[Header, Header], object], text: Callable[[int], str] = "w{}".format
) -> Callable[[Header], tuple[Header, bytes]]:
    """Words that have rows of one number each, and something wrong."""

    def make(header: Header) -> tuple[Header, bytes]:
        made = _network(header, words, 1, text=text)
        with_words(header, change)
        return made

    return make


def _more_words_than_rows(header: Header) -> tuple[Header, bytes]:
    few = json.loads(json.dumps(_network(header, 5, 1)[0]))
    many, body = _network(header, 120_000, 1)
    return {**few, "__metadata__": many["__metadata__"]}, body[: few["output.bias"]["data_offsets"][1]]


def _tensors(header: Header) -> tuple[Header, bytes]:
    LAYOUTS["100,000 tensors"](header)
    return header, b""


def _part(name: str, text: str) -> Callable[[Header], tuple[Header, bytes]]:
    def make(header: Header) -> tuple[Header, bytes]:
        header["__metadata__"][name] = text
        return header, b""

    return make


def _filled(make: Callable[[Header], tuple[Header, bytes]]) -> Callable[[Header], tuple[Header, bytes]]:
    """The same with text that takes much memory, so much of it that the header is as long as one may be."""

    def fill(header: Header) -> tuple[Header, bytes]:
        header, body = make(header)
        header["__metadata__"]["filling"] = _SMILE
        length = len(json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode())
        assert length < MAX_HEADER
        header["__metadata__"]["filling"] += "x" * (MAX_HEADER - length)
        return header, body

    return fill


def _objects(header: Header) -> tuple[Header, bytes]:
    value: object = 0
    for _ in range(400):  # nearly as deep as may be
        value = {"": value}
    return {**header, "more": [value] * (MAX_PARTS // 401 - 1)}, b""


LARGE: dict[str, Callable[[Header], tuple[Header, bytes]]] = {
    "100 megabytes": _zeros(100),
    "100 megabytes of a wrong type": _zeros(100, dtype="F64"),
    "large sizes": _sized(65_536),
    "huge sizes": _sized(HUGE),
    "100,000 tensors": _tensors,
    "deep config": _part("config", DEEP),
    "deep training": _part("training", DEEP),
    "lists": _part("tokenizer", '{"model": {"vocab": {}}, "a": [' + "[]," * 500_000 + "[]]}"),
    "fractions": _part("training", '{"a":[' + "1.5," * 1_000_000 + "1]}"),
    "names": _part("config", "{" + ",".join(f'"{number}":1.5' for number in range(199_000)) + "}"),
    "five megabytes of wide text": _part("training", _SMILE + "x" * 5_000_000),
    "a header of 40 megabytes": _part("training", _SMILE + "x" * 40_000_000),
    "a weight that is not a number": lambda header: _network(header, 10_000, 1_200, math.nan),
    "words that no row of the network has": _more_words_than_rows,
    "many words, two of one number": _words(100_000, lambda t, v: vocab(t).update(w7=6)),
    "many words with forms, and a rare one that is none": _words(
        100_000,
        lambda t, v: v.update(surface_forms={word: word.upper() for word in vocab(t)}, rare=["two words"]),
    ),
    "as many words as may be, and a rare one that is none": _filled(
        _words(425_000, lambda t, v: v.update(rare=["two words"]), "{:x}".format)
    ),
    "as many names as may be": _filled(
        lambda header: ({**header, "more": dict.fromkeys(map("{:x}".format, range(MAX_PARTS - 1_000)), 1.5)}, b"")
    ),
    "as many objects as may be": _filled(_objects),
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_refusing_a_file_takes_no_more_memory_than_the_file_and_200_megabytes(content: bytes, tmp_path: Path) -> None:
    for name, make in LARGE.items():
        header, body = make(take_apart(content)[0])
        encoded = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        write(tmp_path / name.replace(" ", "-"), encoded, body)
    paths = sorted(tmp_path.iterdir())
    run = subprocess.run([sys.executable, "-c", _MEASURE, *paths], capture_output=True, text=True, check=True)
    taken = {name: int(size) for name, size in map(str.split, run.stdout.splitlines())}
    assert taken.keys() == {path.name for path in paths}
    over = {path.name: (taken[path.name] - path.stat().st_size) // MEGABYTES for path in paths}
    assert max(over.values()) <= 200, over


_ALLOWING_LITTLE = """
import resource, sys
from pathlib import Path
from nextword.errors import CheckpointError
from nextword.storage.checkpoint import load_checkpoint
now = int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (now + (32 << 20), now + (32 << 20)))
for path in map(Path, sys.argv[1:]):
    try:
        load_checkpoint(path)
    except CheckpointError as error:
        print(error.exit_code)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_sizes_and_shapes_beyond_any_memory_are_refused_where_there_is_little(content: bytes, tmp_path: Path) -> None:
    layouts = ("shape that overflows", "after the last byte", "offsets beyond 64 bits", "nothing times a lot")
    for name in layouts:
        header, body = take_apart(content)
        LAYOUTS[name](header)
        write(tmp_path / name, header, body)
    for size in (0, -1, True, 1.5, math.nan, 65_536, HUGE, 2**63, 10**400):
        write(
            tmp_path / f"{size:.0e}" if size < HUGE else tmp_path / str(size)[:20],
            *_sized(size)(take_apart(content)[0]),
        )
    for length in (2**63, 2**40):
        (tmp_path / f"header {length}").write_bytes(length.to_bytes(8, "little") + content[8:])
    paths = sorted(tmp_path.iterdir())
    run = subprocess.run([sys.executable, "-c", _ALLOWING_LITTLE, *paths], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["4"] * len(paths), run.stderr


FORBIDDEN = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}


def _calls_and_imports(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
            found |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Call):
            found.add(ast.unparse(node.func))
    return found


@pytest.mark.parametrize("file", sorted(Path(nextword.__file__).parent.rglob("*.py")), ids=lambda file: file.name)
def test_no_module_reads_pickles_or_runs_text(file: Path) -> None:
    found = _calls_and_imports(file.read_text(encoding="utf-8"))
    assert not found & (FORBIDDEN | {"eval", "exec", "compile", "__import__", "torch.load", "np.load", "numpy.load"})


def test_what_must_not_be_called_would_be_found() -> None:
    assert _calls_and_imports("import pickle as p\nfrom torch import load\neval('1')\ntorch.load(x)") >= {
        "pickle",
        "torch.load",
        "eval",
    }


_LINT = """
import os, pickle, torch, numpy
from marshal import loads
from torch import load
pickle.load(open("x", "rb"))
torch.load("x")
numpy.load("x")
eval("1")
exec("1")
os.system("ls")
"""


def test_the_lint_rules_say_so_too() -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "ruff", "check", "--stdin-filename", "nextword/checkpoint.py"]
    done = subprocess.run(
        [*command, "--output-format", "json", "-"], input=_LINT, capture_output=True, text=True, cwd=root, check=False
    )
    found = {(problem["code"], problem["location"]["row"]) for problem in json.loads(done.stdout)}
    names = {"pickle": 2, "marshal": 3, "load": 4, "torch.load": 6, "numpy.load": 7}
    assert found >= {("TID251", row) for row in names.values()}
    assert found >= {("S301", 5), ("S307", 8), ("S102", 9)}


@pytest.mark.slow
def test_reading_while_another_process_replaces_a_checkpoint_always_sees_a_whole_one(tmp_path: Path) -> None:
    digests, seen = seen_while_saving(tmp_path, loads=2_000)
    assert seen.keys() == set(digests)


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["-c", "5"], ["repl", "--private"]], ids=["filter", "repl"])
@pytest.mark.parametrize("way", ["overwritten", "replaced", "removed"])
def test_a_program_that_runs_goes_on_with_the_checkpoint_it_has(
    tiny_checkpoint: Path, cli_environment: dict[str, str], tmp_path: Path, arguments: list[str], way: str
) -> None:
    path = tmp_path / "one.safetensors"
    lines = [b"Anna lives in \n", b"The cat sat on the \n"]

    def replies(disturb: Callable[[], object]) -> bytes:
        path.write_bytes(tiny_checkpoint.read_bytes())
        process = subprocess.Popen(
            [sys.executable, "-m", "nextword", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**cli_environment, "NEXTWORD_CHECKPOINT": str(path)},
            bufsize=0,
        )
        with process:
            assert process.stdin
            assert process.stdout
            process.stdin.write(lines[0])
            before = os.read(process.stdout.fileno(), 1 << 16)
            disturb()
            after, errors = process.communicate(lines[1], timeout=60)
        assert (process.returncode, errors) == (0, b"")
        assert before
        assert after
        return before + after

    other = tmp_path / "other.safetensors"
    save_checkpoint(other, a_checkpoint())
    ways = {
        "overwritten": lambda: path.write_bytes(b"x"),
        "replaced": lambda: other.replace(path),
        "removed": path.unlink,
    }
    assert replies(ways[way]) == replies(lambda: None)


def test_a_newer_format_is_named_before_anything_else_is_looked_at(header: Header, tmp_path: Path) -> None:
    header["__metadata__"] = {"format": "nextword/3"}
    assert "pgrade" in refused(write(tmp_path / "newer", header, b""), "nextword/3").hint
    assert FORMAT.encode() not in put_together(header, b"")


@contextmanager
def counted_work() -> Iterator[list[int]]:
    """How many functions are called, which measures work where a clock would measure the machine."""
    calls = [0]

    def count(*event: object) -> None:
        calls[0] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(before)


@pytest.mark.slow
@given(st.randoms(use_true_random=False))
@settings(max_examples=400)
def test_a_checkpoint_changed_at_random_is_read_or_refused(
    content: bytes, tmp_path_factory: pytest.TempPathFactory, chance: random.Random
) -> None:
    path = tmp_path_factory.getbasetemp() / "mutated.safetensors"
    path.write_bytes(mutated(*take_apart(content), chance))
    loaded = None
    with counted_work() as calls, suppress(CheckpointError):
        loaded = load_checkpoint(path)
    assert calls[0] < 5_000 + 10 * path.stat().st_size
    if loaded:
        answer = Predictor(loaded).predict("we met NASA and")
        assert all(0 <= word.probability <= 1.001 for word in answer)
        print_json(checkpoint_record(loaded))
        show_checkpoint(loaded)


@pytest.fixture(scope="module")
def reader(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    path = tmp_path_factory.mktemp("reader") / "tiny.safetensors"
    path.write_bytes(content)
    return Predictor.load(path)


@pytest.mark.slow
@given(st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_a_session_changed_at_random_is_read_or_refused(
    reader: Predictor, tmp_path_factory: pytest.TempPathFactory, chance: random.Random
) -> None:
    store = SessionStore(tmp_path_factory.getbasetemp() / "sessions")
    session = reader.session(AdaptConfig())
    session.feed("we met Zoltan and NASA")
    path = store.save("one", session)
    path.write_bytes(mutated(*take_apart(path.read_bytes()), chance))
    loaded = None
    with counted_work() as calls, suppress(CheckpointError):
        loaded = store.load("one", reader, AdaptConfig())
    assert calls[0] < 5_000 + 10 * path.stat().st_size
    if loaded:
        loaded.feed("and Zoltan met")
        assert all(0 <= word.probability <= 1.001 for word in loaded.suggest(10))


@pytest.fixture(scope="module")
def stopped_run(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return a_resume_file(tmp_path_factory.mktemp("stopped")).read_bytes()


def test_a_resume_file_is_gone_on_from(stopped_run: bytes, tmp_path: Path) -> None:
    point = load_resume_point(write(tmp_path / "same", *take_apart(stopped_run)))
    weights = go_on_from(point).state_dict()
    for name in point.model_config.parameter_shapes(len(point.tokenizer)):
        np.testing.assert_array_equal(weights[name].numpy(), point.tensors[f"model.{name}"])


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_json_made_to_harm_is_refused_in_every_part_of_a_resume_file(
    stopped_run: bytes, tmp_path: Path, text: str
) -> None:
    for part in ("config", "training", "facts", "tokenizer", "vocabulary"):
        header, body = take_apart(stopped_run)
        header["__metadata__"][part] = text
        path = write(tmp_path / "json", header, body)
        with pytest.raises(CheckpointError, match="json"):
            load_resume_point(path)


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS.keys())
def test_what_is_no_resume_file_is_refused_unread_and_unrun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "other.resume.safetensors"
    make(path)
    with pytest.raises(CheckpointError, match=r"other\.resume"):
        load_resume_point(path)
    assert not Path("executed").exists()


@pytest.mark.slow
@given(st.randoms(use_true_random=False))
@settings(max_examples=400)
def test_a_resume_file_changed_at_random_is_read_or_refused(
    stopped_run: bytes, tmp_path_factory: pytest.TempPathFactory, chance: random.Random
) -> None:
    path = tmp_path_factory.getbasetemp() / "mutated.resume.safetensors"
    path.write_bytes(mutated(*take_apart(stopped_run), chance))
    with counted_work() as calls, suppress(CheckpointError):
        load_resume_point(path)
    assert calls[0] < 5_000 + 10 * path.stat().st_size
    with suppress(CheckpointError):
        go_on_from(load_resume_point(path))
