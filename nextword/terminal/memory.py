"""What `nextword memory` shows: tables with bars on a terminal, the same without bars off one, or JSON.

Knows the figures of `memory_length` and `gradient_flow`, and decides nothing.
"""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from nextword.terminal import output as console

if TYPE_CHECKING:
    from nextword.evaluation.gradient_flow import GradientFlow
    from nextword.evaluation.memory_length import Compared, HalfLife, MemoryWorth, Worth

_MAX_BAR_LENGTH = 60  # characters
_DECADES = 8  # that a bar of the gradients' chart has room for
_MAIN_SHARE = 0.5
_NAMES = ("perplexity", "top 1", "top 3", "keys saved")


def show_worth(memory: MemoryWorth, lives: Sequence[HalfLife], as_json: bool) -> None:
    """What the memory is worth on a text, and how long the layers remember.

    As JSON: the fields of `MemoryWorth` and its parts, and under `half_lives` those of each `HalfLife`.
    """
    if as_json:
        print(console.json_line({**asdict(memory), "half_lives": [asdict(life) for life in lives]}))
        return
    print(f"All {memory.tokens:,} tokens of the text ({memory.unknown_rate:.1%} of them unknown):")
    _table(
        ("the state is", *_NAMES),
        [("carried on", *_figures(memory.carried)), ("cleared at each sentence", *_figures(memory.cleared))],
    )
    places = "all of them" if memory.places == memory.tokens else f"{memory.places:,} of them, spread evenly"
    print(f"\nAt {places}; bits a word, ± standard error:")
    most = max(*(row.bits_more for row in memory.compared), 1e-9)
    _table(
        ("remembered", *_NAMES, "bits more", ""),
        [(_remembered(row), *_figures(row.worth), _with_error(row), row.bits_more / most) for row in memory.compared],
    )
    print(f"\nEffective memory: {_effective(memory)}.\n")
    if lives:
        print(f"Half-life of what the units of a layer hold, in words, from the {lives[0].gate} gate:")
        _table(
            ("units", "a quarter below", "half", "three quarters", "nine tenths", "longest"),
            [(f"layer {life.layer}", *map(_digits, life.quantiles)) for life in lives],
        )
    else:
        print("Half-life: a plain net has no gate that keeps anything, and so none.")
    if memory.unknown_rate >= _MAIN_SHARE:
        console.note("much of this text is unknown to the model, so it says little about the memory")


def _figures(worth: Worth) -> tuple[str, str, str, str]:
    perplexity = f"{worth.perplexity:,.2f}" if worth.perplexity < 1e6 else f"{worth.perplexity:.2e}"
    return perplexity, f"{worth.top1:.1%}", f"{worth.top3:.1%}", f"{worth.keystroke_savings:.1%}"


def _remembered(row: Compared) -> str:
    if row.words is None:
        return {"sentence": "this sentence", "all": "everything"}[row.remembered]
    return "the last word" if row.words == 1 else f"last {row.words} words"


def _with_error(row: Compared) -> str:
    if row.remembered == "all":
        return ""
    bits = round(row.bits_more, 3) + 0.0  # no "-0.000"
    return f"{bits:.3f}" + (f" ± {row.standard_error:.3f}" if row.standard_error is not None else "")


def _effective(memory: MemoryWorth) -> str:
    limits = [row.words for row in memory.compared if row.words is not None]
    if not limits:
        return f"not measured; the text has {memory.tokens} tokens, and a limit of one word needs 3"
    if memory.effective_memory is None:
        return f"more than {limits[-1]} words (perplexity still over 1% higher)"
    words = "1 word" if memory.effective_memory == 1 else f"{memory.effective_memory} words"
    return f"{words} (perplexity within 1% of that with everything)"


def show_gradients(flow: GradientFlow, as_json: bool) -> None:
    """How the gradient falls with the distance. As JSON: the fields of `GradientFlow` and of each `Gradient`."""
    if as_json:
        print(console.json_line(asdict(flow)))
        return
    has_cell = any(gradient.cell is not None for gradient in flow.gradients)
    print("Gradient of a word's loss with respect to the state d words back, all layers:")
    print(f"its norm, mean of {flow.places:,} places, and that relative to one word back")
    if console.is_terminal(sys.stdout):
        print(f"(bars on a logarithmic scale, from 10^-{_DECADES} to 1):")
    rows = []
    for gradient in flow.gradients:
        columns = [(gradient.hidden, gradient.hidden_relative), (gradient.cell, gradient.cell_relative)]
        row: list[str | float] = [str(gradient.distance)]
        for norm, relative in columns[: 1 + has_cell]:
            row += [_scientific(norm), _scientific(relative), _decades(relative)]
        rows.append(row)
    _table(("d", "hidden state", "relative", "", *(("cell state", "relative", "") if has_cell else ())), rows)


def _scientific(value: float | None) -> str:
    if value is None:
        return "none"
    return f"{value:.3f}" if value >= 0.01 else f"{value:.1e}"


def _decades(relative: float | None) -> float:
    """Length of a bar, 0 to 1, on a logarithmic scale."""
    return 1 + math.log10(relative) / _DECADES if relative else 0.0


def _digits(value: float) -> str:
    """Three significant digits, or all that stand before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str | float]]) -> None:
    """Columns of text, the first to the left and the others to the right; numbers become bars, on a terminal only.

    Args:
        headings: One a column.
        rows: Texts, and where all rows have a number, lengths of bars, of which 1 is the longest.
    """
    columns = [[heading, *column] for heading, *column in zip(headings, *rows, strict=True)]
    texts = [[str(text) for text in column] for column in columns if isinstance(column[1], str)]
    widths = [max(map(len, column)) for column in texts]
    bars = len(columns) - len(texts)
    longest = 0
    if bars and console.is_terminal(sys.stdout):
        left = shutil.get_terminal_size().columns - sum(widths) - 2 * (len(columns) - 1)
        longest = min(max(left // bars, 0), _MAX_BAR_LENGTH)
    for row in zip(*columns, strict=True):
        line = []
        width = iter(widths)
        for place, item in enumerate(row):
            if isinstance(columns[place][1], str):
                line.append(str(item).rjust(next(width)) if place else str(item).ljust(next(width)))
            elif longest:
                line.append(console.bar(min(max(float(item or 0), 0.0), 1.0), longest).ljust(longest))
        print("  ".join(line).rstrip())
