"""Weights between those of a network and those of the one it went on from."""

from __future__ import annotations

import contextlib

import pytest
import torch
from support.networks import network_config

from nextword.model.language_model import RecurrentLanguageModel
from nextword.training.anchor import drawn_back


@pytest.mark.parametrize("tied", [True, False])
def test_known_rows_and_layers_are_between_old_and_new_and_all_is_as_it_was_afterwards(tied: bool) -> None:
    config = network_config(embedding_dim=6, hidden_size=6, tied=tied)
    source, model = RecurrentLanguageModel(config, 20), RecurrentLanguageModel(config, 23)
    old = {name: source.state_dict()[name].numpy() for name in config.parameter_shapes(20)}
    own = {name: value.clone() for name, value in model.state_dict().items()}
    with contextlib.suppress(KeyError), drawn_back(model, old, 0.2):
        for name, values in old.items():
            now, known = model.state_dict()[name], len(values)
            torch.testing.assert_close(now[:known], 0.8 * own[name][:known] + 0.2 * torch.from_numpy(values))
            assert torch.equal(now[known:], own[name][known:])
        raise KeyError
    assert all(torch.equal(value, own[name]) for name, value in model.state_dict().items())


def test_a_network_that_went_on_from_none_stays_as_it_is() -> None:
    model = RecurrentLanguageModel(network_config(embedding_dim=6, hidden_size=6), 20)
    own = {name: value.clone() for name, value in model.state_dict().items()}
    with drawn_back(model, {}, 0.2):
        assert all(torch.equal(value, own[name]) for name, value in model.state_dict().items())
