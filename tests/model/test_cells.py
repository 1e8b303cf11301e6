"""A GRU or a plain recurrent net in the LSTM's place: whatever one can do with a model works with each of them."""

from __future__ import annotations

import math
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.networks import network_config

from nextword.config import AdaptConfig, ModelConfig, TrainConfig
from nextword.errors import CheckpointError, Interrupted, UsageError
from nextword.evaluation.evaluate import evaluate
from nextword.inference.predictor import Predictor
from nextword.inference.session_store import SessionStore
from nextword.model.language_model import load_model
from nextword.storage.checkpoint import load_checkpoint, save_checkpoint
from nextword.training.events import Event, Step
from nextword.training.train import train

TEXT = "Anna lives in Paris. The cat sat on the"


@pytest.fixture(scope="module", params=["gru", "rnn"])
def cell(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def network(cell: str) -> ModelConfig:
    return network_config(cell=cell, embedding_dim=24, hidden_size=32, topic_share=0.0, dropout_recurrent=0.1)


@pytest.fixture(scope="module")
def settings(cell: str, tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    out = str(tmp_path_factory.mktemp(cell))
    return TrainConfig(epochs=4, batch_size=8, bptt=12, lr=5.0, precision="fp32", device="cpu", out=out, name="whole")


@pytest.fixture(scope="module")
def path(tiny_corpus: Path, network: ModelConfig, settings: TrainConfig) -> Path:
    return train(tiny_corpus, network, settings)


def test_it_learns_and_predicts(path: Path, cell: str) -> None:
    predictor = Predictor.load(path)
    assert predictor.checkpoint.config.cell == cell
    assert {prediction.word for prediction in predictor.predict(TEXT, k=3)} == {"mat", "table", "grass"}
    state = predictor.read(predictor.tokenizer.encode(TEXT).ids, predictor.initial_state)
    assert not any(memory.any() for memory in state.cell)


def test_numpy_finds_the_text_as_likely_as_torch_does(path: Path, tiny_corpus: Path) -> None:
    text = tiny_corpus.read_text(encoding="utf-8")[:2_000]
    checkpoint = load_checkpoint(path)
    evaluation = evaluate(load_model(checkpoint, "cpu"), checkpoint.tokenizer, [text])
    predictor = Predictor(checkpoint)
    [*encoded] = np.concatenate(list(checkpoint.tokenizer.encode_documents([text]))).tolist()
    shown, _ = predictor.network.read(encoded[:-1], predictor.initial_state)
    states = np.concatenate([predictor.initial_state.hidden[-1][None], shown])
    logits = predictor.network.logits(states).astype(np.float64)
    nats = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(encoded)), encoded]
    assert evaluation.tokens == len(encoded)
    assert evaluation.perplexity == pytest.approx(math.exp(nats.mean()), rel=1e-4)


def test_a_session_of_it_is_kept_and_gone_on_with(path: Path, tmp_path: Path) -> None:
    predictor, store = Predictor.load(path), SessionStore(tmp_path)
    session = predictor.session(AdaptConfig())
    session.feed("Anna lives in Paris.")
    store.save("kept", session)
    again = store.load("kept", predictor, AdaptConfig())
    for one in (session, again):
        one.feed("The cat sat on the")
    assert session.suggest(5) == again.suggest(5)


def test_phrases_are_found(path: Path) -> None:
    predictor = Predictor.load(path)
    session = predictor.session()
    session.feed("The cat sat")
    found = session.outlook().phrases(words=3)
    assert found[0].word.startswith("on the")


@pytest.mark.slow
def test_a_run_that_was_stopped_ends_with_the_same_bytes(
    tiny_corpus: Path, network: ModelConfig, settings: TrainConfig, path: Path, tmp_path: Path
) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, Step) and event.step == 40:
            os.kill(os.getpid(), signal.SIGINT)

    elsewhere = replace(settings, out=str(tmp_path))
    with pytest.raises(Interrupted):
        train(tiny_corpus, network, elsewhere, on_event=stop)
    assert train(tiny_corpus, None, elsewhere, resume=True).read_bytes() == path.read_bytes()


def test_another_cell_does_not_start_from_it(tiny_corpus: Path, path: Path, cell: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"--cell is {cell} there, not lstm"):
        train(
            tiny_corpus,
            ModelConfig(cell="lstm"),
            TrainConfig(max_steps=1, out=str(tmp_path)),
            start_from=path,
        )


def test_a_file_that_says_it_is_another_cell_is_refused(path: Path, cell: str, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(path)
    liar = tmp_path / "liar.safetensors"
    save_checkpoint(liar, replace(checkpoint, config=replace(checkpoint.config, cell="lstm")))
    with pytest.raises(CheckpointError, match=r"lstm\.0"):
        load_checkpoint(liar)
