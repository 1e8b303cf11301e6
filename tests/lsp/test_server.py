"""What goes over the pipes: the protocol, and nothing else."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz.fuzz_lsp import fuzz
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
    client.change((0, 29), (0, 32), "lives ")
    assert client.words(0, 35)[0] == "in"
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
    assert item["insertText"] == "lives in"  # and no further: where she lives is not sure
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


def test_the_server_loads_no_torch() -> None:
    code = "import sys, nextword.lsp.server; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


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


def test_positions_are_counted_in_what_the_client_can(client: LanguageClient) -> None:
    assert client.initialize(encodings=["utf-8", "utf-16"])["positionEncoding"] == "utf-8"
    client.open("😀 Anna liv")
    item = client.complete(0, 13)["items"][0]
    assert item["label"] == "lives"
    assert item["textEdit"]["range"]["start"]["character"] == 10


def test_without_a_word_of_the_client_positions_are_in_utf_16(client: LanguageClient) -> None:
    assert client.initialize()["positionEncoding"] == "utf-16"
    client.open("😀 Anna liv")
    item = client.complete(0, 11)["items"][0]
    assert item["label"] == "lives"
    assert item["textEdit"]["range"]["start"]["character"] == 8
    client.change((0, 8), (0, 11), "\ud83d")
    client.change((0, 9), (0, 9), "\ude00 li")
    assert client.words(0, 13)[0] == "lives"


def test_a_word_met_in_a_document_is_suggested_until_it_is_forgotten(client: LanguageClient) -> None:
    client.initialize()
    client.open("Zoltan lives in Paris. Zo")
    assert client.words(0, 25) == ["Zoltan"]
    assert "Zoltan" in client.command("nextword.why", "file:///story.txt", 0, 25)
    client.command("nextword.forgetWord", "Zoltan")
    assert client.words(0, 25) == []
    client.command("nextword.reset")
    assert client.words(0, 25) == ["Zoltan"]


def test_a_file_is_learned_for_all_documents_and_one_that_is_not_there_is_refused(
    client: LanguageClient, tmp_path: Path
) -> None:
    (tmp_path / "letters.txt").write_text("Balthasar lives in Paris.\n", encoding="utf-8")
    client.initialize()
    client.open("Bal")
    assert client.words(0, 3) == []
    assert "learned" in client.command("nextword.learnFile", (tmp_path / "letters.txt").as_uri())
    assert client.words(0, 3) == ["Balthasar"]
    assert "does not exist" in client.command("nextword.learnFile", str(tmp_path / "none.txt"))["message"]


def test_what_is_learned_under_a_name_is_there_the_next_time(tiny_checkpoint: Path, tmp_path: Path) -> None:
    home = {"XDG_DATA_HOME": str(tmp_path / "data"), "HOME": str(tmp_path)}
    for session, found in (("book", []), ("book", ["Zoltan"]), (None, [])):
        with LanguageClient("-c", tiny_checkpoint, environment=home) as client:
            client.initialize({"session": session})
            client.open("Zol", uri="file:///new.txt")
            assert client.words(0, 3, uri="file:///new.txt") == found
            client.open("Zoltan lives. ")
            client.words(0, 14)
            client.notify("textDocument/didClose", {"textDocument": {"uri": "file:///story.txt"}})
            assert client.leave() == 0


def test_a_hundred_documents_are_open_and_each_is_remembered(client: LanguageClient) -> None:
    client.initialize()
    for number in range(100):
        client.open(f"Zoltan{number} lives. Zol", uri=f"file:///{number}.md", language="markdown")
        client.complete(0, 16, uri=f"file:///{number}.md")
    end = len("Zoltan7 lives. Zol")
    assert client.words(0, end, uri="file:///7.md") == ["Zoltan7"]


def test_requests_that_make_no_sense_are_answered_with_an_error(client: LanguageClient) -> None:
    client.initialize()
    assert client.request("textDocument/completion", {"position": 3})["code"] == -32602
    assert client.request("nextword/unknown")["code"] == -32601
    assert client.command("nextword.unknown")["code"] == -32602
    client.open("Anna ")
    assert client.words(2**31 - 1, 2**31 - 1)
    assert client.complete(0, 0, uri="file:///never-opened")["items"] == []
    assert client.leave() == 0


def test_a_few_hundred_messages_that_no_client_should_send_bring_no_end_and_no_word_on_stderr(
    client: LanguageClient,
) -> None:
    fuzz(client, 400, seed=1)
    assert client.leave() == 0
    assert client.process.stderr
    assert client.process.stderr.read() == b""


@pytest.mark.parametrize("pipe", ["stdin", "stdout"])
def test_a_client_that_dies_ends_the_server_without_a_traceback(client: LanguageClient, pipe: str) -> None:
    client.initialize()
    client.open("Anna ")
    getattr(client.process, pipe).close()
    if pipe == "stdout":
        for _ in range(3):
            client.send({"jsonrpc": "2.0", "id": 7, "method": "textDocument/completion", "params": at(0, 5)})
        client.notify("exit")
        client.process.stdin.close()  # type: ignore[union-attr]
    client.process.wait()
    assert client.process.stderr
    assert client.process.stderr.read() == b""


def test_it_also_listens_at_a_port(tiny_checkpoint: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with LanguageClient("-c", tiny_checkpoint, "--tcp", f"127.0.0.1:{port}") as server:
        while server.process.poll() is None:
            try:
                connection = socket.create_connection(("127.0.0.1", port))
                break
            except ConnectionRefusedError:
                continue
        params = {"processId": None, "rootUri": None, "capabilities": {}}
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}).encode()
        with connection:
            connection.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            assert connection.recv(15) == b"Content-Length:"
        server.process.wait()
        assert server.process.stderr
        assert server.process.stderr.read() == b""
