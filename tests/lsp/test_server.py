"""What goes over the pipes: the protocol, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import RunCLI
from support.language_client import LanguageClient, at

pytest.importorskip("pygls", reason="the extra nextword[lsp] is not installed")


def test_words_are_suggested_from_start_to_end(client: LanguageClient) -> None:
    able = client.initialize()
    assert able["completionProvider"]["triggerCharacters"] == [" "]
    assert able["textDocumentSync"]["change"] == 2  # incremental
    client.open("The cat sat on the mat. Anna liv")
    items = client.complete(0, 32)["items"]
    assert items[0]["label"] == "lives"
    client.change((0, 28), (0, 32), "lives ")
    assert client.words(0, 34)[0] == "in"
    assert client.leave() == 0
    assert client.process.stdout
    assert client.process.stdout.read() == b""
    assert client.process.stderr
    assert client.process.stderr.read() == b""


def test_an_item_is_such_that_no_client_hides_it_or_puts_it_elsewhere(client: LanguageClient) -> None:
    client.initialize({"count": 3})
    client.open("Anna l")
    answer = client.complete(0, 6)
    assert answer["isIncomplete"]
    items = answer["items"]
    assert [item["sortText"] for item in items] == sorted(item["sortText"] for item in items)
    for item in items:
        assert item["filterText"].startswith("l")
        assert item["textEdit"]["newText"] == item["label"]
        assert item["textEdit"]["range"] == {"start": {"line": 0, "character": 5}, "end": {"line": 0, "character": 6}}
        assert item["detail"].endswith("%")
    assert 1 <= len(items) <= 3


def test_resolving_an_item_tells_its_reasons(client: LanguageClient) -> None:
    client.initialize()
    client.open("Anna lives ")
    item = client.complete(0, 11)["items"][0]
    assert "documentation" not in item
    assert "lives" in client.request("completionItem/resolve", item)["documentation"]["value"]


def test_a_phrase_that_is_sure_is_shown_in_gray_and_begins_with_the_letters_typed(client: LanguageClient) -> None:
    assert "inlineCompletionProvider" in client.initialize()
    client.open("Anna liv")
    params = {**at(0, 8), "context": {"triggerKind": 1}}
    (item,) = client.request("textDocument/inlineCompletion", params)["items"]
    assert item["insertText"].startswith("lives")
    assert item["range"]["start"]["character"] == 5


def test_settings_come_with_the_beginning_and_by_asking_and_unknown_ones_are_named_once(client: LanguageClient) -> None:
    client.configuration = {"count": 2, "phrases": False, "colour": "red"}
    client.initialize({"count": 4, "colour": "blue"}, configuration=True)
    client.open("Anna ")
    client.request("unknown")  # by now the server has been answered
    assert len(client.words(0, 5)) == 2
    assert client.request("textDocument/inlineCompletion", {**at(0, 5), "context": {"triggerKind": 1}})["items"] == []
    client.notify("workspace/didChangeConfiguration", {"settings": {"nextword": {"count": 1, "colour": 3}}})
    assert len(client.words(0, 5)) == 1
    named = [params["message"] for method, params in client.notes if "colour" in params["message"]]
    assert len(named) == 1


def test_a_value_that_makes_no_sense_is_refused_and_the_others_are_taken(client: LanguageClient) -> None:
    client.initialize({"count": 0, "languages": ["python"], "adapt": "yes"})
    client.open("# Anna ", "python")
    assert client.words(0, 7)
    refused = [params["message"] for method, params in client.notes if method == "window/showMessage"]
    assert [message.split()[1] for message in refused] == ["count", "adapt"]


def test_a_missing_checkpoint_is_one_message_and_no_words(tmp_path: Path) -> None:
    with LanguageClient("-c", tmp_path / "none.safetensors") as client:
        client.initialize()
        client.open("Anna ")
        assert [client.words(0, 5) for _ in range(3)] == [[]] * 3
        messages = [params for method, params in client.notes if method == "window/showMessage"]
        assert len(messages) == 1
        assert "none.safetensors" in messages[0]["message"]
        assert client.leave() == 0


def test_without_the_extra_the_command_says_what_to_install(tiny_checkpoint: Path) -> None:
    hide = "import sys; sys.modules['pygls'] = None; from nextword.__main__ import main; main()"
    command = [sys.executable, "-c", hide, "lsp", "-c", str(tiny_checkpoint)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 2
    assert "pip install 'nextword[lsp]'" in done.stderr


@pytest.mark.parametrize("where", ["8080", "localhost", "localhost:", "localhost:x", "localhost:70000"])
def test_a_place_to_listen_at_that_is_none_is_refused(run_cli: RunCLI, where: str) -> None:
    done = run_cli("lsp", "--tcp", where)
    assert done.returncode == 2
    assert "--tcp" in done.stderr
