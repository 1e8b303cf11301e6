"""The training log: JSON lines that another program can read."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import pytest

from nextword.events import EventLog, Finished, Prepared, Step, Validation

STEP = Step(step=3, progress=0.5, tokens=144, loss=2.0, lr=0.5, tokens_per_second=1234.56, seconds_left=9.0)
VALIDATION = Validation(step=3, progress=0.5, perplexity=12.5, best=True, seconds=1.5, previews=[])


def test_the_log_has_a_json_line_for_every_step_and_validation_and_nothing_else() -> None:
    stream = io.StringIO()
    log = EventLog(stream)
    path = Path("model.safetensors")
    log(Prepared(path, 1, 2, 3, 4, 0.0, 5, "cpu", "fp32", []))
    log(STEP)
    log(VALIDATION)
    log(Finished(path, 12.5, 3, 144, 1.5))
    step, validation = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert step.keys() == {"step", "tokens", "loss", "perplexity", "lr", "tokens_per_second"}
    assert (step["step"], step["tokens"], step["loss"], step["lr"]) == (3, 144, 2.0, 0.5)
    assert step["perplexity"] == pytest.approx(math.exp(2.0), abs=1e-3)
    assert step["tokens_per_second"] == pytest.approx(1234.56, abs=0.1)
    assert validation == {"step": 3, "valid_perplexity": 12.5, "seconds": 1.5}


def test_every_line_of_the_log_is_there_at_once(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with path.open("w", encoding="utf-8") as stream:
        EventLog(stream)(STEP)
        assert path.read_text().endswith("}\n")


def test_the_perplexity_of_a_step_is_finite_however_large_its_loss() -> None:
    assert Step(1, 0.1, 1, 0.0, 1.0, 1.0, 1.0).perplexity == 1.0
    assert math.isfinite(Step(1, 0.1, 1, 1e9, 1.0, 1.0, 1.0).perplexity)
