"""What suggestions owe themselves to, on terminals of every width."""

from __future__ import annotations

import re

import numpy as np
import pytest
from rich.cells import cell_len
from support.screens import on_terminal

from nextword.analysis.influence import Influence, Part
from nextword.terminal.influence import show_influences

PARTS = [Part("France", 1), Part("fluent", 2), Part("世界", 3)]
INFLUENCES = [Influence("French", -1.0, np.array([3.1, 2.4, -1.0])), Influence("English", -2.0, np.array([0, 1, 0.5]))]


@pytest.mark.parametrize("columns", [10, 15, 20, 25, 40, 80])
def test_words_are_whole_and_no_row_is_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    screen = on_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", str(columns))
    show_influences(PARTS, INFLUENCES)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
    assert max(map(cell_len, shown.splitlines())) <= columns
    assert {"French", "English", "France", "fluent", "世界", "+3.1"} <= set(shown.split())
    assert ("50.0%" in shown) is (columns >= 40)
    if columns == 80:
        assert shown.splitlines()[0].rstrip() == "French   50.0%  France +3.1 bits, fluent +2.4, 世界 -1.0"
