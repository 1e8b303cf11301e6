"""`nextword lsp`: the Language Server Protocol (3.18) over stdin and stdout, or over TCP, by pygls."""

from __future__ import annotations

import gc
import logging
import os
import socket
import sys
from concurrent.futures import Future
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlparse
from urllib.request import url2pathname

from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams, JsonRpcInvalidRequest
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, lsp_method

from nextword.about import __version__
from nextword.errors import NextwordError
from nextword.inference.predictor import Predictor
from nextword.lsp.positions import Position
from nextword.lsp.workspace import Suggestion, Workspace, load

_MAX_MESSAGE = 1 << 26  # bytes; of a longer message nothing is read into memory
_MAX_HEADER = 1 << 16  # bytes of a line of the header


class _Protocol(LanguageServerProtocol):
    """Documents are kept by `Workspace`, whose edits cost the same in long documents and in short ones."""

    _server: Server

    def structure_message(self, data: dict[str, Any]) -> Any:
        """A message from its JSON; a request that makes no sense is answered with what is wrong."""
        number = data.get("id", 0)
        if "jsonrpc" in data and not isinstance(number, int | str):
            raise JsonRpcInvalidRequest("the id of a request is a number or a string")
        try:
            return super().structure_message(data)
        except JsonRpcException as error:
            if "method" in data and "id" in data:
                self._send_response(number, error=error.to_response_error())
            raise

    @lsp_method(types.TEXT_DOCUMENT_DID_OPEN)
    def lsp_text_document__did_open(self, params: types.DidOpenTextDocumentParams) -> None:
        document = params.text_document
        self._server.documents.open(document.uri, document.language_id, document.text)

    @lsp_method(types.TEXT_DOCUMENT_DID_CHANGE)
    def lsp_text_document__did_change(self, params: types.DidChangeTextDocumentParams) -> None:
        documents, uri = self._server.documents, params.text_document.uri
        for change in params.content_changes:
            if isinstance(change, types.TextDocumentContentChangePartial):
                documents.change(uri, _position(change.range.start), _position(change.range.end), change.text)
            else:
                documents.replace(uri, change.text)

    @lsp_method(types.TEXT_DOCUMENT_DID_CLOSE)
    def lsp_text_document__did_close(self, params: types.DidCloseTextDocumentParams) -> None:
        self._server.documents.close(params.text_document.uri)


