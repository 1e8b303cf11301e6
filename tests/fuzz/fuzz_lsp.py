"""Messages to the language server that no client should send, and whether it goes on answering.

    python tests/fuzz/fuzz_lsp.py CHECKPOINT [--messages N] [--seed N]

Half of them are right but for a value or two; the others have no sense, or are no messages at all. After every ten
the server must still answer a request, and at the end leave as it should without a word on stderr.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support import language_client
from support.language_client import LanguageClient, position

EVERY = 10  # messages between two questions whether it still answers; the answers to so many fit into a pipe
VALUES = [
    None,
    True,
    0,
    -1,
    2**31,
    2**53,
    1e308,
    "",
    "a",
    "\ud83d",
    "\0",
    "é😀" * 50,
    [],
    [[]],
    {},
    {"a": []},
    "x" * 10_000,
]
WORDS = ["Anna ", "lives", " in", "\n", "\n\n", "```\n", "😀", "\ude00", "\r", "\t", ". ", "Zoltan ", "(", "\\" * 300]
RAW = [b"", b"\r\n", b"Content-Length: -1\r\n\r\n", b"Content-Length: x\r\n\r\n", b"Content-Length: 2\r\n\r\n[]"]
RAW += [
    b"Content-Length: 3\r\n\r\n{]}",
    b"Content-Length: 4\r\n\r\nnull",
    b"nonsense\r\n",
    b"Content-Length: 1\r\n\r\n\xff",
]
RAW += [b"Content-Type: x\r\nContent-Length: 2\r\n\r\n{}", b"A: %b\r\n" % (b"a" * 100_000)]
URIS = [f"file:///{number}.md" for number in range(100)] + ["", "untitled:1", "file:///a%20b"]


def right(numbers: random.Random) -> dict[str, Any]:
    """A message that a client might send."""
    uri = numbers.choice(URIS)
    place = position(numbers.choice([0, 1, 5, 2**31 - 1]), numbers.choice([0, 1, 3, 50, 2**31 - 1]))
    here = {"textDocument": {"uri": uri}, "position": place}
    text = "".join(numbers.choices(WORDS, k=numbers.randint(0, 9)))
    language = numbers.choice(["markdown", "plaintext", "latex", "rst", "python", ""])
    change: dict[str, Any] = {"text": text}
    if numbers.random() < 0.9:
        change["range"] = {"start": place, "end": position(numbers.randint(0, 3), numbers.randint(0, 9))}
    messages: list[tuple[str, Any]] = [
        ("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": language, "version": 1, "text": text}}),
        ("textDocument/didChange", {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [change]}),
        ("textDocument/didClose", {"textDocument": {"uri": uri}}),
        ("textDocument/didSave", {"textDocument": {"uri": uri}}),
        ("workspace/didChangeConfiguration", {"settings": {"nextword": {"count": numbers.randint(-1, 20)}}}),
        ("$/cancelRequest", {"id": numbers.randint(1, 1000)}),
        ("textDocument/completion", here),
        ("textDocument/inlineCompletion", {**here, "context": {"triggerKind": 1}}),
        ("completionItem/resolve", {"label": "a", "data": [uri, place["line"], place["character"]]}),
        ("workspace/executeCommand", {"command": "nextword.why", "arguments": [uri, 0, 3]}),
        ("workspace/executeCommand", {"command": "nextword.forgetWord", "arguments": ["Anna"]}),
        ("workspace/executeCommand", {"command": "nextword.reset", "arguments": []}),
        ("nextword/unknown", here),
    ]
    weights = [2, 6, 1, 1, 1, 1, 3, 1, 1, 1, 1, 1, 1]
    ((method, params),) = numbers.choices(messages, weights)
    message = {"jsonrpc": "2.0", "method": method, "params": params}
    if not (method.startswith(("$", "textDocument/did")) or "didChange" in method):
        message["id"] = numbers.randint(10_000, 2**31)
    return message


def spoiled(message: dict[str, Any], numbers: random.Random) -> dict[str, Any]:
    """The same with a few of its values changed, or left out."""
    message = copy.deepcopy(message)
    for _ in range(numbers.randint(1, 2)):
        place: Any = message
        while True:
            keys = list(place) if isinstance(place, dict) else range(len(place))
            if not keys:
                break
            key = numbers.choice(list(keys))
            if isinstance(place[key], dict | list) and numbers.random() < 0.8:
                place = place[key]
                continue
            if numbers.random() < 0.2:
                del place[key]
            else:
                place[key] = copy.deepcopy(numbers.choice(VALUES))
            break
    return message


def fuzz(client: LanguageClient, messages: int, seed: int) -> None:
    """Send so many messages; raises where the server no longer answers."""
    numbers = random.Random(seed)
    client.initialize()
    for number in range(messages):
        kind = numbers.random()
        if kind < 0.05:
            client.send_bytes(numbers.choice(RAW))
        elif kind < 0.5:
            client.send(right(numbers))
        else:
            message = spoiled(right(numbers), numbers)
            if message.get("method") not in ("exit", "shutdown"):
                client.send(message)
        if number % EVERY == EVERY - 1:
            client.send_bytes(b"\r\n")  # the end of a header that may have begun
            client.open("The cat ", uri="file:///still.txt")
            assert isinstance(client.complete(0, 8, uri="file:///still.txt")["items"], list)


def main() -> None:
    """Send them, and print how it ended."""
    parser = argparse.ArgumentParser(description="Messages that no client should send.")
    parser.add_argument("checkpoint")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    language_client.TIMEOUT = 24 * 3600.0
    with LanguageClient("-c", options.checkpoint) as client:
        fuzz(client, options.messages, options.seed)
        memory = Path(f"/proc/{client.process.pid}/status").read_text(encoding="utf-8").split("VmRSS:")[1].split()[0]
        code = client.leave()
        said = client.process.stderr.read() if client.process.stderr else b""
        print(
            json.dumps({"messages": options.messages, "exit": code, "stderr": said.decode(), "kilobytes": int(memory)})
        )


if __name__ == "__main__":
    main()
