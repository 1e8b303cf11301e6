from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nextword.training.optimizer import ClippedSGD, gradient_values


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
