"""Matrices in 8 bits: near to what was stored, the same again when stored again, refused where they make no sense."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.containers import take_apart, write
from support.files import a_checkpoint

from nextword.errors import CheckpointError
from nextword.inference.lstm import LSTMNetwork
from nextword.storage.checkpoint import load_checkpoint, save_checkpoint
from nextword.storage.eight_bit import EightBitMatrix


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_every_number_is_within_half_a_step_of_its_row() -> None:
    values = numbers(50, 7) * np.logspace(-9, 9, 50, dtype=np.float32)[:, None]
    values[3] = 0
    matrix = EightBitMatrix.of(values)
    steps = np.abs(values).max(axis=1) / 127
    assert (np.abs(matrix.widened() - values) <= 0.501 * steps[:, None]).all()


def test_what_was_widened_becomes_the_same_again() -> None:
    matrix = EightBitMatrix.of(numbers(1_000, 5))
    again = EightBitMatrix.of(matrix.widened())
    np.testing.assert_array_equal(again.numbers, matrix.numbers)
    np.testing.assert_array_equal(again.scales, matrix.scales)


@pytest.mark.parametrize("columns", [1, 320, 1 << 19])
@pytest.mark.parametrize("vectors", [(), (3,)])
def test_rows_and_products_are_those_of_the_widened_matrix(columns: int, vectors: tuple[int, ...]) -> None:
    matrix = EightBitMatrix.of(numbers(3 if columns > 320 else 2_000, columns))
    vector = numbers(*vectors, columns)
    np.testing.assert_allclose(matrix.product(vector), vector @ matrix.widened().T, rtol=1e-3, atol=1e-2)
    np.testing.assert_array_equal(matrix[np.array([2, 0])], matrix.widened()[[2, 0]])


def test_a_checkpoint_in_eight_bits_is_read_back_and_makes_the_same_file_again(tmp_path: Path) -> None:
    checkpoint = a_checkpoint()
    save_checkpoint(tmp_path / "one", checkpoint, eight_bit=True)
    loaded = load_checkpoint(tmp_path / "one")
    assert loaded.in_eight_bits
    assert loaded.tensors.keys() == checkpoint.tensors.keys()
    for name, values in checkpoint.tensors.items():
        assert loaded.tensors[name].dtype == np.float32
        np.testing.assert_allclose(loaded.tensors[name], values, rtol=2**-10, atol=np.abs(values).max() / 250)
    save_checkpoint(tmp_path / "two", loaded)
    assert (tmp_path / "two").read_bytes() == (tmp_path / "one").read_bytes()


def test_a_network_in_eight_bits_predicts_as_the_widened_one_does(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "one", a_checkpoint(), eight_bit=True)
    tensors = load_checkpoint(tmp_path / "one").tensors
    packed, plain = LSTMNetwork(tensors), LSTMNetwork(dict(tensors))
    hidden, _ = plain.read([2, 3, 4], plain.initial_state())
    np.testing.assert_array_equal(packed.read([2, 3, 4], packed.initial_state())[0], hidden)
    np.testing.assert_allclose(packed.logits(hidden), plain.logits(hidden), rtol=1e-4, atol=1e-5)


def test_a_small_network_is_stored_in_16_bits_as_versions_before_can_read_it(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "one", a_checkpoint())
    assert not load_checkpoint(tmp_path / "one").in_eight_bits
    assert take_apart((tmp_path / "one").read_bytes())[0]["__metadata__"]["format"] == "nextword/1"


Header = dict[str, dict[str, object]]
SCALE = "embedding.weight.scale"
WRONG: dict[str, Callable[[Header], object]] = {
    "the format of 16 bits": lambda h: h["__metadata__"].update(format="nextword/1"),
    "a format to come": lambda h: h["__metadata__"].update(format="nextword/3"),
    "scales of another matrix": lambda h: h.update({"output.bias.scale": h.pop(SCALE)}),
    "scales of none": lambda h: h.update({"more.scale": h.pop(SCALE)}),
    "scales that are a matrix": lambda h: h[SCALE].update(shape=[1, *h[SCALE]["shape"]]),  # type: ignore[misc]
    "whole numbers as scales": lambda h: h[SCALE].update(dtype="I32"),
    "no sign": lambda h: h["embedding.weight"].update(dtype="U8"),
    "turned": lambda h: h["embedding.weight"].update(shape=h["embedding.weight"]["shape"][::-1]),  # type: ignore[index]
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_matrices_and_scales_that_do_not_belong_together_are_refused(
    tmp_path: Path, change: Callable[[Header], object]
) -> None:
    save_checkpoint(tmp_path / "one", a_checkpoint(), eight_bit=True)
    header, body = take_apart((tmp_path / "one").read_bytes())
    change(header)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(write(tmp_path / "odd", header, body))
    assert caught.value.hint


@pytest.mark.parametrize("scale", [math.nan, math.inf, -math.inf, 1e14, -1e14])
def test_scales_that_are_not_finite_or_too_large_are_refused(tmp_path: Path, scale: float) -> None:
    save_checkpoint(tmp_path / "one", a_checkpoint(), eight_bit=True)
    header, body = take_apart((tmp_path / "one").read_bytes())
    begin = header[SCALE]["data_offsets"][0]
    changed = body[:begin] + np.float32(scale).tobytes() + body[begin + 4 :]
    with pytest.raises(CheckpointError, match=r"embedding\.weight"):
        load_checkpoint(write(tmp_path / "odd", header, changed))
