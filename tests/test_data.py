"""Ids on their way into the model."""

from __future__ import annotations

import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword import data
from nextword.data import TokenFile, batchify, count_ids, read_ids, window_count, windows, write_ids


def test_batchify_lays_streams_side_by_side() -> None:
    ids = np.arange(13, dtype=np.int32)  # a to m
    assert batchify(ids, 3).tolist() == [[0, 4, 8], [1, 5, 9], [2, 6, 10], [3, 7, 11]]
    assert batchify(ids, 1).tolist() == [[token] for token in range(13)]


@given(count=st.integers(0, 80), batch_size=st.integers(1, 9), bptt=st.integers(1, 12))
def test_windows_cover_every_target_once_and_in_order(count: int, batch_size: int, bptt: int) -> None:
    streams = batchify(np.arange(count, dtype=np.int32), batch_size)
    cut = list(windows(streams, bptt))
    assert all(window.inputs.shape == window.targets.shape for window in cut)
    assert all(1 <= len(window.inputs) <= bptt for window in cut)
    inputs = np.concatenate([np.empty((0, batch_size), int), *(window.inputs for window in cut)])
    targets = np.concatenate([np.empty((0, batch_size), int), *(window.targets for window in cut)])
    assert inputs.tolist() == streams[:-1].tolist()
    assert targets.tolist() == streams[1:].tolist()
    assert window_count(count, batch_size, bptt) == len(cut)


def test_only_the_last_window_is_shorter() -> None:
    cut = list(windows(batchify(np.arange(24, dtype=np.int32), 2), 4))
    assert [len(window.inputs) for window in cut] == [4, 4, 3]


@pytest.mark.parametrize("portions", [[], [[]], [[1, 2, 3]], [[1, 2], [], [2**31 - 1, 0]]])
def test_a_token_file_gives_back_what_was_written(portions: list[list[int]]) -> None:
    file = TokenFile(np.asarray(portion, np.int32) for portion in portions)
    assert file.ids.tolist() == [token for portion in portions for token in portion]
    assert file.ids.dtype == np.int32
    assert len(file) == len(file.ids)


def test_a_token_file_cannot_be_changed_by_accident() -> None:
    file = TokenFile([np.arange(5, dtype=np.int32)])
    with pytest.raises(ValueError, match="read-only"):
        file.ids[0] = 7


@given(portions=st.lists(st.lists(st.integers(0, 9)), max_size=5), size=st.integers(1, 4))
def test_ids_written_are_read_back_and_counted_portion_by_portion(portions: list[list[int]], size: int) -> None:
    ids = np.asarray([token for portion in portions for token in portion], np.int32)
    with tempfile.TemporaryFile() as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "_PORTION", size)
        assert write_ids(file, (np.asarray(portion, np.int32) for portion in portions)) == len(ids)
        read = list(read_ids(file))
        assert all(0 < len(portion) <= size for portion in read)
        assert np.concatenate([np.empty(0, np.int32), *read]).tolist() == ids.tolist()
        assert count_ids(ids, 12).tolist() == [ids.tolist().count(token) for token in range(12)]
