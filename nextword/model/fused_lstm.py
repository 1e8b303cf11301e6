"""One LSTM layer over a window, forward and backward by hand, for processors that multiply bf16 fast.

The backward pass of nn.LSTM under autocast is slow where layers are wide, and its cell state is bf16, whose eight bits
lose what a long memory adds in small portions. Here

- what no step depends on is one product for the whole window: the input's share of the gates, and in the backward
  pass the gradients of both weight matrices and of the input;
- what is left for every step is one product with the recurrent weights and a handful of operations on (B, H);
- the cell state and the gates are 32-bit, only the factors of the products are bf16.

Equations as in Hochreiter and Schmidhuber 1997 with the forget gate of Gers, Schmidhuber and Cummins 2000; gates in
torch's order: input, forget, candidate, output.

Letters in shapes: T steps, B streams, I inputs, H units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor


def lstm_window(
    inputs: Tensor,
    weights: Sequence[Tensor],
    state: tuple[Tensor, Tensor],
    dtype: torch.dtype = torch.bfloat16,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Run one layer over T steps; differentiable by inputs and weights, not by the state.

    Args:
        inputs: (T, B, I).
        weights: (4H, I) from the input, (4H, H) recurrent, and the two biases (4H,), as nn.LSTM has them.
        state: Hidden and cell state before the first step, each (1, B, H).
        dtype: Number format of the factors of the matrix products.

    Returns:
        (T, B, H) hidden states of all steps, in `dtype`; hidden and cell state after the last, 32-bit, no gradient.
    """
    shown, hidden, cell = _LSTMWindow.apply(inputs, *weights, *state, dtype)  # type: ignore[no-untyped-call]
    return shown, (hidden, cell)


