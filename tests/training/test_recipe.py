from __future__ import annotations

import math
from dataclasses import Field, asdict, fields, replace
from typing import Any

import pytest
from support.networks import network_config

from nextword.config import ModelConfig, NetworkConfig, RunConfig, TrainConfig
from nextword.training.recipe import Budget, choose_network, choose_training, sample_size

BOOK = Budget(tokens=900_000, vocabulary_size=10_000, paragraph=60, speed=4e11)


def choose(model: ModelConfig, config: TrainConfig, budget: Budget) -> tuple[NetworkConfig, RunConfig]:
    chosen = choose_training(config, model, budget.tokens, fine_tuning=False)
    return choose_network(model, chosen, budget), chosen


def _width(minutes: float | None, budget: Budget = BOOK, size: str = "auto") -> int:
    return choose(ModelConfig(), TrainConfig(minutes=minutes, size=size), budget)[0].hidden_size


def test_more_time_or_a_faster_machine_makes_a_larger_network() -> None:
    widths = [_width(minutes) for minutes in (0.5, 4, 15, 60, 600)]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]
    assert _width(4, replace(BOOK, speed=1e14)) == widths[-1]


def test_less_text_is_read_more_often_and_needs_more_dropout() -> None:
    chosen = [
        choose(ModelConfig(), TrainConfig(minutes=10, size="medium"), replace(BOOK, tokens=tokens))[0]
        for tokens in (200_000, 2_000_000, 100_000_000)
    ]
    dropouts = [model.dropout_output for model in chosen]
    assert dropouts[0] > dropouts[1] > dropouts[2] == 0


def test_what_the_user_asked_for_stays() -> None:
    model = ModelConfig(hidden_size=77, dropout_output=0.33)
    config = TrainConfig(batch_size=3, minutes=60)
    chosen, training = choose(model, config, BOOK)
    assert (chosen.hidden_size, chosen.dropout_output, training.batch_size, training.minutes) == (77, 0.33, 3, 60)
    assert chosen.embedding_dim == 77  # a tied network's last layer is as wide as its vectors


def test_named_sizes_grow() -> None:
    widths = [_width(None, size=size) for size in ("small", "medium", "large")]
    assert widths == sorted(set(widths))


def test_topics_are_kept_where_paragraphs_have_one() -> None:
    def share(paragraph: float) -> float:
        return choose(ModelConfig(), TrainConfig(), replace(BOOK, paragraph=paragraph))[0].topic_share

    assert share(100) > 0
    assert share(22) == 0


def test_a_small_vocabulary_is_scored_whole() -> None:
    assert sample_size(TrainConfig(), 1_000) == 0
    assert sample_size(TrainConfig(sampled_words=0), 100_000) == 0
    assert 0 < sample_size(TrainConfig(), 10_000) < 10_000 < sample_size(TrainConfig(), 200_000)
    assert sample_size(TrainConfig(sampled_words=2_000), 10_000) == 2_000


@pytest.mark.parametrize("cell", ["gru", "rnn"])
def test_other_cells_keep_no_topics_and_learn_more_slowly_unless_asked(cell: str) -> None:
    given = Budget(tokens=300_000, vocabulary_size=8_000, paragraph=100.0, speed=math.inf)
    model, config = choose(ModelConfig(cell=cell), TrainConfig(), given)
    lstm, lstm_config = choose(ModelConfig(), TrainConfig(), given)
    assert (model.topic_share, model.cell) == (0.0, cell)
    assert lstm.topic_share > 0
    assert config.lr < lstm_config.lr == 25
    assert choose(ModelConfig(cell=cell), TrainConfig(lr=3.0), given)[1].lr == 3.0


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("tokens", [5_000, 900_000, 10**9])
def test_only_what_is_unset_is_chosen_and_all_of_the_network_is_set_then(cell: str, tokens: int) -> None:
    wanted = asdict(ModelConfig(cell=cell)) | asdict(TrainConfig())
    network, run = choose(ModelConfig(cell=cell), TrainConfig(), replace(BOOK, tokens=tokens))
    chosen = asdict(network) | asdict(run)
    assert {name for name, value in wanted.items() if chosen[name] != value} <= {
        name for name, value in wanted.items() if value is None
    }
    assert None not in asdict(network).values()


@pytest.mark.parametrize("item", fields(ModelConfig), ids=lambda item: item.name)
def test_each_field_that_is_set_stays_whatever_the_others_become(item: Field[Any]) -> None:
    value = {"cell": "gru", "tied": False, "num_layers": 5}.get(item.name, 0.31 if "float" in str(item.type) else 77)
    model, _ = choose(ModelConfig(**{item.name: value}), TrainConfig(), BOOK)
    assert getattr(model, item.name) == value


def test_a_network_with_all_fields_set_stays_as_it_is() -> None:
    network = network_config(dropout_recurrent=0.2, num_layers=7)
    assert choose(network, TrainConfig(), BOOK)[0] == network


def test_a_network_that_has_learned_before_reads_less_often_and_is_held_back_more_unless_that_is_set() -> None:
    def chosen(fine_tuning: bool, **settings: int) -> tuple[NetworkConfig, RunConfig]:
        config = choose_training(TrainConfig(**settings), ModelConfig(), 40_000, fine_tuning)
        return choose_network(ModelConfig(), config, replace(BOOK, tokens=40_000), fine_tuning), config

    (network, config), (new_network, _) = chosen(True), chosen(False, epochs=3)
    assert network.dropout_output > new_network.dropout_output
    assert network.dropout_hidden > new_network.dropout_hidden
    assert config.epochs < chosen(False)[1].epochs
    assert chosen(True, epochs=7)[1].epochs == 7
    assert chosen(True, lr=3)[1].lr == 3
