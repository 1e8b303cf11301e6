"""Training as a user meets it: a checkpoint comes out, it has learned, and whatever can go wrong does so cleanly."""

from __future__ import annotations

import errno
import itertools
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.cli import RunCLI
from support.limits import files_limited_to

from nextword.config import ModelConfig, TrainConfig
from nextword.errors import (
    CheckpointError,
    CorpusError,
    DivergedError,
    LockedError,
    NextwordError,
    OutOfMemoryError,
    StorageError,
    UsageError,
)
from nextword.inference.predictor import Predictor
from nextword.model.language_model import RecurrentLanguageModel
from nextword.storage import atomic as storage
from nextword.storage.checkpoint import CHECKPOINT, FORMAT, load_checkpoint
from nextword.storage.container import read_container, write_container
from nextword.text.corpus import read_corpus
from nextword.text.held_out import split_corpus
from nextword.text.tokenizer import WordTokenizer
from nextword.training import loop
from nextword.training import train as training
from nextword.training.batches import window_count
from nextword.training.events import Event, Finished, Prepared, Reading, Step, Threads, Validation
from nextword.training.optimizer import ClippedSGD
from nextword.training.train import train

Run = tuple[Path, list[Event]]


@pytest.fixture
def settings(tmp_path: Path) -> TrainConfig:
    """Very short runs into a folder of the test's own."""
    return TrainConfig(
        max_steps=3, batch_size=4, bptt=12, precision="fp32", device="cpu", out=str(tmp_path / "out"), name="model"
    )


