"""Stopping and going on: what comes out is what would have come out without the stop, and nothing else is accepted."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.cli import RunCLI
from support.networks import network_config
from support.stop_points import KINDS, Stopper, drawn, drawn_case, stopped_and_resumed

from nextword.config import ModelConfig, TrainConfig
from nextword.errors import CheckpointError, CorpusError, Interrupted, StorageError, UsageError
from nextword.model.language_model import RecurrentLanguageModel
from nextword.storage import atomic as storage
from nextword.storage.checkpoint import CHECKPOINT, load_checkpoint
from nextword.storage.container import read_container, write_container
from nextword.training.capture import capture, restore_network
from nextword.training.events import Event, Finished, Prepared, Reading, Step, Validation
from nextword.training.optimizer import make_optimizer
from nextword.training.plan import Request
from nextword.training.resume import FORMAT, load_resume_point, resume_path
from nextword.training.schedule import Tuning
from nextword.training.train import carry_out, train

DROPPING = network_config(embedding_dim=12, hidden_size=14, dropout_recurrent=0.1, dropout_hidden=0.3)


@pytest.fixture
def settings(tmp_path: Path) -> TrainConfig:
    """A run of three epochs and a few steps."""
    return TrainConfig(
        epochs=3, batch_size=30, bptt=30, precision="fp32", device="cpu", out=str(tmp_path / "out"), name="model"
    )


def stopping(at: int, number: int = signal.SIGINT) -> tuple[list[Event], Callable[[Event], None]]:
    """A listener that sends this process a signal when step `at` was made, and what it heard."""
    heard: list[Event] = []

    def hear(event: Event) -> None:
        heard.append(event)
        if isinstance(event, Step) and event.step == at:
            os.kill(os.getpid(), number)

    return heard, hear


def run_and_stop(corpus: Path, settings: TrainConfig, at: int, model: ModelConfig = DROPPING) -> Interrupted:
    with pytest.raises(Interrupted) as caught:
        train(corpus, model, settings, on_event=stopping(at)[1])
    return caught.value


@pytest.fixture(scope="module")
def uninterrupted(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[Event]]:
    """The file and the events of a run that nothing stopped."""
    out = tmp_path_factory.mktemp("whole")
    events: list[Event] = []
    config = TrainConfig(epochs=3, batch_size=30, bptt=30, precision="fp32", device="cpu", out=str(out), name="model")
    path = train(tiny_corpus, DROPPING, config, on_event=events.append)
    return path.read_bytes(), events


# -- bit for bit -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_stopped_at_any_step_ends_with_the_same_bytes(
    tiny_corpus: Path, settings: TrainConfig, uninterrupted: tuple[bytes, list[Event]]
) -> None:
    expected, events = uninterrupted
    steps = [event for event in events if isinstance(event, Step)]
    assert len(steps) % 3 == 0
    epoch = len(steps) // 3
    path = Path(settings.out) / "model.safetensors"
    for at in (1, epoch - 1, epoch, epoch + 1, 2 * epoch + 2, 3 * epoch):
        run_and_stop(tiny_corpus, replace(settings, force=True), at)
        torch.rand(at)  # what else the process draws makes no difference
        resumed: list[Event] = []
        assert train(None, None, replace(settings), resume=True, on_event=resumed.append) == path
        assert path.read_bytes() == expected, at
        assert not resume_path(path).exists()
        again = [event for event in resumed if isinstance(event, Step)]
        assert [(step.step, step.loss, step.lr, step.progress, step.tokens) for step in again] == [
            (step.step, step.loss, step.lr, step.progress, step.tokens) for step in steps[at:]
        ]
        assert resumed[-1] == replace(events[-1], path=path, seconds=resumed[-1].seconds)  # type: ignore[type-var, union-attr]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_run_of_any_kind_stopped_anywhere_ends_with_the_same_bytes(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    case, events = drawn_case(chance, tmp_path), Stopper(None)
    expected = case.run("run", False, events).read_bytes()
    for kind in KINDS:
        stops = drawn(kind, events, chance)
        content, left = stopped_and_resumed(case, "run", stops)
        assert left == [stop.step + (stop.at is Validation) for stop in stops]
        assert content == expected, (kind, left, case)


def test_a_stop_on_a_full_disk_keeps_the_resume_file_that_was_there(
    tiny_corpus: Path, settings: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_and_stop(tiny_corpus, settings, 2)
    path = resume_path(Path(settings.out) / "model.safetensors")
    before = path.read_bytes()

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage.disk, "write", full)
    with pytest.raises(StorageError, match=r"model\.resume\.safetensors cannot be written .*No space left") as caught:
        train(tiny_corpus, DROPPING, settings, resume=True, on_event=stopping(3)[1])
    assert caught.value.exit_code == 5
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_run_may_be_stopped_again_and_again(
    tiny_corpus: Path, settings: TrainConfig, uninterrupted: tuple[bytes, list[Event]]
) -> None:
    run_and_stop(tiny_corpus, settings, 2)
    for at in (3, 7):
        with pytest.raises(Interrupted):
            train(tiny_corpus, None, settings, resume=True, on_event=stopping(at)[1])
    assert train(tiny_corpus, DROPPING, settings, resume=True).read_bytes() == uninterrupted[0]


def test_a_text_that_is_gone_by_the_time_of_a_save_neither_ends_the_run_nor_changes_what_is_noted_of_it(
    tiny_corpus: Path, settings: TrainConfig, tmp_path: Path, uninterrupted: tuple[bytes, list[Event]]
) -> None:
    text, path = tmp_path / "text.txt", resume_path(Path(settings.out) / "model.safetensors")
    text.write_bytes(tiny_corpus.read_bytes())
    read = text.stat()
    _, stop = stopping(3)

    def hear(event: Event) -> None:
        if isinstance(event, Prepared):
            text.unlink()
        stop(event)

    tuning = Tuning(save_seconds=0, save_ratio=0)
    request = Request(corpus=[text], model_config=DROPPING, train_config=settings, tuning=tuning)
    with pytest.raises(Interrupted):
        carry_out(request, hear)
    assert load_resume_point(path).facts.files == {str(text.resolve()): [read.st_size, read.st_mtime_ns]}
    text.write_bytes(tiny_corpus.read_bytes())
    assert train(None, None, settings, resume=True).read_bytes() == uninterrupted[0]


@pytest.mark.slow
def test_a_killed_run_goes_on_from_the_file_it_wrote_in_between(
    tiny_corpus: Path,
    settings: TrainConfig,
    uninterrupted: tuple[bytes, list[Event]],
    tmp_path: Path,
) -> None:
    path = Path(settings.out) / "model.safetensors"
    kept = tmp_path / "kept"
    validated = next(event.step for event in uninterrupted[1] if isinstance(event, Validation))

    class PowerCut(Exception):
        pass

    def hear(event: Event) -> None:
        if isinstance(event, Step) and event.step == validated + 4:
            shutil.copy(resume_path(path), kept)
        if isinstance(event, Step) and event.step == 2 * validated + 1:
            raise PowerCut

    tuning = Tuning(save_seconds=0, save_ratio=0)
    often = Request(corpus=[tiny_corpus], model_config=DROPPING, train_config=settings, tuning=tuning)
    with pytest.raises(PowerCut):
        carry_out(often, hear)
    shutil.copy(kept, resume_path(path))  # as if it had been the last: the checkpoint is newer
    assert load_resume_point(resume_path(path)).facts.schedule.step == validated + 3
    assert load_checkpoint(path).training["steps"] == 2 * validated
    assert train(tiny_corpus, DROPPING, settings, resume=True).read_bytes() == uninterrupted[0]


def test_a_checkpoint_lost_while_the_run_was_stopped_is_written_anew(tiny_corpus: Path, settings: TrainConfig) -> None:
    path = Path(settings.out) / "model.safetensors"
    run_and_stop(tiny_corpus, settings, 10)
    path.unlink(missing_ok=True)
    events: list[Event] = []
    train(None, None, settings, resume=True, on_event=events.append)
    assert next(event for event in events if isinstance(event, Validation)).best
    assert load_checkpoint(path).training["validation_perplexity"] == events[-1].perplexity  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_a_network_its_state_and_every_random_draw_are_restored(
    tiny_corpus: Path, settings: TrainConfig, kind: str
) -> None:
    settings = replace(settings, optimizer=kind, lr=0.1, force=True)

    def learn(model: RecurrentLanguageModel, optimizer: Any, state: Any, steps: int) -> Any:
        for _ in range(steps):
            ids = torch.randint(0, 20, (6, 3))
            loss, state = model.loss(ids[:-1], ids[1:], state)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return state

    torch.manual_seed(3)
    model = RecurrentLanguageModel(DROPPING, 20)
    optimizer = make_optimizer(kind, model, 0.1, 0.25)
    state = learn(model, optimizer, None, 4)
    run_and_stop(tiny_corpus, settings, 4)
    point = load_resume_point(resume_path(Path(settings.out) / "model.safetensors"))
    tensors, formats = capture(model, optimizer, state)
    learn(model, optimizer, state, 4)

    torch.manual_seed(4)
    other = RecurrentLanguageModel(DROPPING, 20)
    optimizer = make_optimizer(kind, other, 0.1, 0.25)
    facts = replace(point.facts, carried_formats=formats)
    carried = restore_network(replace(point, tensors=tensors, facts=facts), other, optimizer, torch.device("cpu"))
    learn(other, optimizer, carried, 4)
    for (name, left), right in zip(model.state_dict().items(), other.state_dict().values(), strict=True):
        assert torch.equal(left, right), name


# -- what a stop is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_after_its_step_and_says_what_goes_on(
    tiny_corpus: Path, settings: TrainConfig, number: int, code: int
) -> None:
    heard, hear = stopping(5, number)
    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as caught:
        train(tiny_corpus, DROPPING, replace(settings, name="my diary"), on_event=hear)
    assert signal.getsignal(number) == before
    assert isinstance(heard[-1], Step)
    assert heard[-1].step == 5
    assert caught.value.exit_code == code
    assert "step 5" in caught.value.message
    assert f"nextword train --resume --name 'my diary' --out {settings.out}" in caught.value.hint
    assert [path.name for path in Path(settings.out).iterdir()] == ["my diary.resume.safetensors"]


@pytest.mark.parametrize(("number", "stops"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)])
def test_a_second_signal_ends_the_run_at_once(
    tiny_corpus: Path, settings: TrainConfig, number: int, stops: type[BaseException]
) -> None:
    def hear(event: Event) -> None:
        if isinstance(event, Step):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), number)

    path = train(tiny_corpus, DROPPING, settings)
    before = path.read_bytes()
    with pytest.raises(stops):
        train(tiny_corpus, DROPPING, replace(settings, force=True, seed=2), on_event=hear)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_signal_while_the_text_is_read_ends_the_run_at_once_and_leaves_what_was_there(
    tiny_corpus: Path, settings: TrainConfig
) -> None:
    def hear(event: Event) -> None:
        if isinstance(event, Reading):
            os.kill(os.getpid(), signal.SIGINT)

    path = train(tiny_corpus, DROPPING, settings)
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        train(tiny_corpus, DROPPING, replace(settings, force=True, seed=2), on_event=hear)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.slow
def test_a_process_told_to_stop_says_how_to_go_on_and_that_command_does(
    run_cli: RunCLI, cli_environment: dict[str, str], tiny_corpus: Path, tmp_path: Path
) -> None:
    sizes = [
        "--embedding-dim=12",
        "--hidden-size=14",
        "--batch-size=30",
        "--bptt=30",
        "--precision=fp32",
        "--epochs=40",
    ]
    whole = run_cli("train", tiny_corpus, *sizes, "--name", "whole")
    assert whole.returncode == 0, whole.stderr
    log = tmp_path / "log.jsonl"
    running = subprocess.Popen(
        [sys.executable, "-m", "nextword", "train", tiny_corpus, *sizes, "--name", "half", "--log", log],
        stderr=subprocess.PIPE,
        text=True,
        env=cli_environment,
        cwd=tmp_path,
    )
    while running.poll() is None and not (log.exists() and log.read_text().count("\n") >= 20):
        time.sleep(0.01)
    running.send_signal(signal.SIGTERM)
    _, shown = running.communicate(timeout=60)
    assert running.returncode == 143, shown
    *_, reason, hint = shown.splitlines()
    assert reason.startswith("Stopped after step ")
    assert "checkpoints/half.resume.safetensors" in reason
    assert hint == "Go on with: nextword train --resume --name half"
    stopped_at = int(reason.split()[3].rstrip(",").replace(",", ""))

    done = run_cli(*hint.partition(": nextword ")[2].split(), "--log", log)
    assert done.returncode == 0, done.stderr
    assert f"Going on after step {stopped_at}" in done.stderr
    steps = [json.loads(line) for line in log.read_text().splitlines()]
    steps = [record["step"] for record in steps if "loss" in record]
    assert steps == list(range(1, len(steps) + 1))
    one, two = (load_checkpoint(tmp_path / "checkpoints" / f"{name}.safetensors") for name in ("whole", "half"))
    assert one.training == two.training | {"corpus": "whole"}
    for name, values in one.tensors.items():
        np.testing.assert_array_equal(values, two.tensors[name])
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == [
        "half.safetensors",
        "whole.safetensors",
    ]


# -- what is refused -------------------------------------------------------------------------------------------------


def test_a_new_run_does_not_overwrite_an_unfinished_one_unasked(tiny_corpus: Path, settings: TrainConfig) -> None:
    run_and_stop(tiny_corpus, settings, 1)
    with pytest.raises(UsageError, match=r"model\.resume\.safetensors is an unfinished run") as caught:
        train(tiny_corpus, DROPPING, settings)
    assert "--resume" in caught.value.hint
    assert "--force" in caught.value.hint
    events: list[Event] = []
    train(tiny_corpus, DROPPING, replace(settings, force=True, max_steps=2), on_event=events.append)
    assert next(event for event in events if isinstance(event, Step)).step == 1
    assert [path.name for path in Path(settings.out).iterdir()] == ["model.safetensors"]


def test_without_an_unfinished_run_there_is_nothing_to_resume(tiny_corpus: Path, settings: TrainConfig) -> None:
    with pytest.raises(CheckpointError, match=r"no unfinished run .*model\.resume\.safetensors") as missing:
        train(tiny_corpus, DROPPING, settings, resume=True)
    assert "nextword train" in missing.value.hint
    with pytest.raises(CheckpointError, match="no unfinished run in"):
        train(None, None, replace(settings, name=None), resume=True)
    train(tiny_corpus, DROPPING, replace(settings, max_steps=1, epochs=9))
    with pytest.raises(UsageError, match="is finished") as finished:
        train(tiny_corpus, DROPPING, settings, resume=True)
    assert "--from" in finished.value.hint


def test_the_run_of_a_corpus_and_the_last_run_are_found_without_a_name(
    tiny_corpus: Path, settings: TrainConfig
) -> None:
    unnamed = replace(settings, name=None)
    run_and_stop(tiny_corpus, unnamed, 1)
    run_and_stop(tiny_corpus, replace(settings, name="later"), 1)
    earlier = Path(settings.out) / "tiny.resume.safetensors"
    os.utime(earlier, (1e9, 1e9))
    assert train(None, None, replace(unnamed, max_steps=2), resume=True).name == "later.safetensors"
    assert train(tiny_corpus, None, replace(unnamed, max_steps=2), resume=True).name == "tiny.safetensors"


def test_options_that_contradict_the_unfinished_run_are_refused_and_all_named(
    tiny_corpus: Path, settings: TrainConfig
) -> None:
    run_and_stop(tiny_corpus, settings, 1)
    with pytest.raises(UsageError) as caught:
        train(tiny_corpus, replace(DROPPING, hidden_size=15), replace(settings, lr=3.0), resume=True)
    assert "--hidden-size is 14 there, not 15" in caught.value.message
    assert "--lr is 25.0 there, not 3.0" in caught.value.message
    assert "--embedding-dim" not in caught.value.message
    assert "--force" in caught.value.hint
    with pytest.raises(UsageError, match="--hidden-size is 14 there, not 256"):  # the rest is as it was
        train(tiny_corpus, ModelConfig(hidden_size=256), settings, resume=True)
    with pytest.raises(UsageError, match="--force"):
        train(tiny_corpus, None, replace(settings, force=True), resume=True)


@pytest.mark.slow
def test_an_option_at_its_default_is_refused_when_it_was_typed(
    run_cli: RunCLI, tiny_corpus: Path, settings: TrainConfig
) -> None:
    run_and_stop(tiny_corpus, settings, 1)
    done = run_cli("train", "--resume", "--out", settings.out, "--hidden-size", 256)
    assert done.returncode == 2
    assert "--hidden-size is 14 there, not 256" in done.stderr


def test_another_text_is_refused_and_the_file_named(tmp_path: Path, tiny_corpus: Path, settings: TrainConfig) -> None:
    corpus, held_out = tmp_path / "corpus.txt", tmp_path / "valid.txt"
    corpus.write_bytes(tiny_corpus.read_bytes())
    held_out.write_text("Anna lives in Paris.\n\nThe cat sat on the mat.\n")
    with pytest.raises(Interrupted):
        train(corpus, DROPPING, settings, valid=held_out, on_event=stopping(2)[1])
    with corpus.open("a") as file:
        file.write("One more.\n")
    with pytest.raises(CorpusError, match=r"corpus\.txt"):
        train(None, None, settings, resume=True)
    corpus.write_bytes(tiny_corpus.read_bytes())
    held_out.write_text("Anna lives in London.\n")
    with pytest.raises(CorpusError, match="not the one"):
        train(None, None, settings, resume=True)
    held_out.write_text("Anna lives in Paris.\n\nThe cat sat on the mat.\n")
    assert train(None, None, settings, resume=True).exists()


def test_of_a_folder_the_file_that_changed_is_named_and_one_only_touched_is_none(
    tmp_path: Path, tiny_corpus: Path, settings: TrainConfig
) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for name in ("first.txt", "second.txt"):
        (folder / name).write_bytes(tiny_corpus.read_bytes())
    run_and_stop(folder, settings, 2)
    resume_file = resume_path(Path(settings.out) / "model.safetensors")
    before = resume_file.read_bytes()
    (folder / "second.txt").write_bytes(tiny_corpus.read_bytes() + b"!")
    with pytest.raises(CorpusError, match=r"second\.txt") as caught:
        train(None, None, settings, resume=True)
    assert (caught.value.exit_code, "first.txt" in caught.value.message) == (3, False)
    assert resume_file.read_bytes() == before
    (folder / "second.txt").write_bytes(tiny_corpus.read_bytes())  # the text of before, at another time
    assert train(None, None, settings, resume=True).exists()


def test_a_longer_or_shorter_run_goes_on_to_its_new_end(tiny_corpus: Path, settings: TrainConfig) -> None:
    stop = replace(settings, max_steps=20)
    for changes, last in (({"max_steps": 30}, 30), ({"max_steps": 12}, 12), ({"max_steps": 5}, 11)):
        heard, hear = stopping(10)
        with pytest.raises(Interrupted):
            train(tiny_corpus, DROPPING, replace(stop, force=True), on_event=hear)
        events: list[Event] = []
        train(None, None, replace(settings, epochs=9, **changes), resume=True, on_event=events.append)  # type: ignore[arg-type]
        steps = [event for event in [*heard, *events] if isinstance(event, Step)]
        assert [step.step for step in steps] == list(range(1, last + 1))
        progress = [step.progress for step in steps]
        assert progress == sorted(progress)
        assert progress[-1] == 1


# -- the file --------------------------------------------------------------------------------------------------------


def test_a_damaged_resume_file_is_refused(tiny_corpus: Path, settings: TrainConfig) -> None:
    run_and_stop(tiny_corpus, settings, 3)
    path = Path(settings.out) / "model.resume.safetensors"
    content = path.read_bytes()
    for position in range(0, len(content), len(content) // 50):
        damaged = bytearray(content)
        damaged[position] ^= 0x20
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"model\.resume"):
            train(None, None, settings, resume=True)
    path.write_bytes(content)
    metadata, tensors = read_container(path, FORMAT, CHECKPOINT)
    unset = {"training": json.dumps(json.loads(metadata["training"]) | {"lr": None})}
    for bad in ({"facts": "{"}, {"config": '{"hidden_size": -1}'}, {"tokenizer": "{}"}, unset):
        write_container(path, tensors, metadata | bad, CHECKPOINT)
        with pytest.raises(CheckpointError, match=r"model\.resume"):
            load_resume_point(path)
    write_container(path, {**tensors, "model.more": np.zeros(1, np.float32)}, metadata, CHECKPOINT)
    with pytest.raises(CheckpointError, match="more"):
        load_resume_point(path)


Change = Callable[[dict[str, Any], dict[str, Any]], object]

# What changes t, the tensors, or f, the facts, of a file.
HOSTILE: dict[str, Change] = {
    "a type that is no type": lambda t, f: f.update(state=["load"] * len(f["state"])),
    "types that are numbers": lambda t, f: f.update(state=[0] * len(f["state"])),
    "more types than layers": lambda t, f: f["state"].append("float32"),
    "a carried state missing": lambda t, f: t.pop("state.0.cell"),
    "a carried state of another shape": lambda t, f: t.update({"state.0.cell": t["state.0.cell"][:, :1].copy()}),
    "a carried state that is not finite": lambda t, f: t.update({"state.0.cell": t["state.0.cell"] * np.nan}),
    "a tensor too many": lambda t, f: t.update(more=np.zeros(1, np.float32)),
    "no random state": lambda t, f: t.pop("random.cpu"),
    "a random state of numbers": lambda t, f: t.update({"random.cpu": t["random.cpu"].astype(np.int64)}),
    "a parameter missing": lambda t, f: t.pop("model.output.bias"),
    "a parameter that is not finite": lambda t, f: t.update({"model.output.bias": t["model.output.bias"] * np.inf}),
    "validations that would be something else": lambda t, f: f["validations"].update(due=1),
    "a step that is text": lambda t, f: f["schedule"].update(step="1"),
    "true as a step": lambda t, f: f["schedule"].update(step=True),
    "a negative place": lambda t, f: f.update(position=-1),
    "a place between two words": lambda t, f: f.update(position=1.5),
    "half a step": lambda t, f: f["schedule"].update(step=2.5),
    "more than all of it": lambda t, f: f["schedule"].update(progress=1.5),
    "a huge number of tokens": lambda t, f: f.update(tokens=10**400),
    "no place": lambda t, f: f.pop("position"),
    "a schedule that is a list": lambda t, f: f.update(schedule=[1]),
    "a corpus that is a number": lambda t, f: f.update(corpus=[3]),
    "surroundings that are empty": lambda t, f: f.update(surroundings={}),
    "files that are a list": lambda t, f: f.update(files=[]),
}


def test_a_resume_file_made_to_harm_is_refused(tiny_corpus: Path, settings: TrainConfig) -> None:
    run_and_stop(tiny_corpus, settings, 3)
    path = Path(settings.out) / "model.resume.safetensors"
    metadata, tensors = read_container(path, FORMAT, CHECKPOINT)
    for name, change in HOSTILE.items():
        changed, facts = dict(tensors), json.loads(metadata["facts"])
        change(changed, facts)
        write_container(path, changed, metadata | {"facts": json.dumps(facts)}, CHECKPOINT)
        with pytest.raises(CheckpointError, match=r"model\.resume"):
            pytest.fail(f"{name}: {load_resume_point(path)}")
    write_container(path, {**tensors, "random.cpu": np.zeros(3, np.uint8)}, metadata, CHECKPOINT)
    with pytest.raises(CheckpointError, match="cannot be restored"):
        train(None, None, settings, resume=True)


def test_a_resume_file_of_an_earlier_version_is_gone_on_from(
    tiny_corpus: Path, settings: TrainConfig, uninterrupted: tuple[bytes, list[Event]]
) -> None:
    run_and_stop(tiny_corpus, settings, 3)
    path = Path(settings.out) / "model.resume.safetensors"
    metadata, tensors = read_container(path, FORMAT, CHECKPOINT)
    unread = {"best": None, "optimizer": {"0": {"momentum_buffer": None}}}  # which were noted once
    facts = json.loads(metadata["facts"]) | unread
    assert facts["surroundings"]["device"] == "cpu"
    write_container(path, tensors, metadata | {"facts": json.dumps(facts)}, CHECKPOINT)
    assert train(None, None, settings, resume=True).read_bytes() == uninterrupted[0]


@pytest.fixture
def lines(tmp_path: Path, tiny_corpus: Path) -> Path:
    """A text in which every line is a paragraph."""
    path = tmp_path / "lines.txt"
    path.write_text(tiny_corpus.read_text(encoding="utf-8").replace("\n\n", "\n"), encoding="utf-8")
    return path


def test_a_resume_file_that_says_nothing_of_formats_has_its_text_read_as_it_was(
    lines: Path, settings: TrainConfig
) -> None:
    run_and_stop(lines, replace(settings, paragraphs="blank", raw=True), 1)
    path = resume_path(Path(settings.out) / "model.safetensors")
    metadata, tensors = read_container(path, FORMAT, CHECKPOINT)
    training = json.loads(metadata["training"])
    for name in ("paragraphs", "keep_speakers", "raw"):
        del training[name]
    write_container(path, tensors, metadata | {"training": json.dumps(training)}, CHECKPOINT)
    assert load_checkpoint(train(lines, None, replace(settings, max_steps=2), resume=True)).training["steps"] == 2


def test_where_paragraphs_end_stays_as_it_was_when_the_run_began(lines: Path, settings: TrainConfig) -> None:
    run_and_stop(lines, settings, 1)
    with pytest.raises(UsageError, match="--paragraphs is auto there, not blank"):
        train(lines, None, replace(settings, paragraphs="blank"), resume=True)
    with pytest.raises(UsageError, match="--raw is False there, not True"):
        train(lines, None, replace(settings, raw=True), resume=True)
    path = train(lines, None, replace(settings, paragraphs="auto", max_steps=2), resume=True)
    assert load_checkpoint(path).training["settings"]["paragraphs"] == "auto"


def test_a_resume_file_is_not_taken_for_a_checkpoint(tiny_corpus: Path, settings: TrainConfig) -> None:
    run_and_stop(tiny_corpus, settings, 3)
    with pytest.raises(CheckpointError, match="nextword-resume/1"):
        load_checkpoint(Path(settings.out) / "model.resume.safetensors")


def test_going_on_elsewhere_is_said_not_to_be_bit_exact(
    tiny_corpus: Path, settings: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_and_stop(tiny_corpus, settings, 3)
    monkeypatch.setattr(torch, "__version__", "99.0")
    events: list[Event] = []
    train(None, None, settings, resume=True, on_event=events.append)
    (prepared,) = (event for event in events if isinstance(event, Prepared))
    assert (prepared.step, isinstance(events[-1], Finished)) == (3, True)
    assert any("not bit for bit" in note and "99.0" in note for note in prepared.notes)
