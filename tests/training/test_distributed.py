"""Several processes learn what one would, stop and go on together, and end together when one of them is killed."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from support.stop_points import KINDS, in_two_processes
from support.text import make_text

from nextword.config import ModelConfig, TrainConfig
from nextword.errors import UsageError
from nextword.storage.atomic import exclusive_lock
from nextword.training.distributed import ProcessGroup
from nextword.training.events import Event, Step
from nextword.training.train import train

pytestmark = pytest.mark.slow

SIZES = {"embedding_dim": 12, "hidden_size": 14, "batch_size": 31, "bptt": 30, "precision": "fp32", "device": "cpu"}
OPTIONS = [f"--{name.replace('_', '-')}={value}" for name, value in SIZES.items()]

Launch = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def launch(tmp_path: Path, cli_environment: dict[str, str], tiny_corpus: Path) -> Launch:
    """Start `nextword train` as two processes, as `torchrun --nproc-per-node 2 -m -- nextword train` does."""

    def start(*arguments: str, program: Sequence[str] = ("-m", "--", "nextword")) -> subprocess.Popen[str]:
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
        return subprocess.Popen(
            [*torchrun, *program, "train", *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=cli_environment,
            cwd=tmp_path,
        )

    return start


SAVING_OFTEN = """
from functools import partial

from nextword.__main__ import main
from nextword.training import train as training
from nextword.training.schedule import Tuning

