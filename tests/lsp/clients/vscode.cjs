// Speaks with the server through VS Code's own code for the protocol, keeps the text as it is changed, and takes words as
// VS Code does: those whose filterText fits the letters, in the order of sortText. What came goes to the file $SEEN.
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const protocol = require("vscode-languageserver-protocol/node");

const uri = "file:///story.txt";
const server = spawn("nextword", ["lsp"], { stdio: ["pipe", "pipe", "inherit"] });
const connection = protocol.createProtocolConnection(
  new protocol.StreamMessageReader(server.stdout), new protocol.StreamMessageWriter(server.stdin));

async function main() {
  let line = fs.readFileSync("story.txt", "utf8").split("\n")[0];
  const seen = [];
  connection.listen();
  await connection.sendRequest(protocol.InitializeRequest.type,
    { processId: process.pid, rootUri: null, capabilities: { general: { positionEncodings: ["utf-16"] } } });
  connection.sendNotification(protocol.InitializedNotification.type, {});
  connection.sendNotification(protocol.DidOpenTextDocumentNotification.type,
    { textDocument: { uri, languageId: "plaintext", version: 1, text: line } });
  const change = (range, text) => {
    connection.sendNotification(protocol.DidChangeTextDocumentNotification.type,
      { textDocument: { uri, version: seen.length + 2 }, contentChanges: [{ range, text }] });
    line = line.slice(0, range.start.character) + text + line.slice(range.end.character);
  };
  for (const letters of [" liv", " ", " 😀 The c"]) {
    const end = { line: 0, character: line.length };
    change({ start: end, end }, letters);
    const position = { line: 0, character: line.length };
    const list = await connection.sendRequest(protocol.CompletionRequest.type, { textDocument: { uri }, position });
    const items = list.items
      .filter((item) => item.filterText.startsWith(line.slice(item.textEdit.range.start.character)))
      .sort((one, other) => (one.sortText < other.sortText ? -1 : 1));
    change(items[0].textEdit.range, items[0].textEdit.newText);
    seen.push({ words: items.map((item) => item.label), line });
  }
  await connection.sendRequest(protocol.ShutdownRequest.type);
  connection.sendNotification(protocol.ExitNotification.type);
  fs.writeFileSync(process.env.SEEN, JSON.stringify(seen));
}

main().then(() => server.once("exit", (code) => process.exit(code)));