def of_type(kind: type[Any], events: list[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


# -- what a run does -------------------------------------------------------------------------------------------------


def test_training_learns_far_more_than_word_frequencies(tiny_run: Run, tiny_corpus: Path) -> None:
    path, events = tiny_run
    checkpoint = load_checkpoint(path)
    train_texts, valid_texts = split_corpus(read_corpus([tiny_corpus]).documents, TrainConfig().valid_fraction)

    def ids(texts: list[str]) -> list[int]:
        return [int(token) for portion in checkpoint.tokenizer.encode_documents(texts) for token in portion]

    counts, held_out = Counter(ids(train_texts)), ids(valid_texts)
    unigram = math.exp(-sum(math.log(counts[token] / counts.total()) for token in held_out) / len(held_out))
    losses = [step.loss for step in of_type(Step, events)]
    assert losses[0] == pytest.approx(math.log(len(checkpoint.tokenizer)), rel=0.15)
    assert sum(losses[-20:]) < 0.6 * sum(losses[:20])
    assert of_type(Finished, events)[0].perplexity < unigram / 4


def test_events_come_in_order_prepared_steps_and_validations_finished(tiny_run: Run) -> None:
    _, all_events = tiny_run
    events = [event for event in all_events if not isinstance(event, Reading)]
    assert events == all_events[-len(events) :]
    phases = [event.phase for event in of_type(Reading, all_events)]
    assert list(dict.fromkeys(phases)) == ["checking", "reading", "encoding"]
    assert isinstance(events[0], Prepared)
    assert isinstance(events[-1], Finished)
    assert isinstance(events[-2], Validation)
    assert all(isinstance(event, Step | Validation) for event in events[1:-1])
    steps, validations = of_type(Step, events), of_type(Validation, events)
    assert [step.step for step in steps] == list(range(1, len(steps) + 1))
    assert [validation.step for validation in validations] == [
        event.step for event, after in itertools.pairwise(events) if isinstance(after, Validation)
    ]
    assert len(validations) == 6  # one for each epoch


def test_what_is_prepared_is_what_is_saved(tiny_run: Run) -> None:
    path, events = tiny_run
    prepared, checkpoint = of_type(Prepared, events)[0], load_checkpoint(path)
    assert prepared.path == path
    assert prepared.documents == 1
    assert prepared.vocabulary_size == len(checkpoint.tokenizer)
    assert prepared.parameters == sum(values.size for values in checkpoint.tensors.values())
    assert prepared.training_tokens == checkpoint.training["training_tokens"]
    assert prepared.validation_tokens == checkpoint.training["validation_tokens"]
    assert 0.01 < prepared.validation_tokens / (prepared.validation_tokens + prepared.training_tokens) < 0.15
    assert 0 <= prepared.unknown_rate < 0.1
    assert prepared.notes == []


def test_steps_count_words_and_the_schedule_runs_to_its_end(tiny_run: Run) -> None:
    _, events = tiny_run
    prepared, steps = of_type(Prepared, events)[0], of_type(Step, events)
    assert len(steps) == 6 * window_count(prepared.training_tokens, 4, 12)
    assert steps[0].tokens == 4 * 12
    assert steps[-1].tokens == of_type(Finished, events)[0].tokens == 6 * 4 * (prepared.training_tokens // 4 - 1)
    progress = [step.progress for step in steps]
    assert progress == sorted(progress)
    assert progress[-1] == 1
    assert steps[-1].lr < 0.1 * max(step.lr for step in steps)
    assert max(step.lr for step in steps) == pytest.approx(25)
    assert steps[-1].seconds_left == 0


def test_the_checkpoint_holds_the_best_model(tiny_run: Run) -> None:
    path, events = tiny_run
    validations = of_type(Validation, events)
    best = min(validation.perplexity for validation in validations)
    lowest_so_far = list(itertools.accumulate((validation.perplexity for validation in validations), min))
    assert [validation.best for validation in validations] == [
        index == 0 or lowest_so_far[index] < lowest_so_far[index - 1] for index in range(len(validations))
    ]
    assert load_checkpoint(path).training["validation_perplexity"] == best
    assert of_type(Finished, events)[0].perplexity == best
    assert of_type(Finished, events)[0].path == path


def test_a_later_and_worse_model_does_not_replace_the_best(
    tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([9.0, 5.0, 7.0])
    monkeypatch.setattr(loop, "perplexity", lambda *arguments: next(scores))
    events: list[Event] = []
    config = replace(settings, max_steps=None, epochs=3, batch_size=40, bptt=40)
    path = train(tiny_corpus, tiny_model, config, on_event=events.append)
    validations = of_type(Validation, events)
    assert [validation.best for validation in validations] == [True, True, False]
    training = load_checkpoint(path).training
    assert training["validation_perplexity"] == 5.0
    assert training["steps"] == validations[1].step


def test_previews_show_what_the_model_suggests_after_words_of_the_held_out_text(tiny_run: Run) -> None:
    path, events = tiny_run
    best = [validation for validation in of_type(Validation, events) if validation.best][-1]
    assert best.previews
    predictor = Predictor.load(path)
    for preview in best.previews:
        assert len(preview.context.split()) > 3
        expected = predictor.predict(preview.context, k=3)
        assert [prediction.word for prediction in preview.predictions] == [prediction.word for prediction in expected]


def test_the_end_of_a_run_names_a_beginning_of_the_held_out_text_to_try(tiny_run: Run, tiny_corpus: Path) -> None:
    _, events = tiny_run
    _, held_out = split_corpus(read_corpus([tiny_corpus]).documents, TrainConfig().valid_fraction)
    beginning = of_type(Finished, events)[0].example
    assert len(beginning.split()) == 4
    assert any(paragraph.startswith(beginning) for text in held_out for paragraph in "".join(text).split("\n\n"))


def test_the_same_seed_gives_the_same_file_and_another_seed_another(
    tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig, tmp_path: Path
) -> None:
    model = replace(tiny_model, dropout_input=0.3, dropout_hidden=0.3, dropout_words=0.1, dropout_recurrent=0.1)

    def content(folder: str, seed: int) -> bytes:
        torch.rand(seed)  # what was drawn before makes no difference
        return train(tiny_corpus, model, replace(settings, seed=seed, out=str(tmp_path / folder))).read_bytes()

    first = content("one", 1)
    assert content("two", 1) == first
    assert content("three", 2) != first


@pytest.mark.parametrize("steps", [1, 5])
def test_max_steps_are_counted_exactly(
    tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig, steps: int
) -> None:
    events: list[Event] = []
    path = train(tiny_corpus, tiny_model, replace(settings, max_steps=steps), on_event=events.append)
    assert len(of_type(Step, events)) == steps
    assert of_type(Step, events)[-1].progress == 1
    assert len(of_type(Validation, events)) == 1
    assert load_checkpoint(path).training["steps"] == steps


def test_max_steps_may_be_more_than_an_epoch(tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig) -> None:
    events: list[Event] = []
    config = replace(settings, epochs=1, batch_size=40, bptt=40)
    train(tiny_corpus, tiny_model, replace(config, max_steps=None), on_event=events.append)
    per_epoch = len(of_type(Step, events))
    longer: list[Event] = []
    train(tiny_corpus, tiny_model, replace(config, max_steps=per_epoch + 2, force=True), on_event=longer.append)
    assert [validation.step for validation in of_type(Validation, longer)] == [per_epoch, per_epoch + 2]


@pytest.mark.slow
@pytest.mark.parametrize("pace", [0.3, 0.7, 1.3])
@pytest.mark.parametrize("reading", [0, 20])
def test_minutes_count_from_the_start_and_end_with_the_schedule_and_a_validation(
    tiny_corpus: Path,
    tiny_model: ModelConfig,
    settings: TrainConfig,
    monkeypatch: pytest.MonkeyPatch,
    pace: float,
    reading: float,
) -> None:
    now = 1000.0
    honest, prepare = RecurrentLanguageModel.loss, training.prepare

    def loss(model: RecurrentLanguageModel, *arguments: Any) -> Any:
        nonlocal now
        now += pace if model.training else 0.2
        return honest(model, *arguments)

    def slowly(*arguments: Any) -> Any:
        nonlocal now
        now += reading
        return prepare(*arguments)

    monkeypatch.setattr("time.perf_counter", lambda: now)
    monkeypatch.setattr(RecurrentLanguageModel, "loss", loss)
    monkeypatch.setattr(training, "prepare", slowly)
    events: list[Event] = []
    train(tiny_corpus, tiny_model, replace(settings, max_steps=None, minutes=1), on_event=events.append)
    steps = of_type(Step, events)
    progress = [step.progress for step in steps]
    assert progress == sorted(progress)
    assert progress[-1] == 1
    assert steps[0].lr == min(step.lr for step in steps[: len(steps) // 2])  # the warm-up begins at once
    assert steps[-1].lr < 0.15 * max(step.lr for step in steps)
    assert isinstance(events[-2], Validation)
    assert events[-2].step == steps[-1].step
    assert of_type(Finished, events)[0].seconds == pytest.approx(60, rel=0.05)
    assert now - 1000 == pytest.approx(60, rel=0.05)


@pytest.mark.parametrize("timed", [True, False])
def test_where_time_limits_a_run_as_many_threads_compute_as_are_fastest_and_afterwards_all_again(
    tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig, monkeypatch: pytest.MonkeyPatch, timed: bool
) -> None:
    now, threads, computed = 0.0, 2, Counter[int]()
    honest = RecurrentLanguageModel.loss

    def set_threads(count: int) -> None:
        nonlocal threads
        threads = count

    def loss(model: RecurrentLanguageModel, *arguments: Any) -> Any:
        nonlocal now
        now += 0.1 if not model.training else 1.5 if threads == 2 else 1.0
        computed[threads] += model.training
        return honest(model, *arguments)

    monkeypatch.setattr("time.perf_counter", lambda: now)
    monkeypatch.setattr(RecurrentLanguageModel, "loss", loss)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(torch, "set_num_threads", set_threads)
    events: list[Event] = []
    config = replace(settings, max_steps=None if timed else 100, minutes=5 if timed else None)
    train(tiny_corpus, tiny_model, config, on_event=events.append)
    assert threads == 2
    assert of_type(Threads, events) == ([Threads(1, 2)] if timed else [])
    assert computed[1 if timed else 2] > 0.8 * computed.total()


def test_minutes_and_steps_together_end_with_what_comes_first(
    tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig
) -> None:
    events: list[Event] = []
    train(tiny_corpus, tiny_model, replace(settings, max_steps=7, minutes=60), on_event=events.append)
    assert len(of_type(Step, events)) == 7
    assert of_type(Step, events)[-1].progress == 1


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_every_kind_of_network_can_be_trained_and_used(
    tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig, tied: bool, precision: str
) -> None:
    model = replace(tiny_model, tied=tied, num_layers=3)
    path = train([tiny_corpus], model, replace(settings, precision=precision))
    checkpoint = load_checkpoint(path)
    assert checkpoint.config == model
    assert checkpoint.training["precision"] == precision
    assert len(Predictor(checkpoint).predict("The cat", k=5)) == 5


def test_what_is_unset_is_chosen_and_what_is_set_stays(tiny_corpus: Path, settings: TrainConfig) -> None:
    chosen = load_checkpoint(train(tiny_corpus, None, settings))
    assert None not in asdict(chosen.config).values()
    same = load_checkpoint(train(tiny_corpus, ModelConfig(), replace(settings, force=True)))
    assert (same.config, same.digest) == (chosen.config, chosen.digest)
    some = load_checkpoint(
        train(tiny_corpus, ModelConfig(num_layers=3, dropout_input=0.0), replace(settings, force=True))
    )
    assert some.config == replace(chosen.config, num_layers=3, dropout_input=0.0)
    assert some.training["settings"]["lr"] == 25
    assert some.training["settings"]["epochs"] == 10
    again = train(tiny_corpus, chosen.config, replace(settings, lr=25.0, epochs=10, force=True))  # its very network
    assert load_checkpoint(again).digest == chosen.digest


@pytest.mark.parametrize("field", ["hidden_size", "dropout_words", "num_layers"])
def test_a_checkpoint_that_leaves_something_of_the_network_open_is_refused(
    tiny_checkpoint: Path, tmp_path: Path, field: str
) -> None:
    metadata, tensors = read_container(tiny_checkpoint, FORMAT, CHECKPOINT)
    config = json.loads(metadata["config"])
    for changed in (config | {field: None}, {name: config[name] for name in config if name != field}):
        write_container(tmp_path / "open", tensors, metadata | {"config": json.dumps(changed)}, CHECKPOINT)
        with pytest.raises(CheckpointError, match=f"{field} is None"):
            load_checkpoint(tmp_path / "open")


def test_the_whitespace_tokenizer_and_casing_reach_the_checkpoint(
    tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig
) -> None:
    tokenizer = load_checkpoint(train(tiny_corpus, tiny_model, replace(settings, tokenizer="whitespace"))).tokenizer
    assert tokenizer.scheme == "whitespace"
    assert "mat." in tokenizer.words
    cased = load_checkpoint(train(tiny_corpus, tiny_model, replace(settings, cased=True, name="cased"))).tokenizer
    assert {"The", "the"} <= set(cased.words)


def test_a_benchmark_text_with_unk_in_it_can_be_trained_on(
    tmp_path: Path, tiny_model: ModelConfig, settings: TrainConfig
) -> None:
    corpus = tmp_path / "ptb.txt"
    corpus.write_text(" the <unk> sat on N <unk> \n" * 40)
    path = train(corpus, tiny_model, replace(settings, tokenizer="whitespace", max_steps=30))
    suggested = Predictor.load(path).predict("the <unk>", k=10)
    assert sorted(prediction.word for prediction in suggested) == ["N", "on", "sat", "the"]


def test_the_vocabulary_comes_from_the_training_text_alone(
    tmp_path: Path, tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig
) -> None:
    held_out = tmp_path / "held-out.txt"
    held_out.write_text("Anna lives in Timbuktu. Peter lives in Timbuktu.\n")
    events: list[Event] = []
    path = train(tiny_corpus, tiny_model, settings, valid=held_out, on_event=events.append)
    prepared = of_type(Prepared, events)[0]
    assert prepared.validation_tokens == 11
    assert prepared.unknown_rate == pytest.approx(2 / 11)
    tokenizer = load_checkpoint(path).tokenizer
    assert "timbuktu" not in tokenizer.words
    whole = [*tokenizer.encode_documents([tiny_corpus.read_text()])]
    assert prepared.training_tokens == sum(map(len, whole))  # with a text to validate on, none is held out


def test_the_name_is_the_corpus_unless_given(tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig) -> None:
    assert train(tiny_corpus, tiny_model, replace(settings, name=None)).name == "tiny.safetensors"
    assert train(str(tiny_corpus), tiny_model, replace(settings, name="diary")).name == "diary.safetensors"


def test_files_passed_over_are_noted(
    tmp_path: Path, tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig
) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_bytes(tiny_corpus.read_bytes())
    (folder / "picture.png").write_bytes(b"\0\1")
    events: list[Event] = []
    train(folder, tiny_model, settings, start_from=None, on_event=events.append)
    notes = of_type(Prepared, events)[0].notes
    assert len(notes) == 1
    assert "picture.png" in notes[0]


def test_words_forgotten_while_counting_are_noted(
    tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = partial(WordTokenizer.train_and_encode, max_forms=20)
    monkeypatch.setattr(WordTokenizer, "train_and_encode", learn)
    events: list[Event] = []
    train(tiny_corpus, tiny_model, replace(settings, vocab_size=10), on_event=events.append)
    prepared = of_type(Prepared, events)[0]
    assert any("forgotten" in note for note in prepared.notes)
    assert prepared.vocabulary_size == 10


def test_words_forgotten_while_those_new_to_a_model_are_counted_are_noted(
    tiny_corpus: Path, tiny_checkpoint: Path, settings: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = partial(WordTokenizer.train_and_encode, max_forms=20)
    monkeypatch.setattr(WordTokenizer, "train_and_encode", learn)
    events: list[Event] = []
    train(tiny_corpus, None, replace(settings, vocab_size=10), start_from=tiny_checkpoint, on_event=events.append)
    assert any("forgotten" in note for note in of_type(Prepared, events)[0].notes)


def test_a_full_temporary_folder_is_named(tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig) -> None:
    with files_limited_to(1_000), pytest.raises(StorageError, match="File too large") as caught:
        train(tiny_corpus, tiny_model, settings)
    assert tempfile.gettempdir() in caught.value.message
    assert "TMPDIR" in caught.value.hint


# -- little text -----------------------------------------------------------------------------------------------------


def sentences(count: int) -> str:
    return "\n\n".join(["The cat sat on the mat."] * count)


def test_a_short_text_is_read_in_fewer_streams_with_a_note(
    tmp_path: Path, tiny_model: ModelConfig, settings: TrainConfig
) -> None:
    corpus = tmp_path / "short.txt"
    corpus.write_text(sentences(20))
    events: list[Event] = []
    config = replace(settings, batch_size=64, bptt=35, max_steps=None, epochs=2)
    path = train(corpus, tiny_model, config, on_event=events.append)
    prepared = of_type(Prepared, events)[0]
    assert any("64" in note and "short" in note for note in prepared.notes)
    few = f"{prepared.training_tokens:,} words are very few: some ten thousand begin to make sense."
    assert few in prepared.notes
    assert of_type(Step, events)[-1].progress == 1
    assert Predictor.load(path).predict("The cat", k=1)


@pytest.mark.parametrize("bptt", [1, 7, 60_000])
@pytest.mark.parametrize("batch_size", [1, 3, 60_000])
def test_any_batch_size_and_window_fit_any_text(
    tmp_path: Path, tiny_model: ModelConfig, settings: TrainConfig, batch_size: int, bptt: int
) -> None:
    corpus = tmp_path / "short.txt"
    corpus.write_text(sentences(12))
    events: list[Event] = []
    config = replace(settings, batch_size=batch_size, bptt=bptt, max_steps=2)
    train(corpus, tiny_model, config, on_event=events.append)
    assert len(of_type(Step, events)) == 2
    assert math.isfinite(of_type(Finished, events)[0].perplexity)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no text"),
        (" \n\t\n\n", "no text"),
        ("word", "hold a part out"),
        ("The cat.\n\nThe dog.", "to learn from"),
        (" ".join(f"word{index}" for index in range(300)) + "\n\nThe end.", "often enough"),
        ("One paragraph and no more of it. " * 40, "hold a part out"),
    ],
)
def test_a_text_too_small_to_learn_from_is_refused(
    tmp_path: Path, tiny_model: ModelConfig, settings: TrainConfig, text: str, reason: str
) -> None:
    corpus = tmp_path / "small.txt"
    corpus.write_text(text)
    with pytest.raises(CorpusError, match=reason) as caught:
        train(corpus, tiny_model, settings)
    assert caught.value.exit_code == 3
    assert "small.txt" in caught.value.message
    least = ("a few hundred words at least", "the least is 50", "--min-count 1", "at least two paragraphs")
    assert any(words in caught.value.message + caught.value.hint for words in least)
    assert list(Path(settings.out).glob("*")) == []


def test_a_list_without_a_text_does_not_stand_for_the_text_that_ships_with_it(settings: TrainConfig) -> None:
    for texts in ({"corpus": []}, {"valid": []}):
        with pytest.raises(CorpusError, match="no text was named"):
            train(train_config=settings, **texts)


def test_empty_files_among_many_do_no_harm(tmp_path: Path, tiny_model: ModelConfig, settings: TrainConfig) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for index in range(25):
        (folder / f"{index:02}.txt").write_text("" if index == 10 else sentences(5))
    events: list[Event] = []
    train(folder, tiny_model, settings, on_event=events.append)
    assert of_type(Prepared, events)[0].validation_tokens > 0
    assert math.isfinite(of_type(Finished, events)[0].perplexity)


# -- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_checkpoint_of_the_same_name_is_replaced_only_when_asked(
    tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig
) -> None:
    path = train(tiny_corpus, tiny_model, settings)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="exists already") as caught:
        train(tiny_corpus, tiny_model, replace(settings, seed=2))
    assert "--force" in caught.value.hint
    assert path.read_bytes() == before
    assert train(tiny_corpus, tiny_model, replace(settings, seed=2, force=True)) == path
    assert path.read_bytes() != before


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_a_folder_that_cannot_be_written_is_found_out_before_training(
    tmp_path: Path, tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig, out: str
) -> None:
    (tmp_path / "file").write_text("not a folder")
    events: list[Event] = []
    with pytest.raises(StorageError) as caught:
        train(tiny_corpus, tiny_model, replace(settings, out=str(tmp_path / out)), on_event=events.append)
    assert str(tmp_path / out) in caught.value.message
    assert "--out" in caught.value.hint
    assert events == []


def test_a_folder_in_the_checkpoints_place_is_found_out_before_training(
    tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig
) -> None:
    (Path(settings.out) / "model.safetensors").mkdir(parents=True)
    events: list[Event] = []
    with pytest.raises(StorageError, match=r"model\.safetensors"):
        train(tiny_corpus, tiny_model, replace(settings, force=True), on_event=events.append)
    assert events == []


@pytest.mark.slow
def test_words_that_no_checkpoint_could_hold_are_refused_before_training(
    tmp_path: Path, tiny_model: ModelConfig, settings: TrainConfig
) -> None:
    corpus, events = tmp_path / "long words.txt", list[Event]()
    long = "\U0001d41a" * 980  # a letter of four bytes
    corpus.write_text("\n\n".join(f"{long}{number} {long}{number}" for number in range(4_500)), encoding="utf-8")
    with pytest.raises(UsageError, match="words are too long to keep them") as caught:
        train(corpus, replace(tiny_model, embedding_dim=1), settings, on_event=events.append)
    assert "--vocab-size" in caught.value.hint
    assert not any(isinstance(event, Step) for event in events)
    assert not list(Path(settings.out).glob("*"))


def test_a_text_whose_name_is_too_long_for_a_checkpoint_asks_for_a_name_before_training(
    tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig, tmp_path: Path
) -> None:
    corpus = tmp_path / ("x" * 240 + ".txt")
    corpus.write_bytes(tiny_corpus.read_bytes())
    events: list[Event] = []
    with pytest.raises(UsageError, match="xxx") as caught:
        train(corpus, tiny_model, replace(settings, name=None), on_event=events.append)
    assert "--name" in caught.value.hint
    assert events == []
    assert train(corpus, tiny_model, replace(settings, name="x" * 200)).exists()


@pytest.mark.skipif(sys.platform != "linux", reason="uses a folder in which nobody can make files")
def test_a_folder_that_takes_no_files_is_found_out_before_training(
    tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig
) -> None:
    events: list[Event] = []
    with pytest.raises(StorageError, match="/proc/self") as caught:
        train(tiny_corpus, tiny_model, replace(settings, out="/proc/self"), on_event=events.append)
    assert "--out" in caught.value.hint
    assert events == []


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is locked there")
def test_nobody_else_trains_under_the_name_of_a_run_that_goes_on(
    tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig
) -> None:
    refused: list[NextwordError] = []

    def hear(event: Event) -> None:
        if isinstance(event, Prepared | Finished):  # before there is a checkpoint, and after
            for changes in ({}, {"force": True}):
                with pytest.raises(LockedError, match=f"process {os.getpid()} on ") as caught:
                    train(tiny_corpus, tiny_model, replace(settings, **changes))
                refused.append(caught.value)
            with pytest.raises(LockedError):
                train(tiny_corpus, None, settings, resume=True)

    path = train(tiny_corpus, tiny_model, settings, on_event=hear)
    assert {(error.exit_code, "--name" in error.hint) for error in refused} == {(6, True)}
    assert len(refused) == 4
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="nothing is locked there")
def test_two_runs_of_one_name_end_the_second_and_a_killed_one_is_in_nobodys_way(
    tiny_corpus: Path, tmp_path: Path, cli_environment: dict[str, str], run_cli: RunCLI
) -> None:
    log = tmp_path / "log.jsonl"
    sizes = ["--embedding-dim=8", "--hidden-size=8", "--batch-size=4", "--device=cpu", "--name=model"]
    endless = [sys.executable, "-m", "nextword", "train", tiny_corpus, *sizes, "--epochs=100000", "--log", log]
    with subprocess.Popen(endless, stderr=subprocess.DEVNULL, env=cli_environment, cwd=tmp_path) as first:
        try:
            while first.poll() is None and not (log.exists() and log.read_text().count("\n") >= 5):
                time.sleep(0.01)
            second = run_cli("train", tiny_corpus, *sizes, "--force")
        finally:
            first.kill()
    assert second.returncode == 6, second.stderr
    assert f"Error: checkpoints/model.safetensors is being trained by process {first.pid} on " in second.stderr
    stale = tmp_path / "checkpoints" / f".model.resume.safetensors.{'0' * 16}.tmp"
    stale.write_bytes(b"of a save that was killed")
    third = run_cli("train", tiny_corpus, *sizes, "--force", "--max-steps=3")
    assert third.returncode == 0, third.stderr
    assert [file.name for file in (tmp_path / "checkpoints").iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_a_disk_that_is_full_ends_the_run_and_leaves_the_checkpoint_that_was_there(
    tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = train(tiny_corpus, tiny_model, settings)
    before = path.read_bytes()

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage.disk, call, full)
    with pytest.raises(StorageError, match=r"model\.safetensors .* bytes\): No space left") as caught:
        train(tiny_corpus, tiny_model, replace(settings, force=True))
    assert (caught.value.exit_code, "--out" in caught.value.hint) == (5, True)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def spoilt(after: int, value: float) -> Callable[..., Any]:
    """A loss that is fine for `after` steps and then times `value`."""
    honest, calls = RecurrentLanguageModel.loss, itertools.count(1)

    def loss(model: RecurrentLanguageModel, *arguments: Any) -> Any:
        result, state = honest(model, *arguments)
        return (result * value if model.training and next(calls) > after else result), state

    return loss


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_training_and_leaves_the_file_from_before(
    tiny_corpus: Path,
    tiny_model: ModelConfig,
    settings: TrainConfig,
    monkeypatch: pytest.MonkeyPatch,
    value: float,
) -> None:
    path = train(tiny_corpus, tiny_model, settings)
    before = path.read_bytes()
    monkeypatch.setattr(RecurrentLanguageModel, "loss", spoilt(1, value))
    events: list[Event] = []
    moved: list[object] = []
    monkeypatch.setattr(ClippedSGD, "step", moved.append)
    with pytest.raises(DivergedError, match="step 2") as caught:
        train(tiny_corpus, tiny_model, replace(settings, force=True), on_event=events.append)
    assert (caught.value.exit_code, "--lr" in caught.value.hint) == (7, True)
    assert len(of_type(Step, events)) == len(moved) == 1  # the step was not applied
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_after_a_good_epoch_a_diverged_run_keeps_that_epochs_model(
    tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Event] = []
    config = replace(settings, max_steps=None, epochs=3, batch_size=40, bptt=40)
    epoch = window_count(load_checkpoint(train(tiny_corpus, tiny_model, config)).training["training_tokens"], 40, 40)
    monkeypatch.setattr(RecurrentLanguageModel, "loss", spoilt(epoch + 1, math.nan))
    with pytest.raises(DivergedError, match=r"model\.safetensors"):
        train(tiny_corpus, tiny_model, replace(config, force=True), on_event=events.append)
    kept = load_checkpoint(Path(settings.out) / "model.safetensors")
    assert kept.training["steps"] == epoch
    assert kept.training["validation_perplexity"] == of_type(Validation, events)[0].perplexity


def test_a_run_that_never_had_a_valid_model_does_not_claim_to_have_saved_one(
    tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "perplexity", lambda *arguments: math.nan)
    with pytest.raises(DivergedError):
        train(tiny_corpus, tiny_model, settings)


@pytest.mark.parametrize(
    "cause",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("could not create a primitive"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
    ids=["Python", "torch", "oneDNN", "CUDA", "system"],
)
def test_too_little_memory_is_said_with_what_helps_and_the_file_from_before_is_left(
    tiny_corpus: Path,
    tiny_model: ModelConfig,
    settings: TrainConfig,
    monkeypatch: pytest.MonkeyPatch,
    cause: Exception,
) -> None:
    path = train(tiny_corpus, tiny_model, settings)
    before = path.read_bytes()

    def loss(*arguments: Any) -> Any:
        raise cause

    monkeypatch.setattr(RecurrentLanguageModel, "loss", loss)
    with pytest.raises(OutOfMemoryError) as caught:
        train(tiny_corpus, tiny_model, replace(settings, force=True))
    assert (caught.value.exit_code, "--batch-size 2" in caught.value.hint) == (8, True)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_too_little_memory_for_the_ids_of_a_text_is_not_taken_for_a_full_disk(
    tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mapped(*arguments: Any, **more: Any) -> Any:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(np, "memmap", mapped)
    with pytest.raises(OutOfMemoryError):
        train(tiny_corpus, tiny_model, settings)


def test_a_bug_is_not_dressed_up_as_a_users_error(
    tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loss(*arguments: Any) -> Any:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(RecurrentLanguageModel, "loss", loss)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        train(tiny_corpus, tiny_model, settings)


def test_cuda_without_a_cuda_device_is_refused(
    tiny_corpus: Path, tiny_model: ModelConfig, settings: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="CUDA") as caught:
        train(tiny_corpus, tiny_model, replace(settings, device="cuda"))
    assert "--device cpu" in caught.value.hint


def test_training_reports_unknown_words_of_the_held_out_text(tiny_run: Run, tiny_corpus: Path) -> None:
    path, events = tiny_run
    tokenizer: WordTokenizer = load_checkpoint(path).tokenizer
    _, valid_texts = split_corpus(read_corpus([tiny_corpus]).documents, TrainConfig().valid_fraction)
    ids = np.concatenate(list(tokenizer.encode_documents(valid_texts)))
    assert of_type(Prepared, events)[0].unknown_rate == pytest.approx(float((ids == 0).mean()))
    assert of_type(Prepared, events)[0].validation_tokens == len(ids)