training.Request = partial(training.Request, tuning=Tuning(save_seconds=0, save_ratio=0))
main()
"""


@contextmanager
def after_some_steps(running: subprocess.Popen[str], log: Path) -> Iterator[None]:
    """Wait until a run has made a few steps; whatever the test then does, the run is over afterwards."""
    try:
        while running.poll() is None and not (log.exists() and log.read_text().count("\n") >= 5):
            time.sleep(0.05)
        yield
    finally:
        if running.poll() is None:
            running.terminate()
            running.wait(60)


def steps_of(log: Path) -> list[dict[str, float]]:
    return [record for record in map(json.loads, log.read_text().splitlines()) if "loss" in record]


def test_two_processes_learn_what_one_does_and_a_stopped_run_goes_on_bit_for_bit(
    launch: Launch, tiny_corpus: Path, tmp_path: Path
) -> None:
    # At a gentle rate: at a high one, training is chaotic, and differences in rounding grow with every step.
    arguments = [str(tiny_corpus), *OPTIONS, "--epochs=10", "--lr=2"]
    whole = launch(*arguments, "--name=whole", "--log=whole.jsonl")
    _, shown = whole.communicate(timeout=300)
    assert whole.returncode == 0, shown
    assert shown.count("Done in") == 1  # one process speaks
    alone: list[Event] = []
    model = ModelConfig(embedding_dim=12, hidden_size=14)
    config = TrainConfig(
        batch_size=31,
        bptt=30,
        precision="fp32",
        device="cpu",
        epochs=10,
        lr=2.0,
        name="alone",
        out=str(tmp_path / "alone"),
    )
    train(tiny_corpus, model, config, on_event=alone.append)
    steps = [event for event in alone if isinstance(event, Step)]
    together = steps_of(tmp_path / "whole.jsonl")
    assert [record["tokens"] for record in together] == [step.tokens for step in steps]
    assert [record["loss"] for record in together] == pytest.approx([step.loss for step in steps], abs=1e-4)

    log = tmp_path / "half.jsonl"
    stopped = launch(*arguments, "--name=half", f"--log={log}")
    with after_some_steps(stopped, log):
        stopped.send_signal(signal.SIGTERM)
        _, shown = stopped.communicate(timeout=300)
    assert shown.count("Stopped after step") == 1, shown
    command = "torchrun --nproc-per-node 2 -m -- nextword train --resume --name half"
    assert command in shown
    assert not (tmp_path / "checkpoints" / "half.safetensors").exists() or len(steps_of(log)) >= len(steps) // 10
    with pytest.raises(UsageError, match="has 2 processes") as refused:
        train(None, None, TrainConfig(name="half", out=str(tmp_path / "checkpoints")), resume=True)
    assert command in refused.value.hint

    resumed = launch("--resume", "--name=half", f"--log={log}")
    _, shown = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, shown
    assert [(r["step"], r["loss"]) for r in steps_of(log)] == [(r["step"], r["loss"]) for r in together]
    half, full = ((tmp_path / "checkpoints" / f"{name}.safetensors").read_bytes() for name in ("half", "whole"))
    length = int.from_bytes(half[:8], "little"), int.from_bytes(full[:8], "little")
    assert half[8 + length[0] :] == full[8 + length[1] :]  # every tensor; the names of the runs stand in the header


def test_two_processes_stopped_anywhere_end_with_the_same_bytes(
    tmp_path: Path, cli_environment: dict[str, str]
) -> None:
    corpus = tmp_path / "text.txt"
    corpus.write_text(make_text(60), encoding="utf-8")
    points = in_two_processes(tmp_path, corpus, 5, 1, cli_environment)
    assert [kind for kind, _, _ in points] == list(KINDS[:5])
    assert all(left and same for _, left, same in points), points


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the processes in /proc")
@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_ends_the_others_with_one_clear_error_and_the_run_goes_on_from_its_last_save(
    launch: Launch, tiny_corpus: Path, tmp_path: Path, rank: int
) -> None:
    log = tmp_path / "log.jsonl"
    often = tmp_path / "often.py"
    often.write_text(SAVING_OFTEN)
    endless = [str(tiny_corpus), *OPTIONS, "--epochs=100000", "--name=run", f"--log={log}", "--quiet"]
    running = launch(*endless, program=["--", str(often)])
    with after_some_steps(running, log):
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        (victim,) = [
            int(child) for child in children if f"\0RANK={rank}\0" in Path(f"/proc/{child}/environ").read_text()
        ]
        os.kill(victim, signal.SIGKILL)
        _, shown = running.communicate(timeout=120)
    assert running.returncode != 0
    errors = [line for line in shown.splitlines() if line.startswith("Error: ")]
    assert errors == ["Error: another of the 2 training processes is gone"], shown
    assert "--resume" in shown
    if rank == 1:
        resumed = launch("--resume", "--name=run", "--max-steps=1")
        _, shown = resumed.communicate(timeout=120)
        assert resumed.returncode == 0, shown
        assert "Going on after step" in shown


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="files are limited as Linux does it")
def test_a_full_disk_of_the_first_process_ends_all_with_one_clear_error(
    launch: Launch, tiny_corpus: Path, tmp_path: Path
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))  # the text's ids take 40,000 bytes
    try:
        running = launch(str(tiny_corpus), "--hidden-size=300", "--max-steps=2", "--device=cpu", "--name=large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    _, shown = running.communicate(timeout=120)
    assert running.returncode != 0
    errors = [line for line in shown.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, shown
    assert "large.safetensors cannot be written" in errors[0]
    assert list((tmp_path / "checkpoints").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is locked there")
def test_a_run_of_several_processes_under_a_name_in_use_ends_with_one_clear_error(
    launch: Launch, tiny_corpus: Path, tmp_path: Path
) -> None:
    (tmp_path / "checkpoints").mkdir()
    path = tmp_path / "checkpoints" / "used.safetensors"
    path.touch()  # "exists already" would be the lesser truth
    with exclusive_lock(path):
        running = launch(str(tiny_corpus), *OPTIONS, "--name=used")
        _, shown = running.communicate(timeout=120)
    assert running.returncode != 0
    errors = [line for line in shown.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, shown
    assert f"used.safetensors is being trained by process {os.getpid()} on " in errors[0]
    assert list(path.parent.iterdir()) == [path]


def test_streams_are_shared_out_evenly_and_completely() -> None:
    for size in (1, 2, 3, 7):
        for streams in (7, 20, 64):
            shares = [ProcessGroup(rank, size).columns(streams) for rank in range(size)]
            assert [column for share in shares for column in range(streams)[share]] == list(range(streams))
            assert {share.stop - share.start for share in shares} <= {streams // size, -(-streams // size)}


def test_one_process_is_a_group_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "0")
    group = ProcessGroup.join("auto")
    assert (group.rank, group.size, group.first, group.speaks_first()) == (0, 1, True, True)
    assert group.sum(1.5, 2) == [1.5, 2]
    assert group.from_first(3.0) == 3.0
    state = [(torch.ones(1, 2, 3), torch.ones(1, 2, 3))]
    assert group.whole_state(state, 2) is state
    assert not group.is_loss(RuntimeError("gloo: connection closed by peer"))
    group.leave()


def test_fewer_streams_than_processes_are_refused(
    tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProcessGroup, "join", lambda device: ProcessGroup(0, 3))
    monkeypatch.setattr(ProcessGroup, "sum", lambda group, *values: list(values))
    with pytest.raises(UsageError, match="2, too few streams for 3 processes") as caught:
        train(tiny_corpus, ModelConfig(), TrainConfig(batch_size=2, out=str(tmp_path)))
    assert "--batch-size" in caught.value.hint
