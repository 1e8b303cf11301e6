"""Streams side by side, and windows of them: every id is learned from once, in order."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nextword.training.batches import batchify, window_count, windows


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
