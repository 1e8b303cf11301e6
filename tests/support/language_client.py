"""A client of the language server, as small as can be: messages over the pipes of a process, one after the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

TIMEOUT = 60.0  # seconds after which a server that does not answer is ended, so that a test fails
URI = "file:///story.txt"


class LanguageClient:
    """Starts a server, and ends it when left.

    Attributes:
        notes: What the server has said by itself, as (method, params).
        configuration: What it is told when it asks.
    """

    def __init__(self, *arguments: object, environment: dict[str, str] | None = None, cwd: Path | None = None) -> None:
        self.notes: list[tuple[str, Any]] = []
        self.configuration: Any = None
        self._id = 0
        root = str(Path(__file__).parents[2])
        environment = {**os.environ, "PYTHONPATH": root, **(environment or {})}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nextword", "lsp", *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=cwd,
        )
        self._watch = threading.Timer(TIMEOUT, self.process.kill)
        self._watch.start()

    def __enter__(self) -> LanguageClient:
        return self

    def __exit__(self, *exception: object) -> None:
        self._watch.cancel()
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            with suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]

    # -- messages ------------------------------------------------------------------------------------------------

    def send_bytes(self, content: bytes) -> None:
        """Send anything at all."""
        assert self.process.stdin
        self.process.stdin.write(content)
        self.process.stdin.flush()

    def send(self, message: Any) -> None:
        """Send a message with its header."""
        body = json.dumps(message).encode()
        self.send_bytes(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def receive(self) -> Any:
        """The next message; None where the server has left."""
        assert self.process.stdout
        length = 0
        while (line := self.process.stdout.readline()).strip():
            name, _, value = line.decode("ascii").partition(":")
            if name.lower() == "content-length":
                length = int(value)
        return json.loads(self.process.stdout.read(length)) if length else None

    def notify(self, method: str, params: Any = None) -> None:
        """Send a notification."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def request(self, method: str, params: Any = None) -> Any:
        """Send a request; its result, or its error where it has one."""
        self._id += 1
        self.send({"jsonrpc": "2.0", "id": self._id, "method": method, "params": params})
        return self.answer(self._id)

    def answer(self, number: int) -> Any:
        """Wait for the answer to a request, and meanwhile answer those of the server."""
        while (message := self.receive()) is not None:
            if "method" not in message:
                if message["id"] == number:
                    return message.get("error") or message.get("result")
            elif "id" in message:
                asked = message["params"].get("items", []) if isinstance(message["params"], dict) else []
                result = [self.configuration for _ in asked]
                self.send({"jsonrpc": "2.0", "id": message["id"], "result": result})
            else:
                self.notes.append((message["method"], message["params"]))
        raise AssertionError(f"the server has left: {self.process.stderr.read() if self.process.stderr else ''}")

    # -- the protocol --------------------------------------------------------------------------------------------

    def initialize(self, options: Any = None, encodings: Sequence[str] = (), configuration: bool = False) -> Any:
        """Begin; what the server can do."""
        capabilities: dict[str, Any] = {"workspace": {"configuration": configuration}}
        if encodings:
            capabilities["general"] = {"positionEncodings": list(encodings)}
        params = {"processId": None, "rootUri": None, "capabilities": capabilities, "initializationOptions": options}
        result = self.request("initialize", params)
        self.notify("initialized", {})
        return result["capabilities"]

    def open(self, text: str, language: str = "plaintext", uri: str = URI) -> None:
        """Open a document."""
        document = {"uri": uri, "languageId": language, "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})

    def change(self, begin: tuple[int, int], end: tuple[int, int], text: str, uri: str = URI) -> None:
        """Put a text in the place of another."""
        change = {"range": {"start": position(*begin), "end": position(*end)}, "text": text}
        params = {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [change]}
        self.notify("textDocument/didChange", params)

    def complete(self, line: int, character: int, uri: str = URI) -> Any:
        """What is suggested at a place."""
        return self.request("textDocument/completion", at(line, character, uri))

    def words(self, line: int, character: int, uri: str = URI) -> list[str]:
        """The words that are suggested there."""
        return [item["label"] for item in self.complete(line, character, uri)["items"]]

    def command(self, name: str, *arguments: Any) -> Any:
        """Have the server carry out a command."""
        return self.request("workspace/executeCommand", {"command": name, "arguments": list(arguments)})

    def leave(self) -> int:
        """Shut down and leave; the exit code."""
        self.request("shutdown")
        self.notify("exit")
        return self.process.wait()


def position(line: int, character: int) -> dict[str, int]:
    """A place as messages have it."""
    return {"line": line, "character": character}


def at(line: int, character: int, uri: str = URI) -> dict[str, Any]:
    """A place in a document as messages have it."""
    return {"textDocument": {"uri": uri}, "position": position(line, character)}
