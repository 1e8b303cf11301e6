"""Starting from another model: what it knows is kept, what is new is learned, and what does not fit is refused."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.cli import RunCLI
from support.networks import network_config
from support.text import make_text

from nextword.config import ModelConfig, TrainConfig
from nextword.errors import CheckpointError, Interrupted, UsageError
from nextword.storage.checkpoint import Checkpoint, load_checkpoint
from nextword.training.events import Event, Step
from nextword.training.train import train


@pytest.fixture
def settings(tmp_path: Path) -> TrainConfig:
    return TrainConfig(
        max_steps=40, batch_size=4, bptt=12, precision="fp32", device="cpu", out=str(tmp_path / "out"), name="new"
    )


@pytest.fixture(scope="module")
def new_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A little of the language that the tiny model knows, with a name, a city and an animal that it does not."""
    path = tmp_path_factory.mktemp("new") / "new.txt"
    text = make_text(60, seed=5).replace("Paris", "Madrid").replace("Anna", "Jorge").replace("horse", "armadillo")
    path.write_text(text, encoding="utf-8")
    return path


def perplexity_after(text: Path, settings: TrainConfig, name: str, start_from: Path | None, **changes: float) -> float:
    config = replace(settings, name=name, **changes)  # type: ignore[arg-type]
    sizes = None if start_from else tiny_sizes()
    path = train(text, sizes, config, start_from=start_from)
    return float(load_checkpoint(path).training["validation_perplexity"])


def tiny_sizes() -> ModelConfig:
    return network_config(
        embedding_dim=32,
        hidden_size=40,
        dropout_words=0.0,
        dropout_input=0.0,
        dropout_hidden=0.0,
        dropout_output=0.0,
    )


def test_on_new_text_a_trained_model_soon_knows_more_than_before_and_than_a_new_one(
    tiny_checkpoint: Path, new_text: Path, settings: TrainConfig
) -> None:
    before = perplexity_after(new_text, settings, "before", tiny_checkpoint, max_steps=1, lr=1e-9)
    alone = perplexity_after(new_text, settings, "alone", None)
    after = perplexity_after(new_text, settings, "after", tiny_checkpoint)
    assert after < 0.8 * before
    assert after < 0.8 * alone


def test_known_words_keep_their_ids_vectors_and_forms_and_new_ones_are_added(
    tiny_checkpoint: Path, new_text: Path, settings: TrainConfig
) -> None:
    source = load_checkpoint(tiny_checkpoint)
    started = train(new_text, None, replace(settings, lr=1e-9, max_steps=1), start_from=tiny_checkpoint)
    result = load_checkpoint(started)
    known = len(source.tokenizer)
    assert result.tokenizer.words[:known] == source.tokenizer.words
    assert {"madrid", "jorge", "armadillo"} <= set(result.tokenizer.words[known:])
    assert result.tokenizer.surface_forms.items() >= source.tokenizer.surface_forms.items()
    assert result.tokenizer.surface_forms["madrid"] == "Madrid"
    for name, values in source.tensors.items():
        np.testing.assert_allclose(result.tensors[name][: len(values)], values, rtol=2e-3, atol=2e-3)
    added = result.tensors["embedding.weight"][known:]
    assert np.linalg.norm(added, axis=1).max() < np.linalg.norm(source.tensors["embedding.weight"], axis=1).max()
    assert result.training["started_from"] == source.digest
    assert result.config == source.config


def test_a_run_that_started_from_another_model_goes_on_bit_for_bit(
    tiny_checkpoint: Path, new_text: Path, settings: TrainConfig
) -> None:
    whole = train(new_text, None, settings, start_from=tiny_checkpoint).read_bytes()

    def hear(event: Event) -> None:
        if isinstance(event, Step) and event.step == 15:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        train(new_text, None, replace(settings, force=True), start_from=tiny_checkpoint, on_event=hear)
    assert train(None, None, settings, resume=True).read_bytes() == whole


def first_rate(events: list[Event]) -> float:
    return next(event.lr for event in events if isinstance(event, Step))


def test_the_learning_rate_is_lower_than_a_new_models_unless_it_was_asked_for(
    tiny_checkpoint: Path, tiny_corpus: Path, settings: TrainConfig
) -> None:
    rates = []
    for source, lr in ((None, None), (tiny_checkpoint, None), (tiny_checkpoint, 20.0), (tiny_checkpoint, 25.0)):
        events: list[Event] = []
        config = replace(settings, force=True, max_steps=1, lr=lr)
        train(tiny_corpus, None, config, start_from=source, on_event=events.append)
        rates.append(first_rate(events))
    assert rates[1] < 0.5 * rates[0]
    assert rates[2] == pytest.approx(0.8 * rates[0])
    assert rates[3] == rates[0]


def test_sizes_and_words_are_the_other_models_and_contradictions_are_refused_and_named(
    tiny_checkpoint: Path, new_text: Path, settings: TrainConfig
) -> None:
    with pytest.raises(UsageError) as caught:
        train(new_text, ModelConfig(hidden_size=41), replace(settings, cased=True), start_from=tiny_checkpoint)
    assert tiny_checkpoint.name in caught.value.message
    assert "--hidden-size is 40 there, not 41" in caught.value.message
    assert "--cased is False there, not True" in caught.value.message
    with pytest.raises(UsageError, match="--embedding-dim is 32 there, not 256"):
        train(new_text, ModelConfig(embedding_dim=256), settings, start_from=tiny_checkpoint)
    with pytest.raises(UsageError, match="--size is auto there, not large"):
        train(new_text, None, replace(settings, size="large"), start_from=tiny_checkpoint)
    config = replace(settings, max_steps=1)
    dropping = train(new_text, ModelConfig(dropout_output=0.4), config, start_from=tiny_checkpoint)
    source: Checkpoint = load_checkpoint(tiny_checkpoint)
    assert load_checkpoint(dropping).config == replace(source.config, dropout_output=0.4)


def test_a_model_that_is_not_there_and_two_beginnings_at_once_are_refused(
    tiny_checkpoint: Path, new_text: Path, settings: TrainConfig
) -> None:
    with pytest.raises(CheckpointError, match="nowhere"):
        train(new_text, None, settings, start_from="nowhere.safetensors")
    with pytest.raises(UsageError, match="--from"):
        train(new_text, None, settings, start_from=tiny_checkpoint, resume=True)


@pytest.mark.slow
def test_from_is_an_option_of_the_command_line(run_cli: RunCLI, tiny_checkpoint: Path, new_text: Path) -> None:
    done = run_cli("train", new_text, "--from", tiny_checkpoint, "--max-steps", 2, "--batch-size", 4, "--bptt", 12)
    assert done.returncode == 0, done.stderr
    assert run_cli("predict", "I know", "-c", "checkpoints/new.safetensors").returncode == 0
