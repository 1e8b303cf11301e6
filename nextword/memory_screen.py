"""What `nextword memory` shows: tables with a bar a row on a terminal, the same without bars off one, or JSON.

Knows the figures of `memory_length` and `gradient_flow`, and decides nothing.
"""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from nextword import console

if TYPE_CHECKING:
    from nextword.gradient_flow import Gradient, GradientFlow
    from nextword.memory_length import Compared, HalfLife, MemoryWorth, Worth

_LONGEST_BAR = 60  # characters
_DECADES = 8  # that a bar of the gradients' chart shows; what is smaller has none
_MOSTLY = 0.5
_HEADINGS = ("remembered", "perplexity", "top 1", "top 3", "keys saved", "bits more")


def show_worth(memory: MemoryWorth, lives: Sequence[HalfLife], as_json: bool) -> None:
    """What the memory is worth on a text, and how long the layers remember.

    As JSON: the fields of `MemoryWorth` and its parts, and under `half_lives` those of each `HalfLife`.
    """
    if as_json:
        print(console.json_line({**asdict(memory), "half_lives": [asdict(life) for life in lives]}))
        return
    facts = [("tokens", f"{memory.tokens:,} ({memory.unknown_rate:.1%} of them unknown)")]
    facts += [("state carried", _summary(memory.carried)), ("cleared at each sentence", _summary(memory.cleared))]
    console.show_facts(facts)
    print("\nAt all of them:" if memory.places == memory.tokens else f"\nAt {memory.places:,} of them, spread evenly:")
    rows = [
        (
            _remembered(row),
            _perplexity(row.worth.perplexity),
            f"{row.worth.top1:.1%}",
            f"{row.worth.top3:.1%}",
            f"{row.worth.keystroke_savings:.1%}",
            "" if row.remembered == "all" else _with_error(row.bits_more, row.standard_error),
        )
        for row in memory.compared
    ]
    most = max(*(row.bits_more for row in memory.compared), 1e-9)
    _table(_HEADINGS, rows, [max(0.0, row.bits_more / most) for row in memory.compared])
    print()
    facts = [("effective memory", _effective(memory))]
    facts += [
        (
            f"half-life, layer {life.layer}",
            f"{_figure(life.median)} words, quartiles {_figure(life.lower)} and {_figure(life.upper)} "
            f"(median of the units; {life.gate} gate)",
        )
        for life in lives
    ]
    console.show_facts(facts if lives else [*facts, ("half-life", "none: a plain net has no gate that keeps")])
    if memory.unknown_rate >= _MOSTLY:
        console.note("most of this text is unknown to the model, so it says little about the memory")


def _summary(worth: Worth) -> str:
    return (
        f"perplexity {_perplexity(worth.perplexity)}, top 1 {worth.top1:.1%}, top 3 {worth.top3:.1%}, "
        f"keys saved {worth.keystroke_savings:.1%}"
    )


def _perplexity(value: float) -> str:
    return f"{value:,.2f}" if value < 1e6 else f"{value:.2e}"


def _remembered(row: Compared) -> str:
    named = {"sentence": "this sentence", "all": "everything"}
    return named.get(row.remembered) or ("the last word" if row.words == 1 else f"last {row.words} words")


def _with_error(bits: float, error: float | None) -> str:
    return f"{bits:.3f}" + (f" ± {error:.3f}" if error is not None else "")


def _effective(memory: MemoryWorth) -> str:
    limits = [row.words for row in memory.compared if row.words is not None]
    if not limits:
        return f"not measured: a limit of one word takes nothing away from a text of {memory.tokens}"
    if memory.effective_memory is None:
        return f"more than {limits[-1]} words: with them, perplexity is still over 1% higher than with everything"
    words = "word" if memory.effective_memory == 1 else "words"
    return f"{memory.effective_memory} {words}: from there on, perplexity is within 1% of that with everything"


def show_gradients(flow: GradientFlow, as_json: bool) -> None:
    """How the gradient falls with the distance. As JSON: the fields of `GradientFlow` and of each `Gradient`."""
    if as_json:
        print(console.json_line(asdict(flow)))
        return
    has_cell = any(gradient.cell is not None for gradient in flow.gradients)
    print(
        f"Norm of the gradient of a word's loss with respect to the state d words back, mean of {flow.places:,} places"
    )
    print("(by that one word back), all layers together; bars on a logarithmic scale:\n")
    headings = ("d", "hidden state", *(["cell state"] if has_cell else []))
    rows = [_gradient_row(gradient, has_cell) for gradient in flow.gradients]
    # The cell is what the LSTM remembers with; other cells have nothing but the hidden state.
    relative = [row.cell_relative if has_cell else row.hidden_relative for row in flow.gradients]
    _table(headings, rows, [_decades(value) for value in relative])
    decade = f"each eighth of the longest bar a factor of 10; bars of the {headings[-1]}"
    if console.is_terminal(sys.stdout):
        print(f"\n{decade}")


def _gradient_row(gradient: Gradient, has_cell: bool) -> tuple[str, ...]:
    pairs = [(gradient.hidden, gradient.hidden_relative), (gradient.cell, gradient.cell_relative)]
    cells = (
        "not a number" if norm is None else f"{norm:.3g}" + (f" ({relative:.2g})" if relative is not None else "")
        for norm, relative in pairs[: 1 + has_cell]
    )
    return (str(gradient.distance), *cells)


def _decades(relative: float | None) -> float:
    """Length of a bar, 0 to 1, for a figure from 10^-8 to 1 on a logarithmic scale."""
    if not relative:
        return 0.0
    return min(max(1 + math.log10(relative) / _DECADES, 0.0), 1.0)


def _figure(value: float) -> str:
    """Three significant digits, or all that stand before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], shares: Sequence[float]) -> None:
    """Columns of text, the first to the left and the others to the right; on a terminal with a bar a row.

    Args:
        headings: One a column.
        rows: Likewise.
        shares: Length of each row's bar, 0 to 1.
    """
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    longest = 0
    if console.is_terminal(sys.stdout):
        left = shutil.get_terminal_size().columns - sum(widths) - 2 * len(widths) - 1
        longest = min(max(left, 0), _LONGEST_BAR)
    for row, share in zip([headings, *rows], [0.0, *shares], strict=True):
        first, *others = (
            text.rjust(width) if place else text.ljust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        bar = console.bar(share, longest)
        print("  ".join([first, *others, bar]).rstrip())
