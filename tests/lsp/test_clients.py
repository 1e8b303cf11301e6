"""Real editors show what is suggested, take it and go on, with the configurations of the README as they stand there."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pygls", reason="the extra nextword[lsp] is not installed")

CLIENTS = Path(__file__).parent / "clients"
PROJECT = Path(__file__).parents[2]
README = (PROJECT / "nextword" / "lsp" / "README.md").read_text(encoding="utf-8")
SECONDS = 120  # after which an editor that hangs is ended

Drive = Callable[[list[str]], list[dict[str, Any]]]


def configuration(language: str) -> str:
    """The block in a language in the README."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return str(block)


@pytest.fixture
def drive(tmp_path: Path, tiny_checkpoint: Path) -> Drive:
    """Run an editor in a folder with a text, `nextword` being in its PATH; what it has noted."""
    program = tmp_path / "bin" / "nextword"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m nextword "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    (tmp_path / "story.txt").write_text("The cat sat on the mat. Anna\n", encoding="utf-8")
    environment = {
        **os.environ,
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT),
        "NEXTWORD_CHECKPOINT": str(tiny_checkpoint),
        "SEEN": str(tmp_path / "seen.json"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }

    def drive(command: list[str]) -> list[dict[str, Any]]:
        if not shutil.which(command[0]):
            pytest.skip(f"{command[0]} is not installed")
        master, slave = pty.openpty()  # Vim leaves where nobody could type
        try:
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, timeout=SECONDS, stdin=slave, check=False
            )
        finally:
            os.close(master)
            os.close(slave)
        assert (tmp_path / "seen.json").exists(), done.stdout.decode() + done.stderr.decode()
        seen: list[dict[str, Any]] = json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))
        return seen

    return drive


def assert_shown_taken_and_gone_on(seen: list[dict[str, Any]]) -> None:
    """Letters became a word, a space the next one, and letters after an emoji a third."""
    begun, following, after_emoji = seen
    assert begun["words"][0] == "lives"
    assert begun["line"] == "The cat sat on the mat. Anna lives"
    assert following["words"][0] == "in"
    assert len(following["words"]) > 3
    assert following["line"] == "The cat sat on the mat. Anna lives in"
    assert after_emoji["words"][0] == "cat"
    assert after_emoji["line"] == "The cat sat on the mat. Anna lives in 😀 The cat"


def test_neovim_with_its_own_client(drive: Drive, tmp_path: Path) -> None:
    (tmp_path / "init.lua").write_text(configuration("lua"), encoding="utf-8")
    script = f"luafile {CLIENTS / 'neovim.lua'}"
    assert_shown_taken_and_gone_on(drive(["nvim", "--headless", "-n", "-u", "init.lua", "story.txt", "-c", script]))


def test_emacs_with_eglot(drive: Drive, tmp_path: Path) -> None:
    (tmp_path / "init.el").write_text(configuration("elisp"), encoding="utf-8")
    assert_shown_taken_and_gone_on(drive(["emacs", "--batch", "-l", "init.el", "-l", str(CLIENTS / "emacs.el")]))


def test_vim_with_ale(drive: Drive, tmp_path: Path) -> None:
    (tmp_path / "vimrc").write_text(configuration("vim"), encoding="utf-8")
    packages = Path("/usr/share/vim")
    if not shutil.which("vim") or not list(packages.glob("*/pack/*/opt/ale")):
        pytest.skip("vim and vim-ale are not installed")
    command = ["vim", "-N", "-n", "-u", "vimrc", "--not-a-term", "-S", str(CLIENTS / "vim.vim"), "story.txt"]
    assert_shown_taken_and_gone_on(drive(command))


def test_the_code_of_vs_code_for_the_protocol(drive: Drive) -> None:
    find = ["node", "-e", "require.resolve('vscode-languageserver-protocol/node')"]
    if not shutil.which("node") or subprocess.run(find, capture_output=True, check=False).returncode:
        pytest.skip("vscode-languageserver-protocol is not where $NODE_PATH says")
    assert_shown_taken_and_gone_on(drive(["node", str(CLIENTS / "vscode.cjs")]))