class Server(LanguageServer):
    """The server, with what it answers from.

    Args:
        model: The model that answers where no setting names another, which may still be loading.
    """

    def __init__(self, model: Future[Predictor]) -> None:
        super().__init__("nextword", __version__, protocol_cls=_Protocol)
        self.documents = Workspace(lambda path: load(path) if path else model.result(), self.tell)
        _register(self)

    def tell(self, text: str, is_error: bool) -> None:
        """Say something to the user: an error in a window, anything else in the log."""
        if is_error:
            self.window_show_message(types.ShowMessageParams(types.MessageType.Error, text))
        else:
            self.window_log_message(types.LogMessageParams(types.MessageType.Warning, text))

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log what was wrong with a message; a request has been answered with it."""
        if not isinstance(error, OSError):  # else nobody reads the log either
            self.window_log_message(types.LogMessageParams(types.MessageType.Warning, f"nextword: {error}"))


def _register(server: Server) -> None:
    """Tell the server what it can do."""
    documents = server.documents

    @server.feature(types.INITIALIZE)
    def _(params: types.InitializeParams) -> None:
        documents.encoding = server.workspace.position_encoding or "utf-16"
        documents.configure(params.initialization_options)

    @server.feature(types.INITIALIZED)
    def _(params: types.InitializedParams) -> None:
        gc.freeze()  # the protocol's types and the vocabulary stay; looking through them would take longer than a key
        workspace = server.client_capabilities.workspace
        if workspace and workspace.configuration:
            asked = types.ConfigurationParams([types.ConfigurationItem(section="nextword")])
            server.workspace_configuration(asked, lambda values: documents.configure(values[0] if values else None))

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    def _(params: types.DidChangeConfigurationParams) -> None:
        documents.configure(params.settings)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def _(params: types.DidSaveTextDocumentParams) -> None:
        documents.save(params.text_document.uri)

    options = types.CompletionOptions(trigger_characters=[" "], resolve_provider=True)

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, options)
    def _(params: types.CompletionParams) -> types.CompletionList:
        uri = params.text_document.uri
        found = documents.words(uri, _position(params.position))
        items = [_item(uri, params.position, rank, suggestion) for rank, suggestion in enumerate(found)]
        return types.CompletionList(is_incomplete=True, items=items)

    @server.feature(types.COMPLETION_ITEM_RESOLVE)
    def _(item: types.CompletionItem) -> types.CompletionItem:
        if isinstance(item.data, list) and len(item.data) == 3:
            uri, line, character = item.data
            text = _reasons(server, uri, line, character, item.label)
            item.documentation = types.MarkupContent(types.MarkupKind.PlainText, text)
        return item

    @server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
    def _(params: types.InlineCompletionParams) -> types.InlineCompletionList:
        found = documents.phrase(params.text_document.uri, _position(params.position))
        items = [types.InlineCompletionItem(found.typed, range=_range(found))] if found else []
        return types.InlineCompletionList(items)

    _register_commands(server)


def _register_commands(server: Server) -> None:
    documents = server.documents

    @server.command("nextword.forgetWord")
    def _(word: str) -> None:
        documents.forget(word)

    @server.command("nextword.reset")
    def _() -> None:
        documents.reset()

    @server.command("nextword.learnFile")
    def _(file: str) -> str:
        try:
            return documents.learn(_path(file))
        except (NextwordError, OSError) as error:
            raise _refused(error) from None

    @server.command("nextword.why")
    def _(uri: str, line: int, character: int) -> str:
        return _reasons(server, uri, line, character)


def _reasons(server: Server, uri: str, line: int, character: int, word: str | None = None) -> str:
    """What a suggestion owes itself to, or why that cannot be said."""
    try:
        return server.documents.why(str(uri), Position(int(line), int(character)), word)
    except NextwordError as error:
        return error.message


def _refused(error: NextwordError | OSError) -> JsonRpcInvalidParams:
    hint = f". {error.hint}" if isinstance(error, NextwordError) and error.hint else ""
    return JsonRpcInvalidParams(f"{error}{hint}")


def _path(file: str) -> Path:
    """A file, named as such or by an address."""
    return Path(url2pathname(unquote(urlparse(file).path))) if file.startswith("file:") else Path(file).expanduser()


def _position(position: types.Position) -> Position:
    return Position(position.line, position.character)


def _range(found: Suggestion) -> types.Range:
    return types.Range(types.Position(*found.begin), types.Position(*found.end))


def _item(uri: str, position: types.Position, rank: int, found: Suggestion) -> types.CompletionItem:
    """A word as clients want it: none may put it elsewhere in the list, or think that it does not fit."""
    return types.CompletionItem(
        label=found.word,
        kind=types.CompletionItemKind.Text,
        detail=f"{found.probability:.1%}",
        sort_text=f"{rank:04}",
        filter_text=found.typed,
        text_edit=types.TextEdit(_range(found), found.word),
        insert_text_mode=types.InsertTextMode.AsIs,
        data=[uri, position.line, position.character],
    )


class _BoundedReader:
    """A stream of messages, of which a very long one, or what is none, takes no memory.

    Args:
        stream: What a client sends.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readline(self, size: int | None = -1, /) -> bytes:
        """A line, or the beginning of a very long one."""
        try:
            return self._stream.readline(_MAX_HEADER)
        except ConnectionError:  # as if it had ended
            return b""

    def read(self, size: int = -1, /) -> bytes:
        """A message; what is too long is passed over, and comes out as one that asks for nothing."""
        if size <= _MAX_MESSAGE:
            return self._stream.read(size)
        while size > 0 and (passed := self._stream.read(min(size, _MAX_MESSAGE))):
            size -= len(passed)
        return b"{}" if size <= 0 else b""


def serve(model: Future[Predictor], tcp: tuple[str, int] | None) -> None:
    """Answer a client until it leaves.

    Nothing else reaches stdout: what the process prints goes to stderr.

    Args:
        model: What answers where the client names nothing else; it may still be loading.
        tcp: Host and port to wait at for one client; None: stdin and stdout.
    """
    logging.getLogger().addHandler(
        logging.NullHandler()
    )  # what libraries say is not for the terminal; what the user has to know is told
    server = Server(model)
    if tcp:
        with socket.create_server(tcp) as listening:
            connection, _ = listening.accept()
        with connection, connection.makefile("rb") as reader, connection.makefile("wb") as writer:
            server.start_io(cast(BinaryIO, _BoundedReader(reader)), writer)
    else:
        stdout = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        server.start_io(cast(BinaryIO, _BoundedReader(sys.stdin.buffer)), stdout)
