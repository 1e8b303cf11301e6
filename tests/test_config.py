"""Every default and every limit: what is accepted, and that a refusal names the field."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict, fields, replace
from typing import Any

import pytest
from support.networks import network_config

from nextword.config import ExplainConfig, ModelConfig, NetworkConfig, RunConfig, TrainConfig
from nextword.errors import UsageError

EVERY_FIELD = [(config, item) for config in (ModelConfig, TrainConfig, ExplainConfig) for item in fields(config)]
LIMITED = [(config, item) for config, item in EVERY_FIELD if item.metadata.get("low") is not None]
CHOSEN = [(config, item) for config, item in EVERY_FIELD if item.metadata.get("choices")]


def name_of(value: Any) -> str:
    return getattr(value, "name", None) or value.__name__


def test_the_defaults_are_allowed() -> None:
    assert ModelConfig() == ModelConfig()
    assert TrainConfig() == TrainConfig()


@pytest.mark.parametrize(("config", "item"), EVERY_FIELD, ids=name_of)
def test_every_field_explains_itself_in_a_sentence(config: Any, item: Any) -> None:
    assert item.metadata["help"][0].isupper()
    assert item.metadata["help"].endswith(".")


@pytest.mark.parametrize(("config", "item"), EVERY_FIELD, ids=name_of)
def test_a_value_of_the_wrong_type_is_refused_and_the_field_named(config: Any, item: Any) -> None:
    wrong = 1.5 if str(item.type).startswith(("str", "bool")) else "many"
    with pytest.raises(UsageError, match=f"^{item.name} is "):
        config(**{item.name: wrong})


@pytest.mark.parametrize(("config", "item"), LIMITED, ids=name_of)
def test_a_value_out_of_its_limits_is_refused_and_its_limits_are_accepted(config: Any, item: Any) -> None:
    low, high = item.metadata["low"], item.metadata["high"]
    assert getattr(config(**{item.name: low}), item.name) == low
    assert getattr(config(**{item.name: high}), item.name) == high
    below = low - 1 if isinstance(low, int) and "int" in str(item.type) else low - 1e-12 - abs(low) / 10
    for beyond in (below, high + max(1, abs(high) // 10)):
        with pytest.raises(UsageError, match=f"^{item.name} is "):
            config(**{item.name: beyond})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "0.1"])
def test_a_number_must_be_a_finite_number(value: Any) -> None:
    with pytest.raises(UsageError, match=r"^lr is "):
        TrainConfig(lr=value)
    with pytest.raises(UsageError, match=r"^dropout_input is "):
        ModelConfig(dropout_input=value)


@pytest.mark.parametrize(("config", "item"), CHOSEN, ids=name_of)
def test_a_choice_takes_its_words_and_no_other(config: Any, item: Any) -> None:
    for choice in item.metadata["choices"]:
        assert getattr(config(**{item.name: choice}), item.name) == choice
    with pytest.raises(UsageError, match=item.metadata["choices"][-1]):
        config(**{item.name: "sausages"})


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "a\\b", "a\0b"])
def test_a_name_that_cannot_be_a_file_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"^name is "):
        TrainConfig(name=name)


def test_a_config_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        ModelConfig().hidden_size = 3  # type: ignore[misc]


CHOSEN_LATER = [item.name for item in fields(ModelConfig) if item.default is None]


@pytest.mark.parametrize("name", CHOSEN_LATER)
def test_a_network_has_every_field_set(name: str) -> None:
    complete = asdict(network_config())
    assert NetworkConfig(**complete) == network_config()
    with pytest.raises(UsageError, match=f"^{name} is None"):
        NetworkConfig(**complete | {name: None})
    del complete[name]
    with pytest.raises(UsageError, match=f"^{name} is None"):
        NetworkConfig(**complete)


@pytest.mark.parametrize("name", ["epochs", "optimizer", "lr"])
def test_a_run_has_a_length_and_a_learning_rate(name: str) -> None:
    settings = {"epochs": 3, "optimizer": "adam", "lr": 2}
    assert getattr(RunConfig(**settings), name) == settings[name]
    with pytest.raises(UsageError, match=f"^{name} is None"):
        RunConfig(**{**settings, name: None})


def test_a_network_is_held_to_the_limits_of_what_can_be_asked_for() -> None:
    for name, value in (("hidden_size", 0), ("num_layers", 65), ("topic_share", 0.6), ("dropout_input", "much")):
        with pytest.raises(UsageError, match=f"^{name} is "):
            network_config(**{name: value})
    assert isinstance(replace(network_config(), hidden_size=3), NetworkConfig)


def test_a_file_from_before_there_were_other_cells_is_of_an_lstm() -> None:
    values = asdict(network_config(topic_share=0.25))
    for name in ("cell", "topic_share"):
        assert NetworkConfig.from_json({key: values[key] for key in values if key != name}) == network_config()
    with pytest.raises(UsageError, match=r"^hidden_size is None"):
        NetworkConfig.from_json({key: values[key] for key in values if key != "hidden_size"})


def test_unset_min_count_follows_the_tokenizer_and_a_set_one_stays() -> None:
    assert TrainConfig(tokenizer="words").smallest_count == 2
    assert TrainConfig(tokenizer="whitespace").smallest_count == 1
    assert TrainConfig(tokenizer="whitespace", min_count=7).smallest_count == 7


def test_a_tied_network_ends_in_a_layer_as_wide_as_the_embedding() -> None:
    tied = network_config(embedding_dim=8, hidden_size=20, num_layers=3, tied=True)
    assert tied.layer_sizes() == [(8, 20), (20, 20), (20, 8)]
    untied = network_config(embedding_dim=8, hidden_size=20, num_layers=3, tied=False)
    assert untied.layer_sizes() == [(8, 20), (20, 20), (20, 20)]
    assert network_config(embedding_dim=8, hidden_size=20, num_layers=1, tied=True).layer_sizes() == [(8, 8)]
