"""The training log: JSON lines that another program can read."""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from nextword.errors import StorageError
from nextword.training.events import EventLog, Finished, Prepared, Step, Validation

STEP = Step(step=3, progress=0.5, tokens=144, loss=2.0, lr=0.5, tokens_per_second=1234.56, seconds_left=9.0)
VALIDATION = Validation(step=3, progress=0.5, perplexity=12.5, best=True, seconds=1.5, previews=[])


PREPARED = Prepared(Path("model.safetensors"), 1, 2, 3, 4, 0.0, 5, "cpu", "fp32", [])


def test_the_log_has_a_json_line_for_every_step_and_validation_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with EventLog(path) as log:
        for event in (PREPARED, STEP, VALIDATION, Finished(Path("model.safetensors"), 12.5, 3, 144, 1.5)):
            log(event)
    step, validation = [json.loads(line) for line in path.read_text().splitlines()]
    assert step.keys() == {"step", "tokens", "loss", "perplexity", "lr", "tokens_per_second"}
    assert (step["step"], step["tokens"], step["loss"], step["lr"]) == (3, 144, 2.0, 0.5)
    assert step["perplexity"] == pytest.approx(math.exp(2.0), abs=1e-3)
    assert step["tokens_per_second"] == pytest.approx(1234.56, abs=0.1)
    assert validation == {"step": 3, "valid_perplexity": 12.5, "seconds": 1.5}


def test_every_line_of_the_log_is_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with EventLog(path) as log:
        log(STEP)
        assert path.read_text().endswith("}\n")


def test_an_old_log_is_replaced_when_training_begins_and_kept_when_it_does_not_or_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("of an earlier run\n")
    with EventLog(path):
        pass
    assert path.read_text() == "of an earlier run\n"
    with EventLog(path) as log:
        log(replace(PREPARED, step=3))  # a resumed run goes on after what is there
    assert path.read_text() == "of an earlier run\n"
    with EventLog(path) as log:
        log(PREPARED)
        log(VALIDATION)
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"step": 3, "valid_perplexity": 12.5, "seconds": 1.5}
    ]


def test_a_log_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=re.escape(str(tmp_path))) as caught:
        EventLog(tmp_path)
    assert "--log" in caught.value.hint


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_named_as_the_log_s_and_not_again_when_it_is_closed() -> None:
    with (
        pytest.raises(StorageError, match=r"/dev/full cannot be written: No space left"),
        EventLog(Path("/dev/full")) as log,
    ):
        log(STEP)


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes")
def test_a_pipe_takes_the_log_until_its_reader_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with EventLog(path) as log:
        log(PREPARED)
        log(STEP)
        assert json.loads(os.read(reader, 10_000))["step"] == 3
        os.close(reader)
        with pytest.raises(StorageError, match="pipe cannot be written: Broken pipe"):
            log(STEP)


def test_the_perplexity_of_a_step_is_finite_however_large_its_loss() -> None:
    assert Step(1, 0.1, 1, 0.0, 1.0, 1.0, 1.0).perplexity == 1.0
    assert math.isfinite(Step(1, 0.1, 1, 1e9, 1.0, 1.0, 1.0).perplexity)
