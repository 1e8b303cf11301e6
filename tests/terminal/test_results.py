"""How results look, on a terminal, off one and as JSON."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len
from support.screens import COMMANDING, on_terminal

from nextword.evaluation.evaluate import Evaluation, Score
from nextword.inference.batch import Answer
from nextword.inference.lstm import LSTMState
from nextword.inference.outlook import Prediction
from nextword.storage.checkpoint import load_checkpoint
from nextword.terminal import output, results

PREDICTIONS = [Prediction("the", 0.5), Prediction("\x1b[31mred", 0.25), Prediction("[bold]x[/bold]", 0.125)]


def test_a_word_of_probability_zero_still_makes_valid_json(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json(results.predictions_record(Answer("a", [Prediction("b", 0.0)], [], 1), Path("x")))
    record = json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert record["predictions"][0]["probability"] == 0.0


def test_a_table_of_words_of_probability_zero_has_no_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_terminal(monkeypatch)
    results.show_predictions([Prediction("b", 0.0)])
    assert "0.0%" in screen.getvalue()


def test_off_a_terminal_predictions_are_words_and_numbers_between_tabs(capsys: pytest.CaptureFixture[str]) -> None:
    results.show_predictions(PREDICTIONS)
    assert capsys.readouterr().out == "the\t0.500000\n\\x1b[31mred\t0.250000\n[bold]x[/bold]\t0.125000\n"


EVALUATION = Evaluation(
    tokens=13059,
    perplexity=42.957,
    bits_per_word=5.4248,
    top1=0.26518,
    top3=0.42928,
    top5=0.50701,
    top10=0.60878,
    keystroke_savings=0.54267,
    unknown_rate=0.00796,
    seconds=2.04,
    tokens_per_second=6401.5,
)


def test_an_evaluation_is_a_table_for_people_and_the_same_figures_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    results.show_evaluation(EVALUATION)
    assert capsys.readouterr().out == (
        "tokens            13,059 (0.8% of them unknown)\n"
        "perplexity        42.96 (5.425 bits a word)\n"
        "top 1             26.5%\n"
        "top 3             42.9%\n"
        "top 5             50.7%\n"
        "top 10            60.9%\n"
        "keystrokes saved  54.3%\n"
        "time              2.0 s, 6,402 tokens a second\n"
    )
    output.print_json(asdict(EVALUATION))
    assert json.loads(capsys.readouterr().out) == asdict(EVALUATION)


def test_the_perplexity_of_a_diverged_model_is_no_line_of_digits(capsys: pytest.CaptureFixture[str]) -> None:
    results.show_evaluation(replace(EVALUATION, perplexity=1e300))
    assert "perplexity        1.00e+300 (" in capsys.readouterr().out


def test_scores_are_lines_with_tabs_that_no_word_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    scores = [Score(1, 1, "a\tb\x1b[2J", 1.5, 3, 2.25, True), Score(1, 2, "<eos>", 0.0000001, 1, 0.0, False)]
    results.show_scores(scores)
    assert capsys.readouterr().out == (
        "line\tposition\tword\tsurprisal\trank\tentropy\tspace_before\n"
        "1\t1\ta\\x09b\\x1b[2J\t1.500000\t3\t2.250000\t1\n"
        "1\t2\t<eos>\t0.000000\t1\t0.000000\t0\n"
    )
    for score in scores:
        output.print_json(score._asdict())
    lines = capsys.readouterr().out.splitlines()
    assert [tuple(json.loads(line).values()) for line in lines] == scores
    assert list(json.loads(lines[0])) == ["line", "position", "word", "surprisal", "rank", "entropy", "space_before"]
    assert "\x1b" not in lines[0]


def test_on_a_terminal_predictions_are_a_table_with_percentages_and_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_terminal(monkeypatch)
    results.show_predictions(PREDICTIONS)
    lines = screen.getvalue().splitlines()
    assert len(lines) == 3
    assert "the" in lines[0]
    assert "50.0%" in lines[0]
    assert [line.count("█") for line in lines] == [24, 12, 6]
    assert "\\x1b[31mred" in lines[1]
    assert "\x1b[31m" not in screen.getvalue()
    assert "[bold]x[/bold]" in lines[2]


def table(predictions: list[Prediction], columns: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The rows that a terminal of so many columns shows, without colors."""
    screen = on_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", str(columns))
    results.show_predictions(predictions)
    return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).splitlines()]


