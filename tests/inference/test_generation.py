"""Text that goes on by itself: what may be drawn, what a phrase is, and that the search finds the likeliest."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.networks import network_config

from nextword.config import GenerateConfig
from nextword.errors import UsageError
from nextword.inference.generation import Sampler, nucleus, phrases
from nextword.inference.lstm import LSTMState
from nextword.inference.predictor import Prediction, Predictor
from nextword.text.sentences import SentencePosition
from nextword.text.tokenizer import END_ID, UNKNOWN_ID, Detokenizer, WordTokenizer


@pytest.fixture(scope="module")
def mixed_up(predictor: Predictor) -> Predictor:
    """A network that has learned nothing, so that anything may follow anything, over few words and marks."""
    tokenizer = WordTokenizer.train(['I know Anna, but Mr. Cat (a cat) sat. "No!" she said.\n\nThe end.'], min_count=1)
    config = network_config(embedding_dim=6, hidden_size=6, num_layers=2)
    random = np.random.default_rng(5)
    tensors = {
        name: random.normal(0, 1, shape).astype(np.float32)
        for name, shape in config.parameter_shapes(len(tokenizer)).items()
    }
    return Predictor(replace(predictor.checkpoint, config=config, tokenizer=tokenizer, tensors=tensors))


def continuation(predictor: Predictor, text: str, **settings: float) -> str:
    return "".join(Sampler(predictor, text, GenerateConfig(**settings)))  # type: ignore[arg-type]


# -- drawing ---------------------------------------------------------------------------------------------------------

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
    assert mixed_up.tokenizer.detokenize(ids) == text


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


# -- phrases ---------------------------------------------------------------------------------------------------------


def every_phrase(
    predictor: Predictor, state: LSTMState, position: SentencePosition, words: int, punctuation: bool, prefix: str
) -> dict[str, float]:
    """All phrases there are and their probabilities, one LSTM step at a time: what a search has to find the best of."""
    tokenizer, found = predictor.tokenizer, {}

    def extend(ids: tuple[int, ...], state: LSTMState, position: SentencePosition, chance: float, left: int) -> None:
        distribution = predictor.distribution(state)
        for token_id, token in enumerate(tokenizer.words):
            is_word = tokenizer.is_word(token)
            if token_id == UNKNOWN_ID or (ids and not is_word and not tokenizer.is_word(tokenizer.words[ids[-1]])):
                continue
            if not ids and (token_id == END_ID or not (is_word or punctuation) or not token.startswith(prefix.lower())):
                continue
            after, joint = position.after(token), chance * float(distribution[token_id])
            if token_id == END_ID or after.closed or (is_word and left == 1):
                writer = Detokenizer(tokenizer, start)
                pieces = [writer.add(token_id) for token_id in (*ids, token_id) if token_id != END_ID]
                found["".join([predictor.as_typed(pieces[0], prefix), *pieces[1:]])] = joint
            else:
                extend((*ids, token_id), predictor.read([token_id], state), after, joint, left - is_word)

    start = position
    extend((), state, position, 1.0, words)
    return found


@pytest.mark.parametrize(
    ("text", "words", "punctuation", "prefix"),
    [("", 1, False, ""), ("", 2, False, ""), ("she said,", 2, True, ""), ("she", 2, False, "S"), ("Mr", 1, True, "")],
)
def test_the_search_finds_the_likeliest_of_all_phrases(
    mixed_up: Predictor, text: str, words: int, punctuation: bool, prefix: str
) -> None:
    session = mixed_up.session()
    session.feed(text)
    state, position = session.state, session.snapshot.position
    everything = every_phrase(mixed_up, state, position, words, punctuation, prefix)
    expected = sorted(everything.items(), key=lambda item: -item[1])
    found = phrases(mixed_up, state, position, words, 2000, punctuation, prefix)
    assert len(found) == min(2000, len(expected))
    for phrase, (_, probability) in zip(found, expected, strict=False):
        assert everything[phrase.word] == pytest.approx(phrase.probability, rel=1e-4)
        assert phrase.probability == pytest.approx(probability, rel=1e-4)
    assert phrases(mixed_up, state, position, words, 3, punctuation, prefix) == found[:3]


def start_of(predictor: Predictor, text: str) -> tuple[LSTMState, SentencePosition]:
    session = predictor.session()
    session.feed(text)
    return session.state, session.snapshot.position


def test_phrases_are_what_comes_next_as_people_write_it(predictor: Predictor) -> None:
    best = phrases(predictor, *start_of(predictor, "My mother-in-law and I"), words=2, k=3)
    assert best[0].word == "went to"
    assert all(one.probability >= other.probability for one, other in itertools.pairwise(best))
    cities = phrases(predictor, *start_of(predictor, "I don't know Peter, but I know"), words=5, k=3)
    assert {phrase.word for phrase in cities} == {"Paris.", "London.", "Berlin."}
    inside = phrases(predictor, *start_of(predictor, "I don't know"), words=3, k=3)
    assert {phrase.word for phrase in inside} == {"Anna, but I", "Peter, but I", "Maria, but I"}


def test_a_phrase_of_one_word_is_the_word_that_predict_suggests(predictor: Predictor) -> None:
    for text in ("", "The cat sat on the", "Anna lives in"):
        expected = predictor.predict(text, k=4)
        found = phrases(predictor, *start_of(predictor, text), words=1, k=4)
        assert [phrase.word for phrase in found] == [prediction.word for prediction in expected]
        chances = [prediction.probability for prediction in expected]
        assert [phrase.probability for phrase in found] == pytest.approx(chances, rel=1e-5)


def test_letters_nobody_begins_a_word_with_begin_no_phrase(predictor: Predictor) -> None:
    assert phrases(predictor, *start_of(predictor, "The"), words=3, prefix="zzz") == []


def test_letters_typed_with_a_capital_begin_phrases_with_one(predictor: Predictor) -> None:
    found: list[Prediction] = phrases(predictor, *start_of(predictor, "My mother-in-law and I"), words=2, prefix="W")
    assert found[0].word == "Went to"
    assert all(phrase.word.startswith("W") for phrase in found)
