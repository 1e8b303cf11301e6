"""How far back the gradient reaches: known for networks made by hand, and equal to one differentiation a distance."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.networks import network_config
from torch.nn import functional
from typer.testing import CliRunner

from nextword.cli.main import app
from nextword.errors import CorpusError
from nextword.evaluation.gradient_flow import Gradient, GradientFlow, gradient_flow, gradient_norms
from nextword.model.language_model import RecurrentLanguageModel
from nextword.terminal.memory import show_gradients
from nextword.text.tokenizer import END_ID

IDS = np.random.default_rng(3).integers(0, 5, 120).astype(np.int32)


def made(cell: str, **biases: float) -> RecurrentLanguageModel:
    """A network of one unit and one layer that reads hardly anything: weights of zero, but for the output layer's.

    Args:
        cell: Which.
        biases: Before the squashing, by their gates' names.
    """
    torch.manual_seed(0)
    config = network_config(cell=cell, embedding_dim=1, hidden_size=1, num_layers=1, tied=False)
    model = RecurrentLanguageModel(config, 5).eval()
    layer = model.layers[0]
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        for place, gate in enumerate(
            ("input", "forget", "candidate", "output") if cell == "lstm" else ("reset", "update")
        ):
            layer.bias_ih_l0[place : place + 1] = biases.get(gate, 0.0)
    return model


def relative(flow: GradientFlow, of: str) -> list[float]:
    return [getattr(gradient, f"{of}_relative") for gradient in flow.gradients]


def test_in_a_plain_net_of_one_unit_the_gradient_is_a_power_of_its_recurrent_weight() -> None:
    model = RecurrentLanguageModel(
        network_config(cell="rnn", embedding_dim=1, hidden_size=1, num_layers=1, tied=False), 5
    )
    weight = 0.7
    with torch.no_grad():
        for parameter in model.layers[0].parameters():
            parameter.zero_()  # so tanh is where its slope is 1
        model.layers[0].weight_hh_l0[:] = weight
    flow = gradient_flow(model.eval(), IDS, places=7)
    assert flow.places == 7
    assert [gradient.distance for gradient in flow.gradients] == [1, 2, 5, 10, 20, 50]
    assert relative(flow, "hidden") == pytest.approx([weight ** (d - 1) for d in (1, 2, 5, 10, 20, 50)], rel=1e-4)
    assert relative(flow, "cell") == [None] * 6


def test_in_an_lstm_whose_forget_gate_is_open_the_cells_gradient_comes_through_whole() -> None:
    flow = gradient_flow(made("lstm", input=-30, forget=30), IDS)
    assert relative(flow, "cell") == pytest.approx([1.0] * 6, rel=1e-4)
    assert flow.gradients[0].cell is not None
    assert flow.gradients[0].cell > 0.01
    assert [gradient.hidden for gradient in flow.gradients] == [0] * 6
    assert relative(flow, "hidden") == [None] * 6


def test_else_it_fades_as_the_gate_says() -> None:
    half_open = gradient_flow(made("lstm", input=-30, forget=0), IDS)
    assert relative(half_open, "cell") == pytest.approx([0.5 ** (d - 1) for d in (1, 2, 5, 10, 20, 50)], rel=1e-4)
    updating = gradient_flow(made("gru", update=np.log(3)), IDS)
    assert relative(updating, "hidden") == pytest.approx([0.75 ** (d - 1) for d in (1, 2, 5, 10, 20, 50)], rel=1e-4)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_one_pass_finds_what_a_differentiation_for_every_distance_finds(cell: str) -> None:
    torch.manual_seed(1)
    model = RecurrentLanguageModel(network_config(cell=cell, embedding_dim=6, hidden_size=7), 5).eval()
    window = np.concatenate([[np.full(3, END_ID)], IDS[:39].reshape(13, 3)]).astype(np.int64)
    distances = [0, 1, 2, 5, 9, 12]
    norms = gradient_norms(model, window, distances)
    assert norms.shape == (6, 2, 3)
    for row, distance in enumerate(distances[1:], start=1):
        for column in range(3):
            words = torch.from_numpy(window[:, column : column + 1])
            with torch.no_grad():
                _, state = model(words[: -1 - distance])
            state = [(hidden.requires_grad_(), cell_state.requires_grad_()) for hidden, cell_state in state]
            shown, _ = model(words[-1 - distance : -1], state)
            loss = functional.cross_entropy(model.output(shown[-1]), words[-1])
            for kind in (0, 1):
                parts = [layer[kind] for layer in state]
                found = torch.autograd.grad(loss, parts, retain_graph=True, allow_unused=True, materialize_grads=True)
                assert norms[row, kind, column] == pytest.approx(float(torch.cat(found, 2).norm()), rel=1e-4, abs=1e-9)


def test_places_side_by_side_are_a_matter_of_speed() -> None:
    torch.manual_seed(1)
    model = RecurrentLanguageModel(network_config(embedding_dim=6, hidden_size=7), 5).eval()
    expected = gradient_flow(model, IDS, places=10)
    heard: list[tuple[int, int]] = []
    flow = gradient_flow(model, IDS, 10, lambda *done: heard.append(done), batch_size=3)
    assert heard[-1][0] == heard[-1][1]
    assert len(heard) == 4
    for some, others in zip(flow.gradients, expected.gradients, strict=True):
        assert some.hidden == pytest.approx(others.hidden, rel=1e-5)
        assert some.cell_relative == pytest.approx(others.cell_relative, rel=1e-5)


def test_a_short_text_has_short_distances_and_a_text_of_three_words_none() -> None:
    model = made("lstm")
    assert [gradient.distance for gradient in gradient_flow(model, IDS[:4]).gradients] == [1]
    with pytest.raises(CorpusError, match="has 3 tokens; a gradient one word back needs 4"):
        gradient_flow(model, IDS[:3])
    with pytest.raises(CorpusError, match="has 1 token;"):
        gradient_flow(model, IDS[:1])


def test_the_command_shows_the_same_figures_as_table_and_as_json(
    tiny_checkpoint: Path, tiny_corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["memory", "--gradients", str(tiny_corpus), "-c", str(tiny_checkpoint), "--places", "5"]
    record = json.loads(CliRunner().invoke(app, [*asked, "--json"], catch_exceptions=False).stdout)
    gradients = [Gradient(**gradient) for gradient in record.pop("gradients")]
    assert record == {"places": 5}
    assert [gradient.distance for gradient in gradients] == [1, 2, 5, 10, 20, 50, 100, 200]
    show_gradients(GradientFlow(5, gradients))
    shown = capsys.readouterr().out
    assert CliRunner().invoke(app, asked, catch_exceptions=False).stdout == shown
    assert "█" not in shown
    assert "relative" in shown


@pytest.mark.parametrize("columns", [80, 200])
def test_bars_are_logarithmic_and_fit_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    monkeypatch.setattr("nextword.terminal.output.is_terminal", lambda stream: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    rows = [(1, 1.0), (2, 1e-2), (5, 1e-4), (10, 1e-7), (20, 1e-9), (50, 0.0), (100, None), (200, 3.0)]
    show_gradients(GradientFlow(500, [Gradient(d, 1.0, 1.0, value, value) for d, value in rows]))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    bars = [line.count("█") for line in lines[-8:]]
    assert bars[0] == bars[7] > 0
    assert bars[1] * 4 == pytest.approx(bars[0] * 3, abs=8)
    assert bars[2] * 2 == pytest.approx(bars[0], abs=8)
    assert bars[4:7] == [0, 0, 0]