NARROW = [Prediction("the", 0.5), Prediction("weather", 0.25), Prediction("世界", 0.125)]


@pytest.mark.parametrize(
    ("columns", "ranks", "percentages", "longest_bar"),
    [
        (8, False, False, 0),
        (10, False, False, 0),
        (15, False, True, 0),
        (20, True, True, 0),
        (25, True, True, 4),
        (40, True, True, 19),
        (80, True, True, 24),
    ],
)
def test_in_a_narrow_terminal_bars_make_way_for_percentages_and_those_for_words(
    monkeypatch: pytest.MonkeyPatch, columns: int, ranks: bool, percentages: bool, longest_bar: int
) -> None:
    lines = table(NARROW, columns, monkeypatch)
    assert len(lines) == 3
    assert max(map(cell_len, lines)) <= columns
    fields = [re.sub("[█▉-▏]", "", line).split() for line in lines]
    expected = [["1", "the", "50.0%"], ["2", "weather", "25.0%"], ["3", "世界", "12.5%"]]
    assert fields == [row[0 if ranks else 1 : 3 if percentages else 2] for row in expected]
    assert lines[0].count("█") == longest_bar
    if percentages:
        assert len({cell_len(line[: line.index("%")]) for line in lines}) == 1


@pytest.mark.parametrize("columns", [8, 10, 15, 20, 25])
@pytest.mark.parametrize("word", ["internationalization-of-everything", "世界" * 9])
def test_a_word_wider_than_the_terminal_is_cut_and_the_others_are_whole(
    monkeypatch: pytest.MonkeyPatch, columns: int, word: str
) -> None:
    first, second = table([Prediction(word, 0.5), Prediction("the", 0.25)], columns, monkeypatch)
    assert first.endswith("…")
    assert word.startswith(first[:-1].rstrip())
    assert columns - 1 <= cell_len(first) <= columns
    assert second == "the"


def test_no_predictions_make_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_terminal(monkeypatch)
    results.show_predictions([])
    assert screen.getvalue().strip() == ""


def test_the_state_is_shown_as_the_norms_of_each_layer(capsys: pytest.CaptureFixture[str]) -> None:
    hidden = (np.array([3, 4], np.float32), np.array([0, 0.5], np.float32))
    cell = (np.array([6, 8], np.float32), np.array([0, 0.25], np.float32))
    results.show_state(LSTMState(hidden, cell), 1234)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert "1,234" in lines[0]
    assert "5.000" in lines[1]
    assert "10.000" in lines[1]
    assert "0.500" in lines[2]
    assert "0.250" in lines[2]


def test_one_layer_is_no_plural(tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = load_checkpoint(tiny_checkpoint)
    for layers, shown in ((1, "1 LSTM layer of "), (2, "2 LSTM layers of ")):
        results.show_checkpoint(replace(checkpoint, config=replace(checkpoint.config, num_layers=layers, cell="lstm")))
        assert shown in capsys.readouterr().out


def test_what_a_checkpoint_says_of_itself_is_shown_escaped(
    tiny_checkpoint: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = load_checkpoint(tiny_checkpoint)
    hostile = replace(checkpoint, training={"corpus": "\x1b]0;owned\x07", "list": ["\u202e"], "steps": 1234567})
    results.show_checkpoint(hostile)
    plain = capsys.readouterr().out
    assert "\\x1b]0;owned\\x07" in plain
    assert "1,234,567" in plain
    assert not set(plain) & (set(COMMANDING) - {"\n"})
    output.print_json(results.checkpoint_record(hostile))
    assert json.loads(capsys.readouterr().out)["training"]["corpus"] == "\x1b]0;owned\x07"
