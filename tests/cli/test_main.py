"""The commands as a user meets them: processes with an exit code, results on stdout, everything else on stderr."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import typer
from support.cli import RunCLI
from typer.testing import CliRunner

import nextword
from nextword.analysis.explain import explain
from nextword.analysis.units import MAX_CHARACTERS
from nextword.cli.main import app
from nextword.config import (
    ExplainConfig,
    FormatConfig,
    GenerateConfig,
    MemoryConfig,
    ModelConfig,
    NetworkConfig,
    PredictConfig,
    ScoreConfig,
    TrainConfig,
    WhyConfig,
)
from nextword.evaluation import gradient_flow, memory_length
from nextword.inference.batch import end_of, predict_batch
from nextword.inference.generation import Sampler
from nextword.inference.outlook import Prediction
from nextword.inference.predictor import Predictor
from nextword.storage.checkpoint import load_checkpoint, save_checkpoint

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def words(predictions: list[Prediction]) -> str:
    return " ".join(prediction.word for prediction in predictions)


def table(predictions: list[Prediction]) -> str:
    return "".join(f"{prediction.word}\t{prediction.probability:.6f}\n" for prediction in predictions)


# -- help ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_command_has_help_with_an_example(command: str) -> None:
    done = CliRunner().invoke(app, [*command.split(), "--help"])
    assert done.exit_code == 0
    assert f"Example: nextword {command}" in done.output
    assert done.output == CliRunner().invoke(app, [*command.split(), "-h"]).output


def test_there_are_the_commands_a_user_is_told_of() -> None:
    told = {"train", "predict", "generate", "repl", "filter", "eval", "score", "info", "explain", "why"}
    assert told <= COMMANDS.keys()


@pytest.mark.parametrize(
    ("command", "config"),
    [
        ("train", ModelConfig),
        ("train", TrainConfig),
        ("predict", PredictConfig),
        ("generate", GenerateConfig),
        ("explain", ExplainConfig),
        ("why", WhyConfig),
        ("memory", MemoryConfig),
        ("score", ScoreConfig),
        *((command, FormatConfig) for command in ("eval", "score", "memory")),
    ],
)
def test_every_field_of_the_configs_is_an_option_with_its_default_and_help(command: str, config: Any) -> None:
    options = {parameter.name: parameter for parameter in COMMANDS[command].params}
    for item in fields(config):
        option = options[item.name]
        assert ("-" if len(item.name) == 1 else "--") + item.name.replace("_", "-") in option.opts
        assert option.default == item.default
        assert option.help == item.metadata["help"]


def limit(command: str, around: str) -> int:
    """A number in the help of a command; `around` matches what stands there, the number as its group."""
    found = re.search(around, " ".join(COMMANDS[command].help.split()))
    assert found, command
    return int(found[1].replace(",", ""))


@pytest.mark.parametrize("command", ["predict", "generate", "why"])
def test_the_help_names_how_many_words_of_a_long_text_are_read(command: str, predictor: Predictor) -> None:
    read = predictor.tokenizer.encode(end_of("the mat. " * 3000, predictor.tokenizer)).ids
    assert limit(command, "([0-9,]+) words and marks") == len(read)


def test_the_help_of_explain_names_how_many_characters_are_read(predictor: Predictor) -> None:
    most = limit("explain", "more than ([0-9,]+) characters")
    read = [explain(predictor, "the cat".rjust(length)).words for length in (most, most + 1)]
    assert [words[-1].word for words in read] == ["cat", "the"]  # no half of a word is read
    assert limit("explain", "--find ([0-9,]+)") == MAX_CHARACTERS


def test_the_help_of_memory_names_its_distances_and_places() -> None:
    first, last = ", ".join(map(str, memory_length.DISTANCES[:3])), memory_length.DISTANCES[-1]
    assert f"the last {first} ... {last} words" in " ".join(COMMANDS["memory"].help.split())
    places = next(item for item in fields(MemoryConfig) if item.name == "places").metadata["unset"]
    assert places == f"{memory_length.PLACES:,}, with --gradients {gradient_flow.PLACES:,}"


def test_the_help_says_what_is_chosen_when_an_option_is_left_out(run_cli: RunCLI) -> None:
    shown = " ".join(run_cli("train", "--help", COLUMNS="300").stdout.replace("│", " ").split())
    for item in (*fields(ModelConfig), *fields(TrainConfig)):
        option = "--" + item.name.replace("_", "-")
        _, _, after = shown.partition(f" {option} ")
        assert item.metadata["help"] in after, option
        described = after.partition(item.metadata["help"])[2]
        if item.default is None:
            unset = item.metadata["unset"]
            assert described.startswith(f" [default: ({unset})]" if unset else " --"), option
        elif not isinstance(item.default, bool):
            assert described.startswith(f" [default: {item.default}]"), option


def test_an_option_reaches_the_config_it_belongs_to(run_cli: RunCLI, tiny_corpus: Path) -> None:
    for option, value in (("--hidden-size", "0"), ("--dropout-words", "0.99"), ("--lr", "0"), ("--precision", "fp8")):
        done = CliRunner().invoke(app, ["train", str(tiny_corpus), option, value])
        assert getattr(done.exception, "exit_code", None) == 2
        assert option[2:].replace("-", "_") in str(done.exception)


def test_the_version_is_the_packages(run_cli: RunCLI) -> None:
    done = run_cli("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"nextword {nextword.__version__}\n", "")


def test_v_is_the_version_on_a_terminal_too(call_cli: RunCLI) -> None:
    assert call_cli("-v").stdout == call_cli("--version").stdout


def test_the_help_is_readable(run_cli: RunCLI) -> None:
    done = run_cli("--help")
    shown = done.stdout + done.stderr
    assert "Usage: " in shown
    assert "\n  train " in shown
    assert "\\x0a" not in shown


# -- predict ---------------------------------------------------------------------------------------------------------


def test_predict_shows_words_and_probabilities(run_cli: RunCLI, predictor: Predictor, tiny_checkpoint: Path) -> None:
    done = run_cli("predict", "The cat sat on the", "-k", 3, "-c", tiny_checkpoint)
    assert (done.returncode, done.stdout, done.stderr) == (0, table(predictor.predict("The cat sat on the", k=3)), "")


@pytest.mark.slow
def test_predict_finds_its_checkpoint_names_unknown_words_and_can_be_quiet(
    run_cli: RunCLI, predictor: Predictor, tiny_checkpoint: Path
) -> None:
    expected = table(predictor.predict("The Zeppelin", k=5, punctuation=True))
    done = run_cli("predict", "The Zeppelin", "--punctuation", NEXTWORD_CHECKPOINT=str(tiny_checkpoint))
    assert (done.returncode, done.stdout) == (0, expected)
    assert done.stderr == "Note: not in the vocabulary: Zeppelin\n"
    quiet = run_cli("predict", "The Zeppelin", "--quiet", "--punctuation", NEXTWORD_CHECKPOINT=str(tiny_checkpoint))
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, expected, "")


def test_predict_json_has_the_promised_fields(run_cli: RunCLI, predictor: Predictor, tiny_checkpoint: Path) -> None:
    text = "The Zeppelin \x1b[31m sat"
    done = run_cli("predict", text, "--json", "-k", 2, "-c", tiny_checkpoint)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    assert "\x1b" not in done.stdout
    expected = predictor.predict(text, k=2)
    assert json.loads(done.stdout) == {
        "text": text,
        "predictions": [
            {"word": p.word, "probability": pytest.approx(p.probability), "log2": pytest.approx(p.log2)}
            for p in expected
        ],
        "unknown": ["Zeppelin", "\x1b", "[", "31m"],
        "checkpoint": str(tiny_checkpoint),
    }


PIPED = b"The cat sat\n\n\xff\xfe bad\r\n  \nAnna lives in"  # no line end at the end
PIPED_LINES = ["The cat sat", "", "\ufffd\ufffd bad", "  ", "Anna lives in"]


@pytest.mark.parametrize("dash", [[], ["-"]])
def test_predict_on_a_pipe_answers_every_line_with_a_line(
    run_cli: RunCLI, predictor: Predictor, tiny_checkpoint: Path, dash: list[str]
) -> None:
    done = run_cli("predict", *dash, "-k", 4, "--quiet", "-c", tiny_checkpoint, stdin=PIPED)
    assert done.stdout.splitlines() == [words(predictor.predict(line, k=4)) for line in PIPED_LINES]
    assert (done.returncode, done.stderr) == (0, "")


def test_predict_json_on_a_pipe_gives_a_document_a_line(
    run_cli: RunCLI, predictor: Predictor, tiny_checkpoint: Path
) -> None:
    done = run_cli("predict", "--json", "-c", tiny_checkpoint, stdin=PIPED)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["text"] for record in records] == PIPED_LINES
    for record in records:
        expected = [prediction.word for prediction in predictor.predict(record["text"])]
        assert [prediction["word"] for prediction in record["predictions"]] == expected
    assert (done.returncode, done.stderr) == (0, "")


def test_predict_on_an_empty_pipe_says_nothing(run_cli: RunCLI, tiny_checkpoint: Path) -> None:
    done = run_cli("predict", "-c", tiny_checkpoint)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("command", ["predict", "repl"])
def test_a_program_on_the_other_end_of_the_pipe_gets_its_answer_before_it_writes_on(
    tiny_checkpoint: Path, cli_environment: dict[str, str], tmp_path: Path, command: str
) -> None:
    import select

    with subprocess.Popen(
        [sys.executable, "-m", "nextword", command, "-k", "1", "-c", str(tiny_checkpoint)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=cli_environment,
        cwd=tmp_path,
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"My mother-in-law and I went\n")
        process.stdin.flush()
        # Only a program that waits for more input before it answers runs into this limit.
        readable, _, _ = select.select([process.stdout], [], [], 20)
        process.stdin.close()
        answer = process.stdout.read()
    assert readable
    assert answer.startswith(b"to")
    assert process.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("command", [["predict", "--json"], ["predict"], ["repl"], ["score"]])
def test_a_reader_that_has_gone_ends_the_command_quietly(
    tiny_checkpoint: Path, cli_environment: dict[str, str], tmp_path: Path, command: list[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "nextword", *command, "-c", str(tiny_checkpoint)],
        input=b"The cat\n" * 2000,
        stdout=writing,
        stderr=subprocess.PIPE,
        env=cli_environment,
        cwd=tmp_path,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "config"),
    [
        (["--complete"], PredictConfig(complete=True)),
        (["--words", "2", "--temperature", "2"], PredictConfig(words=2, temperature=2.0)),
        (["--complete", "--words", "3", "-k", "2"], PredictConfig(complete=True, words=3, k=2)),
    ],
)
def test_predict_completes_words_and_finds_phrases(
    run_cli: RunCLI, predictor: Predictor, tiny_checkpoint: Path, options: list[str], config: PredictConfig
) -> None:
    (one,) = predict_batch(predictor, ["My mother-in-law and I w"], config)
    done = run_cli("predict", one.text, *options, "-c", tiny_checkpoint, "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, table(one.predictions), "")
    texts = [one.text, "I don't know "]
    expected = [answer.predictions for answer in predict_batch(predictor, texts, config)]
    lines = run_cli("predict", *options, "-c", tiny_checkpoint, "--quiet", stdin="\n".join(texts))
    between = "\t" if config.words > 1 else " "
    assert lines.stdout.splitlines() == [between.join(p.word for p in predictions) for predictions in expected]
    records = run_cli("predict", *options, "-c", tiny_checkpoint, "--json", stdin="\n".join(texts))
    for line, text, predictions in zip(records.stdout.splitlines(), texts, expected, strict=True):
        record = json.loads(line)
        assert record["text"] == text
        assert [entry["word"] for entry in record["predictions"]] == [p.word for p in predictions]


def test_thousands_of_lines_through_a_pipe_are_answered_in_order(
    run_cli: RunCLI, predictor: Predictor, tiny_checkpoint: Path
) -> None:
    starts = ["Anna lives in", "The cat sat", "My mother-in-law and I went", "", "I don't know Anna, but I"]
    lines = [f"{starts[number % 5]}{' the' * (number % 3)}" for number in range(3000)]
    done = run_cli("predict", "-k", 1, "-c", tiny_checkpoint, stdin="\n".join(lines))
    best = {line: words(predictor.predict(line, k=1)) for line in set(lines)}
    assert done.stdout.splitlines() == [best[line] for line in lines]


# -- generate --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_generate_goes_on_with_a_text_the_same_seed_the_same_way(
    run_cli: RunCLI, predictor: Predictor, tiny_checkpoint: Path
) -> None:
    options = ["--words", "30", "--temperature", "1.2", "--top-p", "0.9", "--seed", "7", "-c", tiny_checkpoint]
    config = GenerateConfig(words=30, temperature=1.2, top_p=0.9, seed=7)
    expected = "".join(Sampler(predictor, "The Zeppelin", config))
    done = run_cli("generate", "The Zeppelin", *options)
    assert (done.returncode, done.stdout) == (0, f"The Zeppelin{expected}\n")
    assert done.stderr == "Note: not in the vocabulary: Zeppelin\n"
    piped = run_cli("generate", "-", *options, "--quiet", stdin="The Zeppelin\n")
    assert (piped.stdout, piped.stderr) == (done.stdout, "")
    record = json.loads(run_cli("generate", "The Zeppelin", *options, "--json").stdout)
    assert record == {
        "text": "The Zeppelin",
        "continuation": expected,
        "unknown": ["Zeppelin"],
        "seed": 7,
        "checkpoint": str(tiny_checkpoint),
    }


@pytest.mark.slow
def test_generate_begins_from_nothing_and_says_with_which_seed(run_cli: RunCLI, tiny_checkpoint: Path) -> None:
    record = json.loads(run_cli("generate", "--words", 5, "--json", "-c", tiny_checkpoint).stdout)
    again = run_cli("generate", "--words", 5, "--seed", record["seed"], "-c", tiny_checkpoint)
    assert again.stdout == record["continuation"] + "\n"
    assert record["continuation"][0].isupper() or record["continuation"][0] == '"'


def test_generate_shows_a_hostile_text_escaped_and_its_lines_as_they_are(
    run_cli: RunCLI, tiny_checkpoint: Path
) -> None:
    done = run_cli("generate", "-", "--words", 1, "-c", tiny_checkpoint, stdin=b"The cat\nsat \x1b[2J \xff on")
    assert done.stdout.startswith("The cat\nsat \\x1b[2J \ufffd on")


# -- repl, info ------------------------------------------------------------------------------------------------------


def test_repl_on_a_pipe_follows_the_script_to_the_letter(
    run_cli: RunCLI, predictor: Predictor, tiny_checkpoint: Path
) -> None:
    script = b"Anna lives in Paris.\r\nThe cat sat\n/undo\n/top 3\nThe dog\n/reset\n/bogus\n/quit\nnever read\n"
    done = run_cli("repl", "--no-adapt", "-k", 2, "-c", tiny_checkpoint, stdin=script)
    assert done.stdout == "".join(
        table(predictor.predict(text, k=k))
        for text, k in [
            ("Anna lives in Paris.", 2),
            ("Anna lives in Paris. The cat sat", 2),
            ("Anna lives in Paris.", 2),
            ("Anna lives in Paris.", 3),
            ("Anna lives in Paris. The dog", 3),
            ("", 3),
        ]
    )
    assert done.stderr == "Note: /bogus is no command; /help lists them\n"
    assert done.returncode == 0


@pytest.mark.slow
def test_info_tells_what_a_checkpoint_is(run_cli: RunCLI, tiny_checkpoint: Path) -> None:
    checkpoint = load_checkpoint(tiny_checkpoint)
    parameters = sum(values.size for values in checkpoint.tensors.values())
    plain = run_cli("info", tiny_checkpoint)
    assert (plain.returncode, plain.stderr) == (0, "")
    for fact in (checkpoint.digest, f"{parameters:,}", str(len(checkpoint.tokenizer)), "2 LSTM layers of 40"):
        assert fact in plain.stdout
    done = run_cli("info", tiny_checkpoint, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    record = json.loads(done.stdout)
    assert record["digest"] == checkpoint.digest
    assert record["parameters"] == parameters
    assert record["vocabulary_size"] == len(checkpoint.tokenizer)
    assert record["bytes"] == tiny_checkpoint.stat().st_size
    assert record["training"] == checkpoint.training
    assert NetworkConfig(**record["config"]) == checkpoint.config


# -- eval, score -----------------------------------------------------------------------------------------------------

FIGURES = ["tokens", "perplexity", "bits_per_word", "top1", "top3", "top5", "top10"]
FIGURES += ["keystroke_savings", "unknown_rate", "seconds", "tokens_per_second"]


@pytest.fixture
def story(tmp_path: Path) -> Path:
    path = tmp_path / "story.txt"
    path.write_text("Anna lives in\nParis. The Zeppelin \x9b sat on the mat.\n\nThe cat was late.\n", encoding="utf-8")
    return path


def test_eval_and_score_agree_on_a_text(call_cli: RunCLI, tiny_checkpoint: Path, story: Path) -> None:
    done = call_cli("eval", story, "--json", "-c", tiny_checkpoint)
    assert (done.returncode, done.stderr) == (0, "")
    evaluation = json.loads(done.stdout)
    assert list(evaluation) == FIGURES
    scored = call_cli("score", story, "-c", tiny_checkpoint)
    assert (scored.returncode, scored.stderr) == (0, "")
    header, *rows = (line.split("\t") for line in scored.stdout.splitlines())
    assert header == ["line", "position", "word", "surprisal", "rank", "entropy", "space_before"]
    assert [(row[0], row[1], row[2]) for row in rows] == [
        *(("1", str(position), word) for position, word in enumerate(["Anna", "lives", "in"], 1)),
        *(
            ("2", str(position), word)
            for position, word in enumerate(
                ["Paris", ".", "The", "Zeppelin", "\\x9b", "sat", "on", "the", "mat", ".", "<eos>"], 1
            )
        ),
        *(("4", str(position), word) for position, word in enumerate(["The", "cat", "was", "late", ".", "<eos>"], 1)),
    ]
    assert evaluation["tokens"] == len(rows)
    assert evaluation["unknown_rate"] == pytest.approx(2 / len(rows))
    bits = sum(float(row[3]) for row in rows) / len(rows)
    assert evaluation["bits_per_word"] == pytest.approx(bits, abs=1e-5)
    assert evaluation["perplexity"] == pytest.approx(2**bits, rel=1e-5)
    assert evaluation["top3"] == pytest.approx(sum(int(row[4]) <= 3 for row in rows) / len(rows))
    table = call_cli("eval", story, "--quiet", "-c", tiny_checkpoint).stdout
    assert f"{evaluation['perplexity']:.2f}" in table
    assert f"{evaluation['keystroke_savings']:.1%}" in table


@pytest.mark.parametrize("dash", [[], ["-"]])
def test_score_reads_a_pipe_as_it_reads_a_file(
    call_cli: RunCLI, tiny_checkpoint: Path, story: Path, dash: list[str]
) -> None:
    by_file = call_cli("score", story, "--json", "-c", tiny_checkpoint)
    piped = call_cli("score", *dash, "--json", "-c", tiny_checkpoint, stdin=story.read_bytes())
    assert (piped.returncode, piped.stdout, piped.stderr) == (0, by_file.stdout, "")
    records = [json.loads(line) for line in piped.stdout.splitlines()]
    header = ["line", "position", "word", "surprisal", "rank", "entropy", "space_before"]
    assert all(list(record) == header for record in records)
    assert records[7]["word"] == "\x9b"
    assert "\x9b" not in piped.stdout


def test_several_files_are_one_text_and_what_is_passed_over_is_named(
    call_cli: RunCLI, tiny_checkpoint: Path, story: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("Peter lives in London.", encoding="utf-8")
    (folder / "b.png").write_bytes(b"\x89PNG\0")
    both = call_cli("score", folder, story, "-c", tiny_checkpoint)
    assert both.stderr.startswith("Note: Passed over: ")
    assert "b.png" in both.stderr
    alone = call_cli("score", story, "-c", tiny_checkpoint).stdout.splitlines()
    rows = both.stdout.splitlines()
    assert [row.split("\t")[2] for row in rows[1:7]] == ["Peter", "lives", "in", "London", ".", "<eos>"]
    assert [row.split("\t")[:3] for row in rows[7:]] == [row.split("\t")[:3] for row in alone[1:]]
    assert rows[7:] != alone[1:]
    assert call_cli("score", folder, story, "--quiet", "-c", tiny_checkpoint).stderr == ""


LINES = "The cat sat on the mat.\nAnna lives in Paris, not in the U.S.\n\n  Peter was late.\n"


def scored(call_cli: RunCLI, checkpoint: Path, text: str, *options: str) -> list[dict[str, Any]]:
    done = call_cli("score", "--json", *options, "-c", checkpoint, stdin=text)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_line_is_scored_as_if_it_were_alone(call_cli: RunCLI, tiny_checkpoint: Path) -> None:
    together = scored(call_cli, tiny_checkpoint, LINES, "--each", "line")
    for number, line in enumerate(LINES.splitlines(), 1):
        alone = scored(call_cli, tiny_checkpoint, line) if line else []
        here = [record for record in together if record["line"] == number]
        assert [record["word"] for record in here] == [record["word"] for record in alone]
        for record, expected in zip(here, alone, strict=True):
            assert record["surprisal"] == pytest.approx(expected["surprisal"], abs=1e-4)
            assert record["entropy"] == pytest.approx(expected["entropy"], abs=1e-4)
    assert [record["surprisal"] for record in together] != [
        record["surprisal"] for record in scored(call_cli, tiny_checkpoint, LINES, "--paragraphs", "line")
    ]


def test_every_paragraph_is_scored_as_if_it_were_alone(call_cli: RunCLI, tiny_checkpoint: Path) -> None:
    together = scored(call_cli, tiny_checkpoint, LINES, "--each", "paragraph", "--paragraphs", "blank")
    alone = [record for text in LINES.split("\n\n") for record in scored(call_cli, tiny_checkpoint, text)]
    assert [record["word"] for record in together] == [record["word"] for record in alone]
    for record, expected in zip(together, alone, strict=True):
        assert record["surprisal"] == pytest.approx(expected["surprisal"], abs=1e-4)


def test_tokens_are_joined_to_words_again_by_the_space_before_them(call_cli: RunCLI, tiny_checkpoint: Path) -> None:
    records = scored(call_cli, tiny_checkpoint, LINES)
    joined = "".join(" " * record["space_before"] + record["word"] for record in records if record["word"] != "<eos>")
    assert joined.split() == LINES.split()
    assert joined == " ".join(LINES.split())
    rows = call_cli("score", "-c", tiny_checkpoint, stdin="In the U.S.\n").stdout.splitlines()[1:]
    assert [(row.split("\t")[2], row.split("\t")[6]) for row in rows] == [
        ("In", "0"), ("the", "1"), ("U", "1"), (".", "0"), ("S", "0"), (".", "0"), ("<eos>", "0"),
    ]  # fmt: skip


def test_where_paragraphs_end_is_an_option_of_what_measures_and_else_as_in_training(
    call_cli: RunCLI, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    def ends(*options: str, checkpoint: Path = tiny_checkpoint) -> int:
        return sum(record["word"] == "<eos>" for record in scored(call_cli, checkpoint, LINES, *options))

    assert [ends("--paragraphs", choice) for choice in ("line", "blank", "auto")] == [3, 2, 2]
    assert ends() == 2
    loaded = load_checkpoint(tiny_checkpoint)
    settings = {**loaded.training["settings"], "paragraphs": "line"}
    by_line = tmp_path / "line.safetensors"
    save_checkpoint(by_line, replace(loaded, training={**loaded.training, "settings": settings}))
    assert ends(checkpoint=by_line) == 3
    assert ends("--paragraphs", "auto", checkpoint=by_line) == 2


def test_what_is_passed_over_in_a_chat_is_said_and_read_if_so_asked(
    call_cli: RunCLI, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    chat = tmp_path / "chat.txt"
    chat.write_text("12:34 <Anna> Anna lives in Paris\n12:35 <Peter> The cat was late\n" * 3, encoding="utf-8")
    plain = call_cli("score", chat, "-c", tiny_checkpoint)
    note = f"Note: Passed over in {chat}: 6 time stamps and speakers; --raw reads all of it.\n"
    assert (plain.returncode, plain.stderr) == (0, note)
    assert [row.split("\t")[2] for row in plain.stdout.splitlines()[1:6]] == ["Anna", "lives", "in", "Paris", "<eos>"]
    assert plain.stdout.count("<eos>") == 6
    named = call_cli("score", chat, "--keep-speakers", "--quiet", "-c", tiny_checkpoint)
    assert named.stderr == ""
    assert [row.split("\t")[2] for row in named.stdout.splitlines()[1:4]] == ["Anna", ":", "Anna"]
    raw = call_cli("score", chat, "--raw", "-c", tiny_checkpoint)
    assert raw.stderr == ""
    assert raw.stdout.splitlines()[1].split("\t")[2] == "12:34"
    for command in ("eval", "memory"):
        assert call_cli(command, chat, "-c", tiny_checkpoint).stderr.startswith(note)


def test_options_of_a_text_that_make_no_sense_are_refused_and_named(
    call_cli: RunCLI, tiny_checkpoint: Path, story: Path
) -> None:
    for command in ("train", "eval", "score", "memory"):
        options = () if command == "train" else ("-c", tiny_checkpoint)
        failure(call_cli(command, story, "--paragraphs", "sentence", *options), 2, "paragraphs is 'sentence'", "auto")
    failure(call_cli("score", story, "--each", "word", "-c", tiny_checkpoint), 2, "each is 'word'")
    failure(
        call_cli("score", story, "--each", "line", "--paragraphs", "blank", "-c", tiny_checkpoint), 2, "--each line"
    )
    failure(call_cli("train", story, "--tokenizer", "whitespace", "--paragraphs", "blank"), 2, "every line is one")


@pytest.mark.slow
def test_eval_without_a_path_predicts_what_training_held_out(call_cli: RunCLI, tmp_path: Path) -> None:
    steps = ("--max-steps", 2, "--valid-fraction", 0.1)
    trained = call_cli("train", *SMALL, "--num-layers", 1, *steps, "--vocab-size", 200)
    assert trained.returncode == 0, trained.stderr
    training = load_checkpoint(tmp_path / "checkpoints" / "everyday.safetensors").training
    evaluation = json.loads(call_cli("eval", "--json").stdout)
    assert evaluation["tokens"] == training["validation_tokens"]
    assert evaluation["unknown_rate"] == pytest.approx(training["unknown_rate"])
    assert evaluation["perplexity"] == pytest.approx(training["validation_perplexity"], rel=1e-3)


def test_what_cannot_be_evaluated_is_named(call_cli: RunCLI, tiny_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "blank.txt").write_text(" \n\n", encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes("Grüße".encode("latin-1"))
    for command in ("eval", "score"):
        failure(call_cli(command, "blank.txt", "-c", tiny_checkpoint), 3, "blank.txt")
        failure(call_cli(command, "nowhere.txt", "-c", tiny_checkpoint), 3, "nowhere.txt")
        failure(call_cli(command, "latin.txt", "-c", tiny_checkpoint), 3, "latin.txt", "byte 2", "--encoding")
        failure(call_cli(command, "blank.txt"), 4, "nextword train")
        failure(
            call_cli(command, "latin.txt", "--device", "tpu", "--encoding", "latin-1", "-c", tiny_checkpoint), 2, "tpu"
        )
    assert call_cli("eval", "latin.txt", "--encoding", "latin-1", "-c", tiny_checkpoint).returncode == 0
    for command in (["score"], ["eval", "-"], ["memory", "-"], ["train", "-"]):
        options = [] if command[0] == "train" else ["-c", tiny_checkpoint]
        failure(call_cli(*command, *options), 3, "no text on standard input")
    odd = call_cli("score", "-c", tiny_checkpoint, stdin=b"Gr\xfc\xdfe")
    failure(odd, 3, "standard input is not utf-8 text (byte 2)")
    failure(call_cli("eval", "-", "-c", tiny_checkpoint, stdin=b"a\0"), 3, "standard input is not a text file (NUL")


# -- train -----------------------------------------------------------------------------------------------------------

SMALL = ("--embedding-dim", 8, "--hidden-size", 8, "--batch-size", 8, "--bptt", 10, "--precision", "fp32")


def test_train_makes_a_checkpoint_that_predict_and_info_find(
    call_cli: RunCLI, tiny_corpus: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    done = call_cli("train", tiny_corpus, *SMALL, "--max-steps", 4, "--log", log, "--num-layers", 1, "--no-tied")
    path = tmp_path / "checkpoints" / "tiny.safetensors"
    assert (done.returncode, done.stdout) == (0, "")
    assert "validation perplexity" in done.stderr
    assert "nextword predict -c checkpoints/tiny.safetensors" in done.stderr
    checkpoint = load_checkpoint(path)
    assert (checkpoint.config.num_layers, checkpoint.config.tied, checkpoint.config.hidden_size) == (1, False, 8)
    records = [json.loads(line) for line in log.read_text().splitlines()]
    assert [record["step"] for record in records] == [1, 2, 3, 4, 4]
    assert all(record.keys() >= {"tokens", "loss", "perplexity", "lr", "tokens_per_second"} for record in records[:4])
    assert records[4].keys() == {"step", "valid_perplexity", "seconds"}

    predicted = call_cli("predict", "The cat", "-k", 3)
    assert predicted.stdout == table(Predictor(checkpoint).predict("The cat", k=3))


def test_train_quiet_says_nothing_at_all(call_cli: RunCLI, tiny_corpus: Path, tmp_path: Path) -> None:
    done = call_cli("train", tiny_corpus, *SMALL, "--max-steps", 2, "--quiet", "--name", "calm", "--out", "models")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["calm.safetensors"]


# -- errors ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def damaged(tmp_path: Path, tiny_checkpoint: Path) -> Path:
    content = bytearray(tiny_checkpoint.read_bytes())
    content[-100] ^= 1
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(content)
    return path


def failure(done: subprocess.CompletedProcess[str], code: int, *mentioned: str) -> None:
    """An error as users are promised it: one `Error:` line, one `Hint:` line, nothing on stdout."""
    lines = done.stderr.splitlines()
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert [line.partition(":")[0] for line in lines] == ["Error", "Hint"], done.stderr
    assert all(len(line.partition(": ")[2]) > 5 for line in lines)
    assert "Traceback" not in done.stderr
    for text in mentioned:
        assert text in done.stderr


def test_a_command_line_that_makes_no_sense_is_exit_2(call_cli: RunCLI, tiny_checkpoint: Path) -> None:
    failure(call_cli("predict", "The cat", "-k", 0, "-c", tiny_checkpoint), 2, "0")
    failure(call_cli("predict", "The cat", "-k", "many"), 2, "-k")
    failure(call_cli("predict", "The cat", "--words", 0, "-c", tiny_checkpoint), 2, "words", "nextword predict --help")
    failure(call_cli("generate", "--top-p", 1.5, "-c", tiny_checkpoint), 2, "top_p", "nextword generate --help")
    failure(call_cli("predict", "--sausages"), 2, "--sausages", "--help")
    failure(call_cli("sing"), 2, "sing")
    failure(call_cli("train", "x.txt", "--hidden-size", 0), 2, "hidden_size")


@pytest.mark.slow
def test_the_hint_at_a_wrong_command_line_is_that_of_its_command(run_cli: RunCLI) -> None:
    failure(run_cli("predict", "x", "--complte"), 2, "--complete", "Hint: See: nextword predict --help")
    failure(run_cli("train", "--minuts", 1), 2, "--minutes", "Hint: See: nextword train --help")
    failure(run_cli("sing"), 2, "sing", "Hint: See: nextword --help")
    for command in ("predict", "generate", "explain", "why"):
        quoted = f"Hint: Put the text in quotes: nextword {command} 'The weather is'"
        failure(run_cli(command, "The", "weather", "is"), 2, "weather is", quoted)
    failure(run_cli("The weather is"), 2, "Hint: To go on from a text: nextword predict 'The weather is'")


def test_a_checkpoint_named_without_its_suffix_is_hinted_at(run_cli: RunCLI, tiny_checkpoint: Path) -> None:
    hint = f"Hint: Did you mean {tiny_checkpoint}?"
    failure(run_cli("predict", "x", "-c", tiny_checkpoint.with_suffix("")), 4, "does not exist", hint)


def test_bad_counts_are_refused_by_repl_as_by_predict(run_cli: RunCLI, tiny_checkpoint: Path) -> None:
    failure(run_cli("repl", "-k", 0, "-c", tiny_checkpoint, stdin="The cat\n"), 2, "0")


def test_no_bad_text_reaches_training_and_is_exit_3(call_cli: RunCLI, tmp_path: Path) -> None:
    failure(call_cli("train", "nowhere.txt"), 3, "nowhere.txt")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0\0")
    failure(call_cli("train", "picture.png"), 3, "picture.png")


def test_no_bad_checkpoint_is_used_and_is_exit_4(call_cli: RunCLI, damaged: Path, tmp_path: Path) -> None:
    failure(call_cli("predict", "The cat"), 4, "nextword train")
    failure(call_cli("predict", "The cat", "-c", "nowhere.safetensors"), 4, "nowhere.safetensors")
    failure(call_cli("predict", "The cat", "-c", damaged), 4, str(damaged), "damaged")
    failure(call_cli("repl", NEXTWORD_CHECKPOINT=str(damaged)), 4, str(damaged))
    failure(call_cli("info", tmp_path), 4, str(tmp_path))


def test_a_place_that_cannot_be_written_is_exit_5(call_cli: RunCLI, tiny_corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    failure(call_cli("train", tiny_corpus, "--out", "file/models"), 5, "file/models", "--out")
    failure(call_cli("train", tiny_corpus, "--log", "file/log.jsonl"), 5, "file/log.jsonl", "--log")


def test_a_checkpoint_of_the_same_name_is_exit_2_and_untouched(
    call_cli: RunCLI, tiny_corpus: Path, tiny_checkpoint: Path
) -> None:
    before = tiny_checkpoint.read_bytes()
    failure(call_cli("train", tiny_corpus, "--out", tiny_checkpoint.parent), 2, tiny_checkpoint.name, "--force")
    assert tiny_checkpoint.read_bytes() == before


def test_an_error_shows_hostile_names_escaped(run_cli: RunCLI) -> None:
    failure(run_cli("predict", "x", "-c", "evil\x1b[2J\u202e.safetensors"), 4, "evil\\x1b[2J\\u202e")


def test_nextword_debug_brings_the_traceback_back(run_cli: RunCLI) -> None:
    done = run_cli("predict", "The cat", "-c", "nowhere.safetensors", NEXTWORD_DEBUG="1")
    assert "Traceback" in done.stderr
    assert "CheckpointError" in done.stderr
    assert done.returncode != 0


@pytest.mark.parametrize(("command", "missing"), [("predict", "text"), ("score", "paths"), ("explain", "text")])
def test_on_a_terminal_a_command_without_text_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch, command: str, missing: str
) -> None:
    class Typing:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Typing())
    callback = inspect.unwrap(COMMANDS[command].callback)
    with pytest.raises(nextword.NextwordError) as caught:
        callback(**{missing: None})
    assert caught.value.exit_code == 2
    assert f"nextword {command}" in caught.value.hint