class _LSTMWindow(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias_ih: Tensor,
        bias_hh: Tensor,
        hidden: Tensor,
        cell: Tensor,
        dtype: torch.dtype,
    ) -> tuple[Tensor, Tensor, Tensor]:
        steps, streams, _ = inputs.shape
        units = weight_hh.shape[1]
        new = weight_hh.new_empty
        with torch.autocast(inputs.device.type, enabled=False):
            flat = inputs.flatten(0, 1).to(dtype)
            # tanh(x) = 2 sigmoid(2x) - 1, and doubling is exact in binary: with the candidate's rows doubled, one
            # sigmoid does for all four gates, in a fraction of tanh's time.
            from_input, recurrent = _candidate_doubled(weight_ih, dtype), _candidate_doubled(weight_hh, dtype)
            bias = _candidate_doubled((bias_ih + bias_hh)[:, None], dtype)[:, 0]
            given = torch.addmm(bias, flat, from_input.t()).view(steps, streams, 4 * units)

            gates = new(steps, streams, 4 * units)
            hiddens = new(steps + 1, streams, units, dtype=dtype)
            cells = new(steps + 1, streams, units)
            squashed = new(steps, streams, units)  # tanh of the cells
            hiddens[0], cells[0] = hidden[0], cell[0]
            all_four = gates.unbind(0)
            input_gate, forget_gate, candidate, output_gate = (gate.unbind(0) for gate in _by_gate(gates))
            given_at, hidden_at, cell_at, squashed_at = (x.unbind(0) for x in (given, hiddens, cells, squashed))
            minus_one = new(()).fill_(-1)
            add_recurrent = _linear(recurrent, streams)
            for t in range(steps):
                all_four[t].copy_(add_recurrent(hidden_at[t], given_at[t])).sigmoid_()
                torch.add(minus_one, candidate[t], alpha=2, out=candidate[t])
                torch.mul(forget_gate[t], cell_at[t], out=cell_at[t + 1]).addcmul_(input_gate[t], candidate[t])
                torch.add(cell_at[t + 1], cell_at[t + 1], out=squashed_at[t]).sigmoid_()
                torch.add(minus_one, squashed_at[t], alpha=2, out=squashed_at[t])
                torch.mul(output_gate[t], squashed_at[t], out=hidden_at[t + 1])
        ctx.save_for_backward(flat, weight_ih, weight_hh, gates, hiddens, cells, squashed)
        ctx.inputs_dtype = inputs.dtype
        last_hidden, last_cell = hiddens[-1:].float(), cells[-1:].clone()
        ctx.mark_non_differentiable(last_hidden, last_cell)
        return hiddens[1:], last_hidden, last_cell

    @staticmethod
    def backward(ctx: Any, grad_shown: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        flat, weight_ih, weight_hh, gates, hiddens, cells, squashed = ctx.saved_tensors
        steps, streams, units = squashed.shape
        dtype = flat.dtype
        with torch.autocast(flat.device.type, enabled=False):
            input_gate, forget_gate, candidate, output_gate = _by_gate(gates)
            one = gates.new_ones(())
            # What the gradient of the cell (of the hidden state, for the output gate) is multiplied with to become
            # that of the gates before their sigmoid or tanh: the other factor, times the slope there.
            factors = torch.empty_like(gates)
            to_input, to_forget, to_candidate, to_output = _by_gate(factors)
            for gate, other, result in (
                (input_gate, candidate, to_input),
                (forget_gate, cells[:-1], to_forget),
                (output_gate, squashed, to_output),
            ):
                torch.addcmul(gate, gate, gate, value=-1, out=result).mul_(other)
            torch.addcmul(one, candidate, candidate, value=-1, out=to_candidate).mul_(input_gate)
            to_cell = torch.addcmul(one, squashed, squashed, value=-1).mul_(output_gate)

            grad_gates = gates.new_empty(gates.shape, dtype=dtype)
            add_recurrent = _linear(weight_hh.t().to(dtype, memory_format=torch.contiguous_format), streams)
            grad_at, shown_at = grad_gates.unbind(0), grad_shown.to(dtype).unbind(0)
            cell_factors, cell_grads = (
                x.view(steps, streams, 4, units)[:, :, :3].unbind(0) for x in (factors, grad_gates)
            )
            output_factors, output_grads = (x[:, :, 3 * units :].unbind(0) for x in (factors, grad_gates))
            to_cell_at, forget_at = to_cell.unbind(0), forget_gate.unbind(0)
            grad_cell = gates.new_zeros(streams, units)
            grad_hidden = shown_at[-1].float()
            for t in range(steps - 1, -1, -1):
                grad_cell.addcmul_(grad_hidden, to_cell_at[t])
                torch.mul(cell_factors[t], grad_cell[:, None], out=cell_grads[t])
                torch.mul(output_factors[t], grad_hidden, out=output_grads[t])
                grad_cell.mul_(forget_at[t])
                if t:
                    grad_hidden = add_recurrent(grad_at[t], shown_at[t - 1]).float()

            flat_grad = grad_gates.flatten(0, 1)
            grad_inputs = torch.mm(flat_grad, weight_ih.to(dtype)).view(steps, streams, -1).to(ctx.inputs_dtype)
            grad_ih = torch.mm(flat_grad.t(), flat).float()
            grad_hh = torch.mm(flat_grad.t(), hiddens[:-1].flatten(0, 1)).float()
            grad_bias = flat_grad.sum(0, dtype=torch.float32)
        return grad_inputs, grad_ih, grad_hh, grad_bias, grad_bias.clone(), None, None, None


def _linear(weight: Tensor, streams: int) -> Callable[[Tensor, Tensor], Tensor]:
    """A function of (B, n) x and (B, m) y that gives y + x @ weight.T, for one `weight`, (m, n), and many calls.

    oneDNN lays a matrix out anew for every product, which costs a quarter of a product with few streams. Where torch
    can do it once and for all, it is done so; the operators are those behind its compiler, and not documented.
    """
    if weight.device.type == "cpu" and weight.dtype == torch.bfloat16 and _can_prepack():
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, streams)
        product = torch.ops.mkldnn._linear_pointwise.binary
        return lambda x, y: product(x, y, packed, None, "add")
    transposed = weight.t()
    return lambda x, y: torch.addmm(y, x, transposed)


@cache
def _can_prepack() -> bool:
    """Whether this torch has the operators that `_linear` wants, and they give what they should."""
    try:
        weight = torch.arange(12, dtype=torch.bfloat16).view(4, 3)
        x, y = torch.ones(2, 3, dtype=torch.bfloat16), torch.ones(2, 4, dtype=torch.bfloat16)
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, 2)
        result = torch.ops.mkldnn._linear_pointwise.binary(x, y, packed, None, "add")
        return torch.equal(result, torch.addmm(y, x, weight.t()))
    except (AttributeError, RuntimeError, NotImplementedError):
        return False


def _by_gate(gates: Tensor) -> tuple[Tensor, ...]:
    """(T, B, 4H) as four views (T, B, H): input, forget, candidate, output."""
    return gates.chunk(4, dim=2)


def _candidate_doubled(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """A copy of stacked gate weights, (4H, n), in `dtype`, the candidate's rows times two."""
    copy = weight.to(dtype, copy=True)
    copy.chunk(4)[2].mul_(2)
    return copy
