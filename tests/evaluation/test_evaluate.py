"""Perplexity: over every token, from the first to the last; accuracy, keystrokes, surprisals: as counted by hand."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.models import SMALL_LIMITS, random_ids, random_model
from support.networks import network_config
from torch.nn import functional

from nextword.config import AdaptConfig, NetworkConfig
from nextword.errors import CorpusError
from nextword.evaluation.evaluate import Metrics, evaluate, perplexity, score
from nextword.evaluation.evaluation_text import encode, read_text, surprisal
from nextword.evaluation.keystrokes import keys_needed, keys_used
from nextword.evaluation.reader import ReadingLimits
from nextword.inference.predictor import Predictor
from nextword.model.language_model import RecurrentLanguageModel, load_model
from nextword.storage.checkpoint import load_checkpoint
from nextword.text.tokenizer import END, END_ID, UNKNOWN_ID, WordTokenizer

VOCABULARY = 11


@pytest.fixture(scope="module")
def model() -> RecurrentLanguageModel:
    return random_model(network_config(embedding_dim=6, hidden_size=7, num_layers=2, dropout_output=0.5), VOCABULARY)


def some_ids(count: int) -> np.ndarray:
    return random_ids(count, VOCABULARY)


def plain_distributions(model: RecurrentLanguageModel, ids: np.ndarray) -> np.ndarray:
    """(N, V) probabilities, one word after the other."""
    model.eval()
    rows, state, before = [], None, END_ID
    with torch.no_grad():
        for token in ids.tolist():
            hidden, state = model(torch.tensor([[before]]), state)
            rows.append(torch.softmax(model.output(hidden[0, 0]).double(), 0).numpy())
            before = token
    return np.stack(rows)


def plain_perplexity(model: RecurrentLanguageModel, ids: np.ndarray) -> float:
    return math.exp(-np.log(plain_distributions(model, ids)[np.arange(len(ids)), ids]).mean())


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 50, 2500])
def test_perplexity_counts_every_token_from_the_first_on(model: RecurrentLanguageModel, count: int) -> None:
    ids = some_ids(count)
    assert perplexity(model, ids) == pytest.approx(plain_perplexity(model, ids), rel=1e-4)


@pytest.mark.parametrize("window", [1, 7, 100, 10_000])
def test_perplexity_does_not_depend_on_the_window(model: RecurrentLanguageModel, window: int) -> None:
    ids = some_ids(130)
    limits = ReadingLimits(stream_window=window)
    assert perplexity(model, ids, limits) == pytest.approx(plain_perplexity(model, ids), rel=1e-4)


@pytest.mark.parametrize("count", [1, 63, 64, 200])
def test_surprisal_is_cross_entropy(count: int) -> None:
    generator = torch.Generator().manual_seed(count)
    scores = 9 * torch.randn(count, VOCABULARY, generator=generator)
    targets = torch.randint(VOCABULARY, (count,), generator=generator)
    expected = functional.cross_entropy(scores, targets, reduction="none")
    torch.testing.assert_close(surprisal(scores, targets), expected[:, None])


def test_a_model_that_knows_nothing_is_as_perplexed_as_its_vocabulary_is_large(model: RecurrentLanguageModel) -> None:
    ignorant = RecurrentLanguageModel(model.config, VOCABULARY)
    with torch.no_grad():
        for parameter in ignorant.parameters():
            parameter.zero_()
    assert perplexity(ignorant, some_ids(40)) == pytest.approx(VOCABULARY, rel=1e-4)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_of_the_model_is_left_as_it_was_and_dropout_is_off(
    model: RecurrentLanguageModel, training: bool
) -> None:
    ids = some_ids(60)
    model.train(training)
    assert perplexity(model, ids) == perplexity(model, ids)
    assert model.training is training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_hopeless_model_gives_a_large_number_and_no_error(model: RecurrentLanguageModel) -> None:
    hopeless = RecurrentLanguageModel(model.config, VOCABULARY)
    with torch.no_grad():
        hopeless.output.bias.copy_(torch.tensor([1e6] + [0.0] * (VOCABULARY - 1)))
    value = perplexity(hopeless, np.full(20, 5, np.int32))
    assert math.isfinite(value)
    assert value > 1e100


# -- evaluate and score ----------------------------------------------------------------------------------------------

WORDS = ["the", "then", "there", "a", "sat", "cat", ".", ",", "!"]
TEXTS = ["The cat, then. A zebra sat\nthere!\n\nThe cat sat.\n", "A cat!\n\n\nThere, the cat."]


@pytest.fixture(scope="module")
def tokenizer() -> WordTokenizer:
    made = WordTokenizer.train([" ".join(WORDS)], min_count=1)
    assert len(made) == VOCABULARY
    return made


def test_a_score_is_surprisal_rank_and_entropy_of_every_token_where_it_stands(
    model: RecurrentLanguageModel, tokenizer: WordTokenizer
) -> None:
    ids = encode(tokenizer, TEXTS)
    distributions = plain_distributions(model, ids)
    scores = list(score(model, tokenizer, TEXTS))
    assert [(s.line, s.position, s.word) for s in scores][:9] == [
        (1, 1, "The"),
        (1, 2, "cat"),
        (1, 3, ","),
        (1, 4, "then"),
        (1, 5, "."),
        (1, 6, "A"),
        (1, 7, "zebra"),
        (1, 8, "sat"),
        (2, 1, "there"),
    ]
    assert len(scores) == len(ids)
    assert scores[-1][:3] == (4, 6, END)
    for item, token, row in zip(scores, ids, distributions, strict=True):
        assert item.surprisal == pytest.approx(-math.log2(row[token]), rel=1e-4)
        assert item.rank == 1 + np.argsort(-row, kind="stable").tolist().index(token)
        assert item.entropy == pytest.approx(-(row * np.log2(row)).sum(), rel=1e-4)


def test_evaluation_and_score_and_perplexity_agree_however_long_the_text(
    model: RecurrentLanguageModel, tokenizer: WordTokenizer
) -> None:
    texts = TEXTS * 40
    progress: list[tuple[int, int]] = []
    evaluation = evaluate(model, tokenizer, texts, lambda *done: progress.append(done), limits=SMALL_LIMITS)
    scores = list(score(model, tokenizer, texts, limits=SMALL_LIMITS))
    surprisals = np.asarray([item.surprisal for item in scores])
    ranks = np.asarray([item.rank for item in scores])
    assert evaluation.tokens == len(scores) == progress[-1][0] > 1000
    assert evaluation.bits_per_word == pytest.approx(surprisals.mean(), rel=1e-6)
    assert evaluation.perplexity == pytest.approx(math.exp(surprisals.mean() * math.log(2)), rel=1e-6)
    assert evaluation.perplexity == pytest.approx(perplexity(model, encode(tokenizer, texts), SMALL_LIMITS), rel=1e-6)
    for k, share in ((1, evaluation.top1), (3, evaluation.top3), (5, evaluation.top5), (10, evaluation.top10)):
        assert share == pytest.approx((ranks <= k).mean())
    assert evaluation.unknown_rate == pytest.approx(1 / 26)
    assert evaluation.tokens_per_second == pytest.approx(evaluation.tokens / evaluation.seconds)


def always(config: NetworkConfig, order: list[int]) -> RecurrentLanguageModel:
    """A model to which, everywhere, ids earlier in `order` are likelier, by a bit each."""
    made = RecurrentLanguageModel(config, len(order))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.zero_()
        made.output.bias[torch.tensor(order)] = -math.log(2) * torch.arange(len(order)).float()
    return made


def test_known_suggestions_save_the_keys_that_a_finger_counts(
    model: RecurrentLanguageModel,
) -> None:
    likeliest_first = [".", "the", "cat", "sat", "then", "them", "there", ",", "!"]
    tokenizer = WordTokenizer.train([" ".join(likeliest_first)], min_count=1)
    order = [tokenizer.words.index(word) for word in likeliest_first] + [UNKNOWN_ID, END_ID]
    text = "The cat, the\n  zebra them.\n\n\nSat there!\n"
    #       key by key:  The cat, the zebra them. (Enter)  Sat there! (Enter)
    needed = len("The cat, the zebra them.\nSat there!\n")
    used = 1 + 1 + len(", ") + 1 + len("zebra ") + len("t") + 1 + len(".\n") + 1 + len("the") + 1 + len("!\n")
    evaluation = evaluate(always(model.config, order), tokenizer, [text])
    assert evaluation.keystroke_savings == pytest.approx(1 - used / needed)
    # "." is likeliest; then come the words in their order: the, the | cat | Sat, sat.
    assert evaluation.top1 == pytest.approx(1 / 12)
    assert evaluation.top3 == pytest.approx(4 / 12)


@pytest.mark.slow
@given(
    words=st.lists(st.sampled_from(["a", "ab", "abc", "b", "ba", "bab", ".", "N"]), min_size=1, unique=True),
    lines=st.lists(st.lists(st.sampled_from(["a", "ab", "abc", "b", "ba", "bab", ".", "N", "zz"])), min_size=1),
    random=st.randoms(use_true_random=False),
)
def test_savings_are_those_of_someone_who_types_the_file(words: list[str], lines: list[list[str]], random) -> None:
    tokenizer = WordTokenizer.train([" ".join(words)], "whitespace", min_count=1)
    order = list(range(len(tokenizer)))
    random.shuffle(order)
    text = "".join(" ".join(line) + "\n" for line in lines)
    suggested = [tokenizer.words[index] for index in order if re.search("[a-zN]", tokenizer.words[index])]
    suggested = [word for word in suggested if not word.startswith("<")]
    keys = 0
    for line in lines:
        for index, word in enumerate(line):
            space = index < len(line) - 1
            tries = (j for j in range(len(word)) if word in [w for w in suggested if w.startswith(word[:j])][:3])
            keys += min(next(tries, math.inf) + 1, len(word) + space)
        keys += 1
    evaluation = evaluate(always(network_config(embedding_dim=2, hidden_size=2), order), tokenizer, [text])
    assert evaluation.keystroke_savings == pytest.approx(1 - keys / len(text))


def test_equally_likely_words_rank_in_order_of_their_ids(
    model: RecurrentLanguageModel, tokenizer: WordTokenizer
) -> None:
    ignorant = RecurrentLanguageModel(model.config, VOCABULARY)
    with torch.no_grad():
        for parameter in ignorant.parameters():
            parameter.zero_()
    scores = list(score(ignorant, tokenizer, TEXTS))
    assert [item.rank - 1 for item in scores] == encode(tokenizer, TEXTS).tolist()
    assert {round(item.entropy, 4) for item in scores} == {round(math.log2(VOCABULARY), 4)}


def test_the_model_of_a_checkpoint_expects_what_the_predictor_expects(tiny_checkpoint: Path) -> None:
    predictor = Predictor.load(tiny_checkpoint)
    loaded = load_model(load_checkpoint(tiny_checkpoint), "cpu")
    assert not loaded.training
    text = "The cat sat on the mat. Anna lives in Paris."
    session = predictor.session()
    distribution = predictor.distribution(session.state)
    scores = list(score(loaded, predictor.tokenizer, [text]))
    for item, token in zip(scores, predictor.tokenizer.encode(text).ids, strict=False):
        assert 2**-item.surprisal == pytest.approx(distribution[token], rel=1e-3)
        distribution = predictor.distribution(predictor.read([token], session.state))
        session.feed(predictor.tokenizer.words[token])


def test_no_text_is_a_corpus_error(model: RecurrentLanguageModel, tokenizer: WordTokenizer) -> None:
    with pytest.raises(CorpusError):
        evaluate(model, tokenizer, ["\n \n"])
    with pytest.raises(CorpusError):
        list(score(model, tokenizer, []))


NEW_WORDS = (
    'Zoltan lives in Paris. "Where is Zoltan?" asked Anna.\n\n'
    "The cat sat on Zoltan. My mother-in-law and Zoltan went to Zanzibar by train. Zoltan and I know Zanzibar.\n"
)


@pytest.mark.parametrize("rare", [[], ["Zanzibar", "Zebra", "aardvark"]])
def test_adapting_is_what_a_session_does_that_is_typed_word_by_word(tiny_checkpoint: Path, rare: list[str]) -> None:
    adapt = AdaptConfig(window=20)
    predictor = Predictor.load(tiny_checkpoint)
    tokenizer = predictor.tokenizer
    tokenizer.rare = rare
    session = predictor.session(adapt)
    nats, needed, used = 0.0, 0, 0
    for token in tokenizer.written(NEW_WORDS):
        expected = session.outlook().distribution
        chance = expected[token.token_id] + (expected[len(tokenizer) :].sum() if token.token_id == UNKNOWN_ID else 0)
        nats -= math.log(chance)
        letters = [
            typed
            for typed in range(len(token.word))
            if token.word in [found.word for found in session.suggest(3, prefix=token.word[:typed])]
        ]
        needed += keys_needed(token)
        typed = letters[0] if letters and tokenizer.is_word(token.word) else math.inf
        used += int(keys_used(np.array([keys_needed(token)]), np.array([typed])).sum())
        session.feed("\n\n" if token.token_id == END_ID else token.word)
    model = load_model(load_checkpoint(tiny_checkpoint), "cpu")
    evaluation = evaluate(model, tokenizer, [NEW_WORDS], adapt=adapt)
    assert math.log(evaluation.perplexity) == pytest.approx(nats / evaluation.tokens, rel=1e-4)
    assert evaluation.keystroke_savings == pytest.approx(1 - used / needed)
    assert evaluation.keystroke_savings > evaluate(model, tokenizer, [NEW_WORDS]).keystroke_savings


def test_after_a_past_the_text_is_measured_as_a_session_expects_it_that_has_read_both(tiny_checkpoint: Path) -> None:
    loaded, adapt = load_checkpoint(tiny_checkpoint), AdaptConfig(window=30)
    model, past, text = load_model(loaded, "cpu"), NEW_WORDS * 2, "Zoltan and Anna went to Zanzibar.\n\n"
    both, before = (Metrics(), Metrics())
    for metrics, texts in ((both, [past, text]), (before, [past])):
        read = read_text(model, loaded.tokenizer, texts, adapting=True)
        for figures in read.adapting(adapt, ReadingLimits(), lambda _: None):
            metrics.add(figures, np.ones(len(figures), np.int64))
    after = evaluate(model, loaded.tokenizer, [text], adapt=adapt, past=[past])
    assert after.tokens == both.tokens - before.tokens
    nats = [metrics.tokens * math.log(metrics.figures()["perplexity"]) for metrics in (both, before)]
    assert math.log(after.perplexity) * after.tokens == pytest.approx(nats[0] - nats[1], rel=1e-3)
    assert after.perplexity < evaluate(model, loaded.tokenizer, [text], adapt=adapt).perplexity
    limits = ReadingLimits(hidden_chunk=25, distributions=7)
    in_chunks = evaluate(model, loaded.tokenizer, [text], adapt=adapt, past=[past], limits=limits)
    assert in_chunks.perplexity == pytest.approx(after.perplexity, rel=1e-5)
    assert in_chunks.unknown_rate == after.unknown_rate == evaluate(model, loaded.tokenizer, [text]).unknown_rate


def test_adapting_goes_on_from_chunk_to_chunk(tiny_checkpoint: Path) -> None:
    loaded = load_checkpoint(tiny_checkpoint)
    model, texts, adapt = load_model(loaded, "cpu"), [NEW_WORDS * 3], AdaptConfig(window=30)
    whole = evaluate(model, loaded.tokenizer, texts, adapt=adapt)
    limits = ReadingLimits(hidden_chunk=25, distributions=7)
    in_chunks = evaluate(model, loaded.tokenizer, texts, adapt=adapt, limits=limits)
    assert in_chunks.perplexity == pytest.approx(whole.perplexity, rel=1e-5)
    assert in_chunks.keystroke_savings == whole.keystroke_savings


def test_a_word_too_rare_for_the_vocabulary_is_found_by_its_letters(tiny_checkpoint: Path) -> None:
    loaded = load_checkpoint(tiny_checkpoint)
    model = load_model(loaded, "cpu")
    before = evaluate(model, loaded.tokenizer, ["Zanzibar"])
    loaded.tokenizer.rare = ["Zanzibar"]
    after = evaluate(model, loaded.tokenizer, ["Zanzibar"])
    assert before.keystroke_savings == 0
    assert after.keystroke_savings == pytest.approx(1 - (2 + 1) / len("Zanzibar\n"))  # "Z" and the key that takes it
    assert after.perplexity == pytest.approx(before.perplexity)
