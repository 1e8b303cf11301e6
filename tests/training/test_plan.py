"""Starting from another model: what it knows is kept, what is new is learned, and what does not fit is refused."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.cli import RunCLI
from support.networks import network_config
from support.text import make_text

from nextword.config import ModelConfig, TrainConfig
from nextword.errors import CheckpointError, Interrupted, UsageError
from nextword.storage.checkpoint import load_checkpoint
from nextword.text.corpus import default_corpus
from nextword.training.events import Event, Prepared, Step, Validation
from nextword.training.plan import Plan, Request, new_run
from nextword.training.train import train

DROPOUTS = {f"dropout_{of}": 0.0 for of in ("words", "input", "hidden", "output", "recurrent")}


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
    network = ModelConfig(**DROPOUTS) if start_from else tiny_sizes()
    path = train(text, network, config, start_from=start_from)
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
    assert after < 0.97 * before  # whose new words are already at a likely place
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
    assert replace(result.config, **DROPOUTS) == replace(source.config, **DROPOUTS)


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
    assert load_checkpoint(dropping).config.dropout_output == 0.4


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


# -- the English model, a tiny one in its place -----------------------------------------------------------------------


@pytest.fixture
def english(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEXTWORD_ENGLISH", str(tiny_checkpoint))
    return tiny_checkpoint


def begun_from(text: Path, settings: TrainConfig, start_from: str = "auto") -> tuple[str | None, list[str]]:
    """Digest of the model that a short run on a text has started from, and the run's notes."""
    events: list[Event] = []
    path = train(text, None, replace(settings, max_steps=1), start_from=start_from, on_event=events.append)
    notes = next(event.notes for event in events if isinstance(event, Prepared))
    return load_checkpoint(path).training.get("started_from"), notes


def planned(text: Path | None, model: ModelConfig | None = None, start_from: str = "auto", **settings: Any) -> Plan:
    config = TrainConfig(**settings)
    request = Request(
        corpus=text and [text], model_config=model or ModelConfig(), train_config=config, start_from=start_from
    )
    return new_run(request, Path("checkpoints", "planned.safetensors"))


def test_own_text_goes_on_from_the_english_model_and_says_so(
    english: Path, new_text: Path, settings: TrainConfig
) -> None:
    digest, (note,) = begun_from(new_text, settings)
    assert digest == load_checkpoint(english).digest
    assert re.fullmatch(r"Begins from the English model, as it knows 9\d% of .*; --from none: from nothing\.", note)
    assert begun_from(new_text, replace(settings, name="named"), "english") == (digest, [])


def test_a_text_of_which_it_knows_less_than_two_thirds_begins_from_nothing(
    english: Path, settings: TrainConfig, tmp_path: Path
) -> None:
    path, words = tmp_path / "text.txt", load_checkpoint(english).tokenizer.words[-10:]
    for known, expected in ((7, load_checkpoint(english).digest), (6, None)):
        mixed = " ".join([*words[:known], *["fremd"] * (10 - known)])
        path.write_text(f"{mixed}.\n\n" * 40)
        digest, notes = begun_from(path, replace(settings, name=f"knows-{known}"))
        assert digest == expected
    assert "Begins from nothing, as the English model knows 60% of the text's words." in notes


@pytest.mark.parametrize(
    ("model", "changes", "reason"),
    [
        (ModelConfig(), {"tokenizer": "whitespace"}, "--tokenizer is words there, not whitespace"),
        (ModelConfig(), {"cased": True}, "--cased is False there, not True"),
        (ModelConfig(cell="gru"), {}, "--cell is lstm there, not gru"),
        (ModelConfig(hidden_size=64), {}, "--hidden-size is 40 there, not 64"),
        (ModelConfig(), {"size": "large"}, "--size is auto there, not large"),
    ],
)
def test_another_network_begins_from_nothing_and_is_refused_where_english_is_named(
    english: Path, new_text: Path, model: ModelConfig, changes: dict[str, Any], reason: str
) -> None:
    plan = planned(new_text, model, **changes)
    assert plan.source is None
    assert plan.note == f"Begins from nothing, as {english} is another network: {reason}."
    assert plan.model_config == model
    with pytest.raises(UsageError, match=reason) as caught:
        planned(new_text, model, "english", **changes)
    assert "--from none" in caught.value.hint


def test_without_an_english_model_or_with_a_damaged_one_own_text_begins_from_nothing(
    new_text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert planned(new_text).note == "Begins from nothing, as this installation of nextword has no English model."
    with pytest.raises(CheckpointError, match="no English model"):
        planned(new_text, start_from="english")
    damaged = tmp_path / "english.safetensors"
    damaged.write_bytes(b"no model")
    monkeypatch.setenv("NEXTWORD_ENGLISH", str(damaged))
    plan = planned(new_text)
    assert plan.source is None
    assert plan.note.startswith(f"Begins from nothing, as {damaged} ")
    with pytest.raises(CheckpointError, match=re.escape(str(damaged))):
        planned(new_text, start_from="english")


def test_the_text_that_ships_is_learned_from_nothing_unless_english_is_named(english: Path) -> None:
    for text in (None, default_corpus()):
        plan = planned(text)
        assert plan.source is None
        assert "shows how a new network learns" in plan.note
        assert planned(text, start_from="english").source is not None
    assert planned(min(default_corpus().glob("*.txt"))).source is not None


def test_nothing_is_begun_from_where_that_is_asked_for(english: Path, new_text: Path) -> None:
    plan = planned(new_text, start_from="none")
    assert (plan.source, plan.note) == (None, "")


def test_new_words_have_room_beside_all_that_the_other_model_knows(english: Path, new_text: Path) -> None:
    known = len(load_checkpoint(english).tokenizer)
    assert planned(new_text).config.vocab_size == known + TrainConfig.vocab_size
    assert planned(new_text, vocab_size=1_000).config.vocab_size == 1_000


def test_what_is_saved_is_never_worse_than_what_the_run_began_from(
    english: Path, new_text: Path, settings: TrainConfig
) -> None:
    events: list[Event] = []
    path = train(new_text, None, replace(settings, lr=500.0, max_steps=3), on_event=events.append)
    validations = [event for event in events if isinstance(event, Validation)]
    assert [(event.step, event.best) for event in validations] == [(0, True), (3, False)]
    before, result = load_checkpoint(english), load_checkpoint(path)
    assert result.training["validation_perplexity"] == validations[0].perplexity < validations[1].perplexity
    known = len(before.tokenizer)
    np.testing.assert_array_equal(result.tensors["embedding.weight"][:known], before.tensors["embedding.weight"])


def test_a_run_from_the_english_model_goes_on_where_that_is_gone(
    english: Path, new_text: Path, settings: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hear(event: Event) -> None:
        if isinstance(event, Step):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Interrupted):
        train(new_text, None, settings, on_event=hear)
    monkeypatch.setenv("NEXTWORD_ENGLISH", "")
    with pytest.raises(UsageError, match="--from begins one"):
        train(None, None, settings, start_from="none", resume=True)
    digest = load_checkpoint(english).digest
    assert load_checkpoint(train(None, None, settings, resume=True)).training["started_from"] == digest
