"""What `nextword memory` shows: tables with bars on a terminal, the same without bars off one."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nextword.terminal import output, results

if TYPE_CHECKING:
    from nextword.evaluation.gradient_flow import GradientFlow
    from nextword.evaluation.memory_length import Compared, HalfLife, MemoryWorth, Worth

_DECADES = 8  # powers of ten on the logarithmic scale of a gradient's bar
_FIGURES = ("perplexity", "top 1", "top 3", "keys saved")


def show_worth(memory: MemoryWorth, lives: Sequence[HalfLife]) -> None:
    """What the memory is worth on a text, and how long the layers remember."""
    print(f"All {memory.tokens:,} tokens of the text ({memory.unknown_rate:.1%} of them unknown):")
    rows = [
        ("the state is", *_FIGURES),
        ("carried on", *_figures(memory.carried)),
        ("cleared at each sentence", *_figures(memory.cleared)),
    ]
    output.print_table(rows, align_right=True)
    places = "all of them" if memory.places == memory.tokens else f"{memory.places:,} of them, spread evenly"
    print(f"\nAt {places}; bits a word, ± standard error:")
    most = max(*(row.bits_more for row in memory.compared), 1e-9)
    compared = [
        (_remembered(row), *_figures(row.worth), _with_error(row), row.bits_more / most) for row in memory.compared
    ]
    output.print_table([("remembered", *_FIGURES, "bits more", ""), *compared], align_right=True)
    print(f"\nEffective memory: {_effective(memory)}.\n")
    if lives:
        print(f"Half-life of what the units of a layer hold, in words, from the {lives[0].gate} gate:")
        headings = ("units", "a quarter below", "half", "three quarters", "nine tenths", "longest")
        half_lives = [(f"layer {life.layer}", *map(_digits, life.quantiles)) for life in lives]
        output.print_table([headings, *half_lives], align_right=True)
    else:
        print("Half-life: a plain net has no gate that keeps anything, and so none.")


def _figures(worth: Worth) -> tuple[str, str, str, str]:
    perplexity = results.perplexity_text(worth.perplexity)
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


def show_gradients(flow: GradientFlow) -> None:
    """How the gradient falls with the distance."""
    has_cell = any(gradient.cell is not None for gradient in flow.gradients)
    print("Gradient of a word's loss with respect to the state d words back, all layers:")
    print(f"its norm, mean of {flow.places:,} places, and that relative to one word back")
    if output.is_terminal(sys.stdout):
        print(f"(bars on a logarithmic scale, from 10^-{_DECADES} to 1):")
    headings = ["d", "hidden state", "relative", "", *(["cell state", "relative", ""] if has_cell else [])]
    rows: list[list[str | float]] = [[*headings]]
    for gradient in flow.gradients:
        norms = [(gradient.hidden, gradient.hidden_relative), (gradient.cell, gradient.cell_relative)]
        row: list[str | float] = [str(gradient.distance)]
        for norm, relative in norms[: 1 + has_cell]:
            row += [_scientific(norm), _scientific(relative), _decades(relative)]
        rows.append(row)
    output.print_table(rows, align_right=True)


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
