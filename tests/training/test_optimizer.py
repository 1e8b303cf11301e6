from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nextword.training.optimizer import Adaptive, ClippedSGD, gradient_values


def _parameters() -> list[nn.Parameter]:
    torch.manual_seed(4)
    return [nn.Parameter(torch.randn(6, 3)), nn.Parameter(torch.randn(5))]


def _give_gradients(parameters: list[nn.Parameter], scale: float) -> None:
    torch.manual_seed(5)
    for parameter in parameters:
        parameter.grad = scale * torch.randn_like(parameter)


@pytest.mark.parametrize("scale", [0.001, 10.0])  # far below the clip, and far above
def test_it_moves_as_torch_does(scale: float) -> None:
    ours, theirs = _parameters(), _parameters()
    sgd = torch.optim.SGD(theirs, lr=0.5)
    for parameters in (ours, theirs):
        _give_gradients(parameters, scale)
    ClippedSGD(ours, lr=0.5, clip=0.25).step()
    nn.utils.clip_grad_norm_(theirs, 0.25)
    sgd.step()
    torch.testing.assert_close(ours, theirs)
    assert all(parameter.grad is None for parameter in ours)


def test_some_parameters_may_move_faster_than_the_others_by_the_same_clipped_gradient() -> None:
    before, plain, ours = _parameters(), _parameters(), _parameters()
    for parameters in (plain, ours):
        _give_gradients(parameters, 10.0)
    ClippedSGD(plain, lr=0.5, clip=0.25).step()
    ClippedSGD(ours, lr=0.5, clip=0.25, faster=ours[:1], gain=3.0).step()
    torch.testing.assert_close(ours[0] - before[0], 3 * (plain[0] - before[0]))
    torch.testing.assert_close(ours[1], plain[1])


def test_a_sparse_gradient_moves_as_the_dense_one_does() -> None:
    rows, values = torch.tensor([4, 1, 4]), torch.arange(9.0).view(3, 3)  # row 4 twice
    moved: list[list[Tensor]] = []
    for sparse in (True, False):
        parameters = _parameters()
        grad = torch.sparse_coo_tensor(rows[None], values, (6, 3), check_invariants=True)
        parameters[0].grad = grad if sparse else grad.to_dense()
        ClippedSGD(parameters, lr=0.5, clip=0.25).step()
        moved.append([parameter.detach() for parameter in parameters])
    torch.testing.assert_close(*moved)


def test_values_of_a_gradient_can_be_changed_in_place() -> None:
    matrix, vector = _parameters()
    matrix.grad = torch.sparse_coo_tensor(torch.tensor([[2, 2]]), torch.ones(2, 3), (6, 3), check_invariants=True)
    gradient_values(matrix)[:, :2] = 0
    expected = torch.zeros(6, 3)
    expected[2, 2] = 2
    torch.testing.assert_close(matrix.grad.to_dense(), expected)
    with pytest.raises(ValueError, match="no gradient"):
        gradient_values(vector)


class _Words(nn.Module):
    """A matrix with a row a word, and another weight."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.words, self.other = nn.Parameter(torch.randn(6, 3)), nn.Parameter(torch.randn(5))


def test_adam_moves_what_is_no_word_as_torch_does() -> None:
    ours, theirs = _Words(), _Words()
    adaptive = Adaptive(ours, ["words"], lr=0.01, clip=1e9)
    adam = torch.optim.Adam([theirs.other], lr=0.01, betas=(0.9, 0.99), eps=1e-10)
    for scale in (1.0, 0.1, 3.0):
        for module in (ours, theirs):
            _give_gradients([*module.parameters()], scale)
        adaptive.step()
        adam.step()
    torch.testing.assert_close(ours.other, theirs.other)


def test_a_word_moves_by_its_gradient_over_the_root_of_all_it_had() -> None:
    module, expected, lr = _Words(), _Words().words.detach().clone(), 0.01
    squares = torch.zeros(6, 1)
    adaptive = Adaptive(module, ["words"], lr=lr, clip=1e9)
    start = expected.clone()
    ratios = []
    for step in range(3):
        grad = torch.zeros(6, 3)
        grad[:4] = torch.randn(4, 3, generator=torch.Generator().manual_seed(step))
        squares += grad.square().mean(1, keepdim=True)
        direction = torch.where(squares > 0, grad / squares.sqrt().clamp(min=1e-10), 0)
        before = module.words.detach().clone()
        module.words.grad = grad.clone()
        adaptive.step()
        ratios.append(((module.words.detach() - before)[:4] / direction[:4]).flatten())
    rates = torch.cat(ratios)
    torch.testing.assert_close(rates, rates.mean().expand_as(rates), rtol=1e-3, atol=1e-5)
    assert rates.mean() < -lr  # faster than what is no word
    torch.testing.assert_close(module.words.detach()[4:], start[4:])  # not a word of these was met


def test_a_sparse_gradient_moves_words_as_the_dense_one_does() -> None:
    moved = []
    for sparse in (True, False):
        module = _Words()
        adaptive = Adaptive(module, ["words"], lr=0.01, clip=0.25)
        for seed in range(3):
            values = torch.randn(3, 3, generator=torch.Generator().manual_seed(seed))
            grad = torch.sparse_coo_tensor(torch.tensor([[4, 1, 4]]), values, (6, 3), check_invariants=True)
            module.words.grad = grad if sparse else grad.to_dense()
            adaptive.step()
        moved.append(module.words.detach())
    torch.testing.assert_close(*moved)
