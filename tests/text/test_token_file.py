"""Ids on their way into the model."""

from __future__ import annotations

import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.text import token_file as data
from nextword.text.token_file import TokenFile, count_ids, read_ids, write_ids


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
