"""What `explain` says of a text: torch's own gates, `score`'s surprisals, `predict`'s guesses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.cli import invoke
from support.models import TEXT, random_predictor
from typer.testing import CliRunner

from nextword.analysis.explain import Explanation, Unit, explain
from nextword.cli.main import app
from nextword.config import GATES, ExplainConfig
from nextword.errors import CorpusError, NextwordError, UsageError
from nextword.evaluation.evaluate import score
from nextword.inference.predictor import Predictor
from nextword.model.language_model import load_model
from nextword.text.sentences import SentencePosition
from nextword.text.tokenizer import END_ID


def torch_gates(kind: str, layer: torch.nn.RNNBase, x: torch.Tensor, hidden: torch.Tensor) -> dict[str, torch.Tensor]:
    """The gates of one step, from the weights of a torch layer."""
    gates = len(GATES[kind])
    from_input = (layer.weight_ih_l0 @ x + layer.bias_ih_l0).chunk(gates)
    from_hidden = (layer.weight_hh_l0 @ hidden + layer.bias_hh_l0).chunk(gates)
    found: dict[str, torch.Tensor] = {}
    for name, one, other in zip(GATES[kind], from_input, from_hidden, strict=True):
        if name != "candidate":
            found[name] = torch.sigmoid(one + other)
        else:
            found[name] = torch.tanh(one + (found["reset"] * other if kind == "gru" else other))
    return found


@pytest.mark.parametrize("cell", GATES)
def test_every_gate_and_state_is_torchs_own(cell: str) -> None:
    predictor = random_predictor(cell)
    explanation = explain(predictor, TEXT)
    model = load_model(predictor.checkpoint, "cpu")
    ids = [predictor.tokenizer.token_id(predictor.tokenizer.normalize(word.word)) for word in explanation.words]
    state = model.initial_state(1)
    with torch.no_grad():
        for place, token_id in enumerate([END_ID, *ids], start=-1):
            _, after = model(torch.tensor([[token_id]]), state)
            x = model.embedding.weight[token_id]
            for layer, read, before, now in zip(model.layers, explanation.layers, state, after, strict=True):
                hidden, memory = now[0][0, 0], (now[1] if cell == "lstm" else now[0])[0, 0]
                if place >= 0:
                    gates = torch_gates(cell, layer, x, before[0][0, 0])
                    assert gates.keys() == read.gates.keys()
                    for name, values in gates.items():
                        np.testing.assert_allclose(read.gates[name][place], values, atol=1e-5)
                    np.testing.assert_allclose(read.hidden[place], hidden, atol=1e-5)
                    np.testing.assert_allclose(read.memory[place], memory, atol=1e-5)
                    old = (before[1] if cell == "lstm" else before[0])[0, 0]
                    np.testing.assert_allclose(read.change[place], memory - old, atol=1e-5)
                x = hidden
            state = after
    assert explanation.cell == cell
    assert [layer.memory.shape for layer in explanation.layers] == [(len(ids), 9), (len(ids), 6)]


def surprisals_of(explanation: Explanation) -> list[tuple[str, float]]:
    return [(word.word, pytest.approx(word.surprisal, abs=1e-4)) for word in explanation.words]


@pytest.mark.parametrize("cell", GATES)
def test_surprisals_are_those_of_score(predictor: Predictor, cell: str) -> None:
    for one in (predictor, random_predictor(cell, TEXT.replace("Zeppelin", "Anna"))):
        model = load_model(one.checkpoint, "cpu")
        scores = [(token.word, token.surprisal) for token in score(model, one.tokenizer, [TEXT])]
        assert scores[:-1] == surprisals_of(explain(one, f"{TEXT}\n \n"))
        assert explain(one, TEXT).unknown == ["Zeppelin"]


def test_guesses_are_what_predict_gives_for_what_came_before(predictor: Predictor) -> None:
    explanation = explain(predictor, "Anna lives in Paris. My mother-in-law", ExplainConfig(k=4))
    beginnings = ["", "Anna", "Anna lives", "Anna lives in", "Anna lives in Paris", "Anna lives in Paris."]
    beginnings += ["Anna lives in Paris. My", "Anna lives in Paris. My mother-in-law"]
    guesses = [*(word.guesses for word in explanation.words), explanation.upcoming]
    for beginning, guessed in zip(beginnings, guesses, strict=True):
        expected = predictor.predict(beginning, 4, punctuation=True)
        assert [guess.word for guess in guessed] == [prediction.word for prediction in expected]
        assert [guess.probability for guess in guessed] == pytest.approx([p.probability for p in expected], abs=1e-6)
    assert explanation.words[0].guesses[0].word[0].isupper()


def test_a_text_goes_on_from_what_was_read_before(predictor: Predictor) -> None:
    session = predictor.session()
    session.feed("Anna lives in Paris.")
    whole = explain(predictor, "Anna lives in Paris. The cat sat")
    rest = explain(predictor, "The cat sat", None, session.state, session.snapshot.position)
    assert surprisals_of(rest) == [(word.word, word.surprisal) for word in whole.words[-3:]]
    assert [guess.word for guess in rest.words[0].guesses] == [guess.word for guess in whole.words[-3].guesses]
    np.testing.assert_allclose(rest.layers[1].change, whole.layers[1].change[-3:], atol=1e-6)


def test_the_units_that_moved_most_moved_most(predictor: Predictor) -> None:
    explanation = explain(predictor, TEXT)
    moves = {
        Unit(layer, number): np.abs(read.change[:, number - 1])
        for layer, read in enumerate(explanation.layers, 1)
        for number in range(1, read.change.shape[1] + 1)
    }
    over_all = sorted(moves, key=lambda unit: -moves[unit].mean())
    assert explanation.moved_most(5) == over_all[:5]
    assert explanation.moved_most(10_000) == over_all
    assert explanation.moved_most_at(3, 2) == sorted(moves, key=lambda unit: -moves[unit][3])[:2]
    expected = np.mean([moves[unit] for unit in moves if unit.layer == 2], axis=0)
    np.testing.assert_allclose(explanation.layers[1].moved, expected, rtol=1e-5)


@pytest.mark.parametrize("text", ["Anna", "zzyzx", "zzyzx qwfp \u4f60\u597d", "\ud800", ".", "\n\nAnna\n\n\n"])
def test_a_text_of_one_word_or_of_unknown_ones_is_explained(predictor: Predictor, text: str) -> None:
    explanation = explain(predictor, text)
    assert len(explanation.words) == len(text.split())
    assert all(np.isfinite(word.surprisal) and len(word.guesses) == 3 for word in explanation.words)
    assert not explanation.cut


@pytest.mark.parametrize("text", ["", " \n\n ", "\u2003"])
def test_a_text_without_words_is_refused(predictor: Predictor, text: str) -> None:
    with pytest.raises(CorpusError, match="no word"):
        explain(predictor, text)


def test_of_a_long_text_the_first_words_are_read(predictor: Predictor) -> None:
    text = "The cat sat on the mat. " * 14_286  # 100,002 tokens
    explanation = explain(predictor, text, ExplainConfig(words=6))
    assert [word.word for word in explanation.words] == ["The", "cat", "sat", "on", "the", "mat"]
    assert explanation.cut
    assert not explain(predictor, "The cat sat on the mat", ExplainConfig(words=6)).cut
    assert explain(predictor, "The cat sat on the mat.", ExplainConfig(words=6)).cut
    endless = explain(predictor, "x" * 200_000)
    assert (len(endless.words), endless.cut) == (1, True)
    half = explain(predictor, f"The{' ' * 131_066}cat sat")  # cut after "ca"
    assert ([word.word for word in half.words], half.cut) == (["The"], True)


@pytest.mark.parametrize(("text", "why"), [("2:41", "there is no unit 2:41; there are 1:1 to 1:40, 2:1 to 2:32")])
def test_a_unit_that_does_not_exist_is_answered_with_those_that_do(predictor: Predictor, text: str, why: str) -> None:
    explanation = explain(predictor, "The cat")
    assert explanation.unit(" 2:32") == Unit(2, 32)
    with pytest.raises(UsageError) as caught:
        explanation.unit(text)
    assert caught.value.message == why
    for wrong in ("", "7", "a:b", "1:", ":1", "1:2:3", "1:-2", "\u0662:1", "1:" + "9" * 30):
        with pytest.raises(UsageError, match="a unit is written LAYER:UNIT"):
            explanation.unit(wrong)
    for beyond in ("0:1", "1:0", "3:1"):
        with pytest.raises(UsageError, match=f"no unit {beyond}"):
            explanation.unit(beyond)


@pytest.mark.parametrize("cell", GATES)
def test_json_has_every_value_of_every_gate(
    cell: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    predictor = random_predictor(cell)
    monkeypatch.setattr(Predictor, "load", lambda path: predictor)
    record = json.loads(invoke("explain", "-", "--json", stdin=TEXT))
    explanation = explain(predictor, TEXT)
    assert record["cell"] == cell
    assert [word["word"] for word in record["words"]] == [word.word for word in explanation.words]
    assert record["words"][2]["surprisal"] == pytest.approx(explanation.words[2].surprisal, abs=1e-6)
    assert record["words"][1]["moved_most"][0]["unit"] == str(explanation.moved_most_at(1, 1)[0])
    assert [guess["word"] for guess in record["upcoming"]] == [guess.word for guess in explanation.upcoming]
    for layer, read in zip(record["layers"], explanation.layers, strict=True):
        assert list(layer["gates"]) == list(GATES[cell])
        for gate in GATES[cell]:
            np.testing.assert_allclose(layer["gates"][gate], read.gates[gate], atol=1e-6)
            np.testing.assert_allclose(layer["mean"][gate], read.gates[gate].mean(axis=1), atol=1e-6)
        np.testing.assert_allclose(layer["cell" if cell == "lstm" else "hidden"], read.memory, atol=1e-6)
        assert ("cell" in layer) is (cell == "lstm")
    one = json.loads(invoke("explain", TEXT, "--json", "--unit", "2:5"))
    assert (one["unit"]["layer"], one["unit"]["unit"], "gates" in one["layers"][1]) == (2, 5, False)
    for gate in GATES[cell]:
        np.testing.assert_allclose(one["unit"]["gates"][gate], explanation.layers[1].gates[gate][:, 4], atol=1e-6)


def test_the_command_says_what_it_left_out_and_writes_files(tiny_checkpoint: Path, tmp_path: Path) -> None:
    checkpoint = ["-c", str(tiny_checkpoint)]
    done = CliRunner().invoke(app, ["explain", "The Zeppelin sat on", "--words", "3", *checkpoint])
    assert done.stderr.splitlines() == [
        "Note: only the first 3 words are shown; --words N shows more",
        "Note: not in the vocabulary: Zeppelin",
    ]
    assert done.stdout.splitlines()[0].split() == ["The", "Zeppelin", "sat", "..."]
    files = [f"--html={tmp_path / 'a.html'}", f"--svg={tmp_path / 'a.svg'}"]
    assert invoke("explain", "The cat sat", *files, "--unit", "1:3", *checkpoint) == ""
    assert all("memory" in (tmp_path / f"a.{kind}").read_text(encoding="utf-8") for kind in ("html", "svg"))
    (tmp_path / "file").touch()
    for arguments, code, mentioned in [
        (["The cat", f"--html={tmp_path / 'file' / 'a.html'}"], 5, "--html"),
        (["The cat", "--unit", "9:1"], 2, "--unit"),
        (["The cat", "--find"], 3, "--find"),
        (["The cat", "--find", "--unit", "1:1"], 2, "--unit"),
        (["", "--json"], 3, "nextword explain"),
        (["The cat", "--units", "-1"], 2, "nextword explain --help"),
    ]:
        with pytest.raises(NextwordError) as caught:
            invoke("explain", *arguments, *checkpoint)
        assert caught.value.exit_code == code
        assert mentioned in caught.value.hint


def test_a_sentence_that_goes_on_begins_without_a_capital(predictor: Predictor) -> None:
    state = predictor.session().state
    inside = explain(predictor, "the", None, state, SentencePosition(at_start=False))
    assert any(guess.word[0].islower() for guess in inside.words[0].guesses)
