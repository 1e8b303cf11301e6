"""Text that goes on by itself: what may be drawn, how often, and how it is written."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nextword.config import GenerateConfig
from nextword.errors import UsageError
from nextword.inference.generation import Sampler, nucleus
from nextword.inference.predictor import Predictor
from nextword.text.detokenizer import Detokenizer, detokenize
from nextword.text.tokenizer import END_ID, UNKNOWN_ID


def continuation(predictor: Predictor, text: str, **settings: float) -> str:
    return "".join(Sampler(predictor, text, GenerateConfig(**settings)))  # type: ignore[arg-type]


weights = st.lists(st.integers(0, 5), min_size=1, max_size=30).filter(any)


@given(weights=weights, top_p=st.floats(0.001, 1))
def test_the_nucleus_is_the_smallest_set_of_the_likeliest_words_that_holds_the_share(
    weights: list[int], top_p: float
) -> None:
    distribution = np.asarray(weights, np.float32) / 64
    chosen = nucleus(distribution, top_p).tolist()
    ranked = sorted((word for word in range(len(weights)) if weights[word]), key=lambda word: (-weights[word], word))
    assert chosen == ranked[: len(chosen)]
    held = [sum(weights[word] for word in chosen[:size]) / sum(weights) for size in range(1, len(chosen) + 1)]
    assert held[-1] >= top_p or len(chosen) == len(ranked)
    assert all(share <= top_p for share in held[:-1])


def test_the_same_seed_gives_the_same_text_and_another_seed_another(predictor: Predictor) -> None:
    texts = [continuation(predictor, "The cat", words=40, temperature=1.0, seed=seed) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_a_seed_that_was_drawn_gives_its_text_again(predictor: Predictor) -> None:
    sampler = Sampler(predictor, "The cat", GenerateConfig(words=30))
    assert "".join(sampler) == continuation(predictor, "The cat", words=30, seed=sampler.seed)


@pytest.mark.parametrize("seed", range(5))
def test_as_many_words_are_written_as_were_asked_for_and_marks_are_none(mixed_up: Predictor, seed: int) -> None:
    tokenizer = mixed_up.tokenizer
    for words in (1, 7, 30):
        text = continuation(mixed_up, "", words=words, temperature=1.5, top_p=1.0, seed=seed)
        written = [tokenizer.words[token_id] for token_id in tokenizer.encode(text).ids]
        assert sum(map(tokenizer.is_word, written)) == words
        assert tokenizer.is_word(written[-1])


def test_what_is_drawn_is_written_as_detokenize_writes_it_and_never_the_unknown_word(
    mixed_up: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    add = Detokenizer.add

    def recording(writer: Detokenizer, token_id: int) -> str:
        drawn.append(token_id)
        return add(writer, token_id)

    monkeypatch.setattr(Detokenizer, "add", recording)
    text = continuation(mixed_up, "", words=400, temperature=1.5, top_p=1.0, seed=3)
    ids = list(drawn)
    assert UNKNOWN_ID not in ids
    assert END_ID in ids
    assert ids[0] != END_ID
    assert (END_ID, END_ID) not in set(itertools.pairwise(ids))
    assert detokenize(mixed_up.tokenizer, ids) == text


def test_a_text_is_gone_on_with_as_people_write(predictor: Predictor) -> None:
    certain = {"words": 1, "temperature": 0.01}
    assert continuation(predictor, "My mother-in-law and I went", **certain) == " to"
    assert continuation(predictor, "My mother-in-law and I went ", **certain) == "to"
    assert continuation(predictor, "My mother-in-law and I went\n", **certain) == "to"
    assert continuation(predictor, "", **certain)[0].isupper()
    after_the_end = continuation(predictor, "The cat sat on the mat", **certain)
    assert after_the_end.startswith((". ", ".\n\n"))
    assert continuation(predictor, 'Anna lives in Paris. "', **certain)[0].isupper()


def test_words_are_drawn_as_often_as_they_are_likely(predictor: Predictor) -> None:
    """500 first words at temperature 1: each share within five standard deviations of its probability."""
    expected = {p.word: p.probability for p in predictor.predict("Anna lives in", k=1000, punctuation=True)}
    drawn = [
        continuation(predictor, "Anna lives in", words=1, temperature=1.0, top_p=1.0, seed=seed).split()[0]
        for seed in range(500)
    ]
    for city in ("Paris", "London", "Berlin"):
        chance = expected[city]
        assert abs(drawn.count(city) / 500 - chance) < 5 * math.sqrt(chance * (1 - chance) / 500)


def test_a_model_that_writes_nothing_but_marks_comes_to_an_end(mixed_up: Predictor) -> None:
    tokenizer = mixed_up.tokenizer
    bias = np.full(len(tokenizer), -100, np.float32)
    bias[tokenizer.words.index("!")] = 100
    tensors = {**mixed_up.checkpoint.tensors, "output.bias": bias}
    shouting = Predictor(replace(mixed_up.checkpoint, tensors=tensors))
    assert set(continuation(shouting, "", words=3, seed=1)) == {"!"}


@pytest.mark.parametrize(
    "bad", [{"words": 0}, {"temperature": 0.0}, {"temperature": math.nan}, {"top_p": 0.0}, {"top_p": 1.5}, {"seed": -1}]
)
def test_settings_that_make_no_sense_are_refused_by_name(bad: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(bad))) as caught:
        GenerateConfig(**bad)  # type: ignore[arg-type]
    assert "nextword generate --help" in caught.value.hint
