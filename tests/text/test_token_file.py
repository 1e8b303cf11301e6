"""Ids on their way into the model."""

from __future__ import annotations

import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.limits import files_limited_to

from nextword.errors import StorageError
from nextword.text.token_file import TokenFile, count_ids, read_ids, write_ids


@pytest.mark.parametrize("chunks", [[], [[]], [[1, 2, 3]], [[1, 2], [], [2**31 - 1, 0]]])
def test_a_token_file_gives_back_what_was_written(chunks: list[list[int]]) -> None:
    file = TokenFile(np.asarray(chunk, np.int32) for chunk in chunks)
    assert file.ids.tolist() == [token for chunk in chunks for token in chunk]
    assert file.ids.dtype == np.int32
    assert len(file) == len(file.ids)


def test_a_token_file_cannot_be_changed_by_accident() -> None:
    file = TokenFile([np.arange(5, dtype=np.int32)])
    with pytest.raises(ValueError, match="read-only"):
        file.ids[0] = 7


@given(chunks=st.lists(st.lists(st.integers(0, 9)), max_size=5), size=st.integers(1, 4))
def test_ids_written_are_read_back_and_counted_chunk_by_chunk(chunks: list[list[int]], size: int) -> None:
    ids = np.asarray([token for chunk in chunks for token in chunk], np.int32)
    with tempfile.TemporaryFile() as file:
        assert write_ids(file, (np.asarray(chunk, np.int32) for chunk in chunks)) == len(ids)
        read = list(read_ids(file, size))
        assert all(0 < len(chunk) <= size for chunk in read)
        assert np.concatenate([np.empty(0, np.int32), *read]).tolist() == ids.tolist()
        assert count_ids(ids, 12, size).tolist() == [ids.tolist().count(token) for token in range(12)]


def test_a_full_temporary_folder_is_named_with_the_way_out() -> None:
    with files_limited_to(100_000), pytest.raises(StorageError, match="ids of the text cannot be written") as caught:
        TokenFile([np.zeros(100_000, np.int32)])
    assert tempfile.gettempdir() in caught.value.message
    assert "TMPDIR" in caught.value.hint
