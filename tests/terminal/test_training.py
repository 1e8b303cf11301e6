"""A training run as it is shown: line by line, beside its progress, and what is said when it ends or is stopped."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support.screens import COMMANDING, Screen, on_terminal

from nextword.inference.outlook import Prediction
from nextword.terminal.training import TrainingView, progress, say_next, stopped
from nextword.training.events import Event, Finished, Prepared, Preview, Reading, Step, Threads, Validation

PREDICTIONS = [Prediction("the", 0.5), Prediction("\x1b[31mred", 0.25), Prediction("[bold]x[/bold]", 0.125)]
NOTES = ["Passed over: \x1b[2J."]
PREPARED = Prepared(Path("m.safetensors"), 2, 3000, 150, 99, 0.015, 12345, "cpu", "fp32", NOTES)
RUN = [
    Reading("checking", 5, 10),
    Reading("reading", 10, 10),
    PREPARED,
    Step(1, 0.5, 48, 4.0, 1.0, 1000.0, 61.0),
    Validation(1, 0.5, 54.321, True, 3725.0, [Preview("The cat\x1b[2J", PREDICTIONS)]),
    Step(2, 1.0, 96, 3.0, 0.5, 1000.0, 0.0),
    Validation(2, 1.0, 60.0, False, 3726.0, []),
    Finished(Path("m.safetensors"), 54.321, 2, 96, 3726.0),
]


def shown_run() -> None:
    with TrainingView() as view:
        for event in RUN:
            view(event)


def test_a_run_off_a_terminal_is_told_on_stderr_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    shown_run()
    shown = capsys.readouterr()
    assert shown.out == ""
    assert not set(shown.err) & (set(COMMANDING) - {"\n"})
    lines = shown.err.splitlines()
    assert lines[0] == "Note: Passed over: \\x1b[2J."
    assert any("3,000 words" in line and "150 held out" in line and "1.5%" in line for line in lines)
    assert any("12,345 parameters" in line for line in lines)
    validations = [line for line in lines if "validation perplexity" in line]
    assert ["54.32" in line and "1:02:05" in line and "saved" in line for line in validations] == [True, False]
    assert any(line.strip() == "The cat\\x1b[2J ... the \\x1b[31mred [bold]x[/bold]" for line in lines)
    assert "m.safetensors" in lines[-1] or "m.safetensors" in lines[-2]


def test_how_many_threads_compute_is_told_when_it_is_not_all_of_them_or_all_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    view = TrainingView()
    for count in (4, 3, 4, 4):
        view(Threads(count, 4))
    lines = capsys.readouterr().err.splitlines()
    assert [re.findall(r"\d of \d threads", line) for line in lines] == [["3 of 4 threads"], ["4 of 4 threads"]]


@pytest.mark.parametrize(("documents", "line"), [(1, "1 document: "), (2, "2 documents: ")])
def test_one_document_is_no_plural(capsys: pytest.CaptureFixture[str], documents: int, line: str) -> None:
    TrainingView()(replace(PREPARED, documents=documents, notes=[]))
    assert capsys.readouterr().err.startswith(line)


def test_times_under_an_hour_are_minutes_and_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingView() as view:
        for seconds in (0.0, 59.6, 245.0, 754.0, 3605.0):
            view(Validation(1, 0.5, 54.321, True, seconds, []))
    times = [line.split()[3] for line in capsys.readouterr().err.splitlines()]
    assert times == ["0:00", "1:00", "4:05", "12:34", "1:00:05"]


def test_a_run_on_a_terminal_says_the_same_beside_its_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = on_terminal(monkeypatch, "stderr")
    shown_run()
    assert capsys.readouterr().out == ""
    shown = screen.getvalue()
    assert shown.index("reading the text") < shown.index("3,000 words")
    assert "validation perplexity 54.32" in shown
    assert "The cat\\x1b[2J ... the \\x1b[31mred [bold]x[/bold]" in shown
    assert "m.safetensors" in shown


LONG_RUN = [
    RUN[0],
    *(Step(step, step / 200, 48 * step, 4.0 + 100 / (step + 50), 1.0, 1000.0, 61.0) for step in range(1, 201)),
    Validation(100, 0.5, 80.0, True, 30.0, []),
    Validation(200, 1.0, 60.0, True, 60.0, []),
    RUN[-1],
]


def chart_of(events: list[Event], monkeypatch: pytest.MonkeyPatch, columns: int, encoding: str = "utf-8") -> list[str]:
    """The lines of the chart that a run leaves on a terminal, without colors."""
    screen = on_terminal(monkeypatch, "stderr")
    monkeypatch.setattr(Screen, "encoding", encoding)
    monkeypatch.setenv("COLUMNS", str(columns))
    with TrainingView() as view:
        for event in events:
            view(event)
    lines = re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", screen.getvalue()).replace("\r", "\n").splitlines()
    return [line.rstrip() for line in lines if re.search("[┤│\u2801-\u28ff]", line)]


@pytest.mark.parametrize(("columns", "widest"), [(40, 40), (60, 60), (200, 72)])
def test_at_the_end_of_a_run_a_terminal_shows_its_losses(
    monkeypatch: pytest.MonkeyPatch, columns: int, widest: int
) -> None:
    lines = chart_of(LONG_RUN, monkeypatch, columns)
    assert len(lines) == 12
    assert max(map(len, lines)) == widest
    assert sum(line.count("o") for line in lines) == 2


def test_no_chart_where_it_would_not_fit_or_not_be_readable_or_is_not_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert chart_of(LONG_RUN, monkeypatch, 39) == []
    assert chart_of(LONG_RUN, monkeypatch, 80, "latin-1") == []
    assert chart_of([RUN[0], RUN[-1]], monkeypatch, 80) == []
    monkeypatch.setenv("NO_COLOR", "1")
    assert chart_of(LONG_RUN, monkeypatch, 80) == []


def interrupted_run(events: list[Event]) -> None:
    with TrainingView() as view:
        for event in events:
            view(event)
        raise KeyboardInterrupt


def test_the_perplexity_of_a_diverged_run_does_not_fill_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingView() as view:
        validated = next(event for event in RUN if isinstance(event, Validation))
        view(replace(validated, perplexity=1e304))
        view(replace(RUN[-1], perplexity=12345.678))  # type: ignore[arg-type]
    validation, *_, done = [line for line in capsys.readouterr().err.splitlines() if "erplexity" in line]
    assert "perplexity 1.00e+304  best" in validation
    assert "perplexity 12,345.68." in done


def test_an_interrupted_view_gives_the_terminal_its_cursor_back(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_terminal(monkeypatch, "stderr")
    with pytest.raises(KeyboardInterrupt):
        interrupted_run(RUN[:4])
    shown = screen.getvalue()
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l") >= 0


def test_an_interrupted_run_says_what_was_kept(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupted_run(RUN[:4])
    assert "nothing was saved" in capsys.readouterr().err
    with pytest.raises(KeyboardInterrupt):
        interrupted_run(RUN[:6])
    assert "m.safetensors" in capsys.readouterr().err.splitlines()[-1]


def test_the_next_command_can_be_pasted_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    say_next(Path("my models/it's.safetensors"))
    shown = capsys.readouterr().err
    words = shlex.split(shown.partition(":")[2])
    assert words == ["nextword", "predict", "-c", "my models/it's.safetensors", ""]


@pytest.mark.parametrize(
    ("example", "typed"),
    [
        ("She asked him to", "She asked him to"),
        ('don\'t !x "y" \\z', 'don\'t !x "y" \\z'),
        (
            "$(touch pwned) `touch pwned`; touch pwned > pwned & 'x",
            "$(touch pwned) `touch pwned`; touch pwned > pwned & 'x",
        ),
        ("\x1b[2J\u202ea\nb", r"\x1b[2J\u202ea\x0ab"),
        ("--help me", "--help me"),
        ("今日 天気", "今日 天気"),
    ],
)
def test_the_text_to_try_is_that_of_the_run_and_no_shell_takes_it_for_anything_else(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, example: str, typed: str
) -> None:
    with TrainingView() as view:
        view(Finished(Path("m"), 54.321, 2, 96, 3726.0, example))
    say_next(Path("m"), view.example)
    command = capsys.readouterr().err.splitlines()[-1].partition("predict ")[2]
    script = f"printf '%s\\n' {command}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.splitlines() == ["-c", "m", *(["--"] if example.startswith("-") else []), typed]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shown", [True, False])
def test_a_bar_shows_on_a_terminal_how_far_reading_has_got(monkeypatch: pytest.MonkeyPatch, shown: bool) -> None:
    screen = on_terminal(monkeypatch, "stderr")
    with progress(shown) as on_progress:
        on_progress(512, 1024)
        on_progress(1024, 1024)
    assert ("1,024 of 1,024 words" in screen.getvalue()) is shown
    monkeypatch.setattr(sys, "stderr", elsewhere := io.StringIO())
    with progress(shown=True) as on_progress:
        on_progress(512, 1024)
    assert elsewhere.getvalue() == ""


def test_a_run_that_was_told_to_stop_says_so_and_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    stopped("stopped at step 7\x1b[2J", "Go on: nextword train --resume")
    assert capsys.readouterr().err == "\nStopped at step 7\\x1b[2J.\nGo on: nextword train --resume\n"
