"""The benchmarks of training and of batches still run and say what they measured: tiny sizes, one round, no opinion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parent
TINY = ["--rounds", "1", "--steps", "2", "--sizes", "16", "--words", "300", "--large-size", "8", "--large-words", "500"]
TINY += ["--megabytes", "0.1", "--eval-tokens", "500"]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path, cli_environment: dict[str, str]) -> Run:
    """Run a benchmark as a user does, with this checkout's nextword, in an empty folder."""
    environment = {**cli_environment, "PYTHONPATH": os.pathsep.join([str(BENCHMARKS.parents[1]), *sys.path])}

    def run(
        *arguments: object, script: str = "training.py", sizes: list[str] = TINY
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(BENCHMARKS / script), *sizes, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)

    return run


def measured(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    results: dict[str, Any] = json.loads(done.stdout)
    return results


def test_every_part_without_a_text_of_ones_own_is_measured_and_printed_as_json(run: Run, tmp_path: Path) -> None:
    results = measured(run("--json"))
    assert {"cpu", "cores", "bf16", "torch"} <= results["machine"].keys()
    assert results.keys() == {"machine", "rounds", "words", "speed", "memory", "reading", "eval", "saving"}
    assert [record["way"] for record in results["speed"]] == [
        "as it comes",
        "all words scored",
        "fp32",
        "fp32, all words scored",
    ]
    assert {record["size"] for record in results["speed"]} == {"2 x 16"}
    for record in [*results["speed"], results["memory"]]:
        assert record["ratio"] == record["nextword"] / record["plain"] > 0
    assert 99_000 <= results["reading"]["bytes"] <= 101_000
    assert results["reading"]["seconds_for_1_gb"] > results["reading"]["seconds"] > 0
    assert results["reading"]["peak_memory"] > 1e7
    assert results["eval"]["seconds"] > 0
    assert 0 < results["saving"]["share"] < 1
    assert list(tmp_path.iterdir()) == []


def test_a_text_of_ones_own_is_trained_on_for_the_minutes_asked_for_and_shown_in_the_table(
    run: Run, tiny_corpus: Path
) -> None:
    done = run("--only", "minutes", "--text", tiny_corpus, "--minutes", "0.01", "--tokenizer", "words")
    assert done.returncode == 0, done.stderr
    machine, _, _, perplexity, wall_time = done.stdout.splitlines()
    assert "cores" in machine
    assert perplexity.startswith("validation perplexity after --minutes 0.01")
    assert wall_time.endswith("min")


def test_a_part_that_is_not_there_or_lacks_its_text_is_refused(run: Run) -> None:
    assert "no part spede" in run("--only", "speed,spede").stderr
    assert "--text" in run("--only", "minutes").stderr


def test_lines_a_second_are_measured_whole_in_parts_and_one_by_one(run: Run, tmp_path: Path) -> None:
    tiny = ["--lines", "20", "--words", "4", "--vocabulary", "50", "--hidden", "8", "--layers", "2", "--rounds", "1"]
    done = run(script="batch.py", sizes=tiny)
    assert done.returncode == 0, done.stderr
    title, *rates = done.stdout.splitlines()
    assert title == "2 x 8, 50 words; 20 lines of 4 words"
    assert all(float(line.split()[0].replace(",", "")) > 0 for line in rates[:3])
    assert [line.rpartition(": ")[2] for line in rates[3:7]] == [
        "cutting lines into words",
        "the LSTM",
        "scores of all words",
        "all but printing",
    ]
    assert list(tmp_path.iterdir()) == []


def test_the_filters_benchmark_measures_keys_requests_and_processes(run: Run) -> None:
    tiny = ["--requests", "60", "--rounds", "1", "--words", "500", "--hidden-size", "16"]
    done = run(script="filter.py", sizes=tiny)
    assert done.returncode == 0, done.stderr
    assert "60 requests: 60 replies" in done.stdout
    assert "import torch" in done.stdout


def test_the_speed_beside_a_busy_program_is_measured_and_compared_with_that_alone(run: Run, tmp_path: Path) -> None:
    tiny = ["--seconds", "0.2", "--rounds", "1", "--size", "16", "--words", "300"]
    done = run(script="threads.py", sizes=tiny)
    assert done.returncode == 0, done.stderr
    _, title, *rows = done.stdout.splitlines()
    assert title.split() == ["alone", "beside", "others", "others", "gone"]
    assert [row.count("%") for row in rows] == [3, 3, 3]
    assert all("100%" in row for row in rows)
    assert list(tmp_path.iterdir()) == []
