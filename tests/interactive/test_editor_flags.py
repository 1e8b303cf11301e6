"""The flags that editor plug-ins send, read as another program reads them."""

from __future__ import annotations

import pytest

from nextword.errors import NextwordError, UsageError
from nextword.interactive.editor_flags import parse


@pytest.mark.parametrize("written", [["-n", "5"], ["-n=5"], ["--n", "5"], ["--n=5"], ["-c", "5"], ["-n", "0x5"]])
def test_a_number_is_read_as_go_reads_it(written: list[str]) -> None:
    assert parse(written)[0].max_words == 5


def test_flags_end_at_the_first_argument_that_is_none() -> None:
    flags, given_ = parse(["-g", "-d", "some where", "--no-adapt=true", "-checkpoint=x", "-", "-n", "3"])
    assert (flags.g, flags.d, flags.no_adapt, flags.checkpoint, flags.n) == (True, "some where", True, "x", 10)
    assert given_ == {"g", "d", "no_adapt", "checkpoint"}
    assert parse(["-g=f", "--", "-h"])[0] == parse([])[0]


@pytest.mark.parametrize("written", [["-x"], ["---n", "5"], ["-n"], ["-n", "many"], ["-g=maybe"], ["-n=1.5"], ["-=1"]])
def test_a_wrong_flag_is_refused(written: list[str]) -> None:
    with pytest.raises(UsageError):
        parse(written)


@pytest.mark.parametrize("written", [["-n", "0"], ["-n", "-3"], ["-c", "0"], ["-n", "5", "-c", "5"]])
def test_a_number_that_makes_no_sense_is_no_wrong_flag(written: list[str]) -> None:
    with pytest.raises(NextwordError) as caught:
        _ = parse(written)[0].max_words
    assert caught.value.exit_code == 1


def test_the_default_of_one_number_leaves_the_other_its_say() -> None:
    assert parse(["-n", "7", "-c", "10"])[0].max_words == parse(["-c", "7", "-n", "10"])[0].max_words == 7
