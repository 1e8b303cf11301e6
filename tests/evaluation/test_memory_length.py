"""What the memory is worth: every limit equals reading the last words alone, and all of it equals `eval`."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.models import random_model
from support.networks import network_config
from support.text import make_text
from typer.testing import CliRunner

from nextword.cli.main import app
from nextword.evaluation.evaluate import evaluate, score
from nextword.evaluation.evaluation_text import encode
from nextword.evaluation.memory_length import Compared, Worth, effective_memory, half_lives, memory_worth, spread_evenly
from nextword.evaluation.reader import ReadingLimits
from nextword.inference.lstm import LSTMNetwork
from nextword.inference.predictor import Predictor
from nextword.model.language_model import RecurrentLanguageModel
from nextword.terminal import output
from nextword.terminal.memory import show_worth
from nextword.text.tokenizer import END_ID, WordTokenizer

CELLS = ["lstm", "gru", "rnn"]
TEXT = 'Anna lives in Paris. "Where is the cat?" asked Peter.\n\nMr. McDonald said that the horse was late.\n'
SENTENCES = [0, 5, 16]  # where they begin: Anna, " (with what is asked), Mr


def a_model(tokenizer: WordTokenizer, cell: str) -> RecurrentLanguageModel:
    return random_model(network_config(cell=cell, embedding_dim=6, hidden_size=7), len(tokenizer))


def bits(model: RecurrentLanguageModel, read: list[int], target: int) -> float:
    """Surprisal of a word after a fresh session has read some others."""
    with torch.no_grad():
        hidden, _ = model(torch.tensor([[END_ID], *([token] for token in read)]))
        return -float(torch.log_softmax(model.output(hidden[-1, 0]).double(), 0)[target]) / math.log(2)


@pytest.mark.parametrize("cell", CELLS)
def test_with_the_state_carried_it_is_what_eval_says_to_the_last_bit(predictor: Predictor, cell: str) -> None:
    limits = ReadingLimits(chunk=150, min_stream=60)
    tokenizer = predictor.tokenizer
    model, text = a_model(tokenizer, cell), make_text(10, seed=5)
    worth = memory_worth(model, tokenizer, [text], places=3, limits=limits)
    expected = evaluate(model, tokenizer, [text], limits=limits)
    assert worth.tokens == expected.tokens > 2 * 150
    assert worth.unknown_rate == expected.unknown_rate
    assert asdict(worth.carried) == {name: getattr(expected, name) for name in asdict(worth.carried)}


@pytest.mark.parametrize("cell", CELLS)
def test_a_limit_is_a_fresh_session_that_has_read_the_last_words_alone(predictor: Predictor, cell: str) -> None:
    limits = ReadingLimits(max_passages=3, passage_window=9)
    tokenizer = predictor.tokenizer
    model = a_model(tokenizer, cell)
    ids = encode(tokenizer, [TEXT]).tolist()
    everything = np.array([bits(model, ids[:place], token) for place, token in enumerate(ids)])
    heard: list[tuple[int, int]] = []
    worth = memory_worth(model, tokenizer, [TEXT], on_progress=lambda *done: heard.append(done), limits=limits)
    assert heard[-1][0] == heard[-1][1]
    assert heard == sorted(heard)
    assert worth.places == worth.tokens == len(ids) == 27
    assert [row.words for row in worth.compared] == [1, 2, 5, 10, 20, None, None]
    for row in worth.compared[:-2]:
        assert row.words is not None
        limited = [bits(model, ids[max(0, place - row.words) : place], token) for place, token in enumerate(ids)]
        differences = limited - everything
        assert row.worth.bits_per_word == pytest.approx(np.mean(limited), rel=1e-5)
        assert row.worth.perplexity == pytest.approx(2 ** np.mean(limited), rel=1e-5)
        assert row.bits_more == pytest.approx(differences.mean(), abs=1e-5)
        assert row.standard_error == pytest.approx(differences.std(ddof=1) / math.sqrt(27), rel=1e-3, abs=1e-6)
    assert worth.compared[-1].worth == worth.carried
    assert worth.compared[-1].bits_more == 0


def test_cleared_at_each_sentence_every_sentence_is_read_as_if_it_were_the_first(predictor: Predictor) -> None:
    tokenizer = predictor.tokenizer
    model = a_model(tokenizer, "lstm")
    ids = encode(tokenizer, [TEXT]).tolist()
    begins = [max(start for start in SENTENCES if start <= place) for place in range(len(ids))]
    alone = [bits(model, ids[begin:place], ids[place]) for place, begin in enumerate(begins)]
    worth = memory_worth(model, tokenizer, [TEXT])
    assert worth.cleared.bits_per_word == pytest.approx(np.mean(alone), rel=1e-5)
    assert worth.compared[-2].remembered == "sentence"
    assert worth.compared[-2].worth == worth.cleared


def test_of_a_long_text_a_sample_is_compared_at_the_same_places_throughout(predictor: Predictor) -> None:
    tokenizer = predictor.tokenizer
    model, text = a_model(tokenizer, "gru"), make_text(8, seed=2)
    worth = memory_worth(model, tokenizer, [text], places=10)
    surprisals = np.array([token.surprisal for token in score(model, tokenizer, [text])])
    there = surprisals[spread_evenly(0, len(surprisals), 10)]
    assert worth.places == 10
    assert worth.compared[-1].worth.bits_per_word == pytest.approx(there.mean(), rel=1e-5)
    for row in worth.compared:
        assert row.worth.bits_per_word == pytest.approx(there.mean() + row.bits_more, rel=1e-5)
    assert worth.carried.bits_per_word == pytest.approx(surprisals.mean(), rel=1e-5)


@given(begin=st.integers(0, 50), length=st.integers(1, 300), count=st.integers(1, 400))
def test_places_are_spread_evenly(begin: int, length: int, count: int) -> None:
    places = spread_evenly(begin, begin + length, count)
    assert len(places) == min(count, length)
    parts = (places - begin) * len(places) / length
    assert (np.abs(parts - np.arange(len(places)) - 0.5) < 1.5).all()
    assert (np.diff(places) > 0).all()
    assert begin <= places[0] <= places[-1] < begin + length


def row(perplexity: float, words: int | None = None, remembered: str = "last") -> Compared:
    return Compared(remembered, words, Worth(perplexity, 0.0, 0.0, 0.0, 0.0), 0.0, None)


@pytest.mark.parametrize(
    ("perplexities", "expected"),
    [
        ([200.0, 150.0, 101.1, 100.9, 100.1], 10),
        ([200.0, 100.9, 101.1, 100.9, 100.1], 10),  # a shorter one that comes near by chance does not count
        ([99.0, 99.0, 99.0, 99.0, 99.0], 1),
        ([200.0, 150.0, 130.0, 120.0, 110.0], None),
        ([], None),
    ],
)
def test_the_effective_memory_is_where_perplexity_comes_within_one_percent_for_good(
    perplexities: list[float], expected: int | None
) -> None:
    limited = [row(perplexity, words) for perplexity, words in zip(perplexities, (1, 2, 5, 10, 20), strict=False)]
    assert effective_memory([*limited, row(130, remembered="sentence"), row(100, remembered="all")]) == expected


@pytest.mark.parametrize(("cell", "gate", "at"), [("lstm", "forget", 1), ("gru", "update", 1)])
def test_the_half_life_is_that_of_the_gate(cell: str, gate: str, at: int) -> None:
    model = RecurrentLanguageModel(network_config(cell=cell, embedding_dim=4, hidden_size=4, num_layers=1), 5)
    kept = np.array([0.5, 0.25, 0.9, 0.999])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.layers[0].bias_ih_l0[4 * at : 4 * at + 4] = torch.tensor(np.log(kept / (1 - kept)))
    network = LSTMNetwork({name: values.numpy() for name, values in model.state_dict().items()})
    (life,) = half_lives(network, np.arange(700, dtype=np.int32) % 5)
    assert (life.layer, life.gate) == (1, gate)
    assert life.quantiles == pytest.approx(np.quantile(-np.log(2) / np.log(kept), (0.25, 0.5, 0.75, 0.9, 1)), rel=1e-3)
    with torch.no_grad():
        model.layers[0].bias_ih_l0[4 * at : 4 * at + 4] = torch.tensor([100.0, 100.0, -200.0, -200.0])
    network = LSTMNetwork({name: values.numpy() for name, values in model.state_dict().items()})
    (life,) = half_lives(network, np.zeros(3, np.int32))
    assert life.quantiles[-1] == pytest.approx(math.log(2) * 1e9)
    assert 0 < life.quantiles[0] < 0.01


def test_the_mean_of_the_gates_logarithm_is_over_the_text_however_it_is_cut(predictor: Predictor) -> None:
    network, ids = predictor.network, encode(predictor.tokenizer, [TEXT])
    _, state = network.read([END_ID], network.initial_state())
    with np.errstate(divide="ignore"):  # a gate may be shut so well that it is 0
        expected = [
            -math.log(2) / np.log(trace.gates["forget"]).mean(0) for trace in network.trace(ids.tolist(), state)
        ]
    lives = half_lives(network, ids, window=7)
    assert [life.layer for life in lives] == [1, 2]
    for life, words in zip(lives, expected, strict=True):
        assert life.quantiles[1] == pytest.approx(np.median(words), rel=1e-4)


# -- the command -----------------------------------------------------------------------------------------------------


def said(*arguments: object) -> tuple[str, str]:
    done = CliRunner().invoke(app, ["memory", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout, done.stderr


def test_the_command_says_what_the_memory_is_worth(tiny_checkpoint: Path, tmp_path: Path) -> None:
    story = tmp_path / "story.txt"
    story.write_text(make_text(4, seed=3))
    shown, _ = said(story, "-c", tiny_checkpoint, "--places", 20)
    record = json.loads(said(story, "-c", tiny_checkpoint, "--places", 20, "--json")[0])
    assert set(record) == {
        *("tokens", "unknown_rate", "carried", "cleared", "places", "compared", "effective_memory", "seconds"),
        "half_lives",
    }
    assert record["places"] == 20
    assert f"All {record['tokens']} tokens of the text" in shown
    shown = " ".join(shown.split())
    assert f"carried on {record['carried']['perplexity']:.2f}" in shown
    last = record["compared"][0]
    assert last["words"] == 1
    assert f"the last word {last['worth']['perplexity']:.2f}" in shown
    assert f"{last['bits_more']:.3f} ± {last['standard_error']:.3f} last 2 words" in shown
    assert f"Effective memory: {record['effective_memory']} word" in shown
    assert [len(life["quantiles"]) for life in record["half_lives"]] == [5, 5]
    assert "█" not in shown


@pytest.mark.parametrize("text", ["Anna", "Zeppelin Qwertz. Blimp\n", "Anna lives in Paris."])
def test_a_text_of_a_few_words_or_of_unknown_ones_gets_a_clear_answer(
    tiny_checkpoint: Path, tmp_path: Path, text: str
) -> None:
    story = tmp_path / "story.txt"
    story.write_text(text)
    shown, notes = said(story, "-c", tiny_checkpoint)
    assert ("much of this text is unknown to the model" in notes) == ("Zeppelin" in text)
    assert said(story, "-c", tiny_checkpoint, "--quiet") == (shown, "")
    assert ("not measured; the text has 2 tokens, and a limit of one word needs 3" in shown) == (text == "Anna")
    assert "everything" in shown


@pytest.mark.parametrize("columns", [80, 200])
def test_a_terminal_gets_bars_that_fit(
    predictor: Predictor,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    columns: int,
) -> None:
    monkeypatch.setattr(output, "is_terminal", lambda stream: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    tokenizer = predictor.tokenizer
    worth = memory_worth(a_model(tokenizer, "rnn"), tokenizer, [make_text(60, seed=4)], places=5)
    # Texts of millions of words and perplexities of a network that knows nothing.
    worth = replace(worth, tokens=12_345_678, places=1_000_000, carried=replace(worth.carried, perplexity=123_456.78))
    show_worth(worth, half_lives(predictor.network, np.zeros(3, np.int32)))
    show_worth(worth, [])
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= columns
    assert "█" in shown
    assert "\x1b" not in shown
    assert "a plain net has no gate that keeps anything" in shown
