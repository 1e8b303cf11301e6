"""Perplexity: over every token, from the first to the last, however the text is cut into windows and parts."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.networks import network_config
from torch import Tensor
from torch.nn import functional

from nextword.config import AdaptConfig, ModelConfig
from nextword.errors import CorpusError, UsageError
from nextword.evaluation import evaluate as evaluation_room
from nextword.evaluation.evaluate import evaluate, load_model, measured, perplexity, score, surprisal
from nextword.evaluation.keystrokes import keys_needed, keys_used
from nextword.inference.predictor import Predictor
from nextword.model.language_model import LSTMLanguageModel
from nextword.storage.checkpoint import load_checkpoint
from nextword.text.token_file import TokenFile
from nextword.text.tokenizer import END, END_ID, UNKNOWN_ID, WordTokenizer

VOCABULARY = 11


@pytest.fixture(scope="module")
def model() -> LSTMLanguageModel:
    torch.manual_seed(0)
    made = LSTMLanguageModel(
        network_config(embedding_dim=6, hidden_size=7, num_layers=2, dropout_output=0.5), VOCABULARY
    )
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.uniform_(-0.8, 0.8)
    return made


def some_ids(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, VOCABULARY, count).astype(np.int32)


def plain_perplexity(model: LSTMLanguageModel, ids: np.ndarray) -> float:
    """One word after the other, with the probabilities written out."""
    model.eval()
    surprise, state, before = 0.0, None, END_ID
    with torch.no_grad():
        for token in ids.tolist():
            shown, state = model(torch.tensor([[before]]), state)
            surprise -= math.log(torch.softmax(model.output(shown[0, 0]).double(), 0)[token])
            before = token
    return math.exp(surprise / len(ids))


@pytest.mark.parametrize("count", [1, 2, 50, 2500])
def test_perplexity_counts_every_token_from_the_first_on(model: LSTMLanguageModel, count: int) -> None:
    ids = some_ids(count)
    assert perplexity(model, ids) == pytest.approx(plain_perplexity(model, ids), rel=1e-4)


@pytest.mark.parametrize("window", [1, 7, 100, 10_000])
def test_perplexity_does_not_depend_on_the_window(
    model: LSTMLanguageModel, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    ids = some_ids(130)
    expected = plain_perplexity(model, ids)
    monkeypatch.setattr(evaluation_room, "_WINDOW", window)
    assert perplexity(model, ids) == pytest.approx(expected, rel=1e-4)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short texts are read as long ones are: in parts side by side, stretch after stretch, a few scores at a time."""
    monkeypatch.setattr(evaluation_room, "_WARM_UP", 60)
    monkeypatch.setattr(evaluation_room, "_MIN_PART", 70)
    monkeypatch.setattr(evaluation_room, "_STRETCH", 500)
    monkeypatch.setattr(evaluation_room, "_MAX_STREAMS", 5)
    monkeypatch.setattr(evaluation_room, "_WINDOW", 64)
    monkeypatch.setattr(evaluation_room, "_SCORES", 1)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("count", [1, 139, 140, 349, 351, 500, 501, 1000, 1777])
def test_parts_side_by_side_give_every_token_the_surprisal_that_one_stream_gives_it(
    model: LSTMLanguageModel, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    ids = some_ids(count)
    progress: list[tuple[int, int]] = []
    predict_batch = np.concatenate(list(measured(model, ids, surprisal, lambda *done: progress.append(done))))
    assert predict_batch.shape == (count, 1)
    assert progress[-1] == (count, count)
    assert progress == sorted(set(progress))
    monkeypatch.setattr(evaluation_room, "_MAX_STREAMS", 1)
    monkeypatch.setattr(evaluation_room, "_STRETCH", 10_000)
    one_stream = np.concatenate(list(measured(model, ids, surprisal)))
    np.testing.assert_allclose(predict_batch, one_stream, atol=2e-4)


@pytest.mark.usefixtures("small_parts")
def test_a_long_text_is_read_in_parts_and_a_short_one_in_one(model: LSTMLanguageModel) -> None:
    widths: list[int] = []
    hook = model.register_forward_pre_hook(lambda module, arguments: widths.append(arguments[0].shape[1]))
    perplexity(model, some_ids(139))
    assert set(widths) == {1}
    perplexity(model, some_ids(450))
    assert set(widths) == {1, 4, 5}
    hook.remove()


@pytest.mark.parametrize("count", [1, 63, 64, 200])
def test_surprisal_is_cross_entropy(count: int) -> None:
    generator = torch.Generator().manual_seed(count)
    scores = 9 * torch.randn(count, VOCABULARY, generator=generator)
    targets = torch.randint(VOCABULARY, (count,), generator=generator)
    expected = functional.cross_entropy(scores, targets, reduction="none")
    torch.testing.assert_close(surprisal(scores, targets), expected[:, None])


@pytest.mark.usefixtures("small_parts")
def test_no_more_scores_exist_at_once_than_are_allowed(
    model: LSTMLanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation_room, "_WINDOW", 1000)
    heights: list[int] = []

    def measure(scores: Tensor, targets: Tensor) -> Tensor:
        heights.append(len(scores))
        return surprisal(scores, targets)

    assert len(np.concatenate(list(measured(model, some_ids(900), measure)))) == 900
    assert max(heights) == 64


def test_a_model_that_knows_nothing_is_as_perplexed_as_its_vocabulary_is_large(model: LSTMLanguageModel) -> None:
    ignorant = LSTMLanguageModel(model.config, VOCABULARY)
    with torch.no_grad():
        for parameter in ignorant.parameters():
            parameter.zero_()
    assert perplexity(ignorant, some_ids(40)) == pytest.approx(VOCABULARY, rel=1e-4)


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_of_the_model_is_left_as_it_was_and_dropout_is_off(model: LSTMLanguageModel, training: bool) -> None:
    ids = some_ids(60)
    model.train(training)
    assert perplexity(model, ids) == perplexity(model, ids)
    assert model.training is training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_hopeless_model_gives_a_large_number_and_no_error(model: LSTMLanguageModel) -> None:
    hopeless = LSTMLanguageModel(model.config, VOCABULARY)
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


def all_ids(tokenizer: WordTokenizer, texts: list[str]) -> np.ndarray:
    return TokenFile(tokenizer.encode_documents(texts)).ids


def plain_distributions(model: LSTMLanguageModel, ids: np.ndarray) -> np.ndarray:
    """(N, V) probabilities, one word after the other."""
    model.eval()
    rows, state, before = [], None, END_ID
    with torch.no_grad():
        for token in ids.tolist():
            shown, state = model(torch.tensor([[before]]), state)
            rows.append(torch.softmax(model.output(shown[0, 0]).double(), 0).numpy())
            before = token
    return np.stack(rows)


def test_a_score_is_surprisal_rank_and_entropy_of_every_token_where_it_stands(
    model: LSTMLanguageModel, tokenizer: WordTokenizer
) -> None:
    ids = all_ids(tokenizer, TEXTS)
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


@pytest.mark.usefixtures("small_parts")
def test_evaluation_and_score_and_perplexity_agree_however_long_the_text(
    model: LSTMLanguageModel, tokenizer: WordTokenizer
) -> None:
    texts = TEXTS * 40
    progress: list[tuple[int, int]] = []
    evaluation = evaluate(model, tokenizer, texts, lambda *done: progress.append(done))
    scores = list(score(model, tokenizer, texts))
    surprisals = np.asarray([item.surprisal for item in scores])
    ranks = np.asarray([item.rank for item in scores])
    assert evaluation.tokens == len(scores) == progress[-1][0] > 1000
    assert evaluation.bits_per_word == pytest.approx(surprisals.mean(), rel=1e-6)
    assert evaluation.perplexity == pytest.approx(math.exp(surprisals.mean() * math.log(2)), rel=1e-6)
    assert evaluation.perplexity == pytest.approx(perplexity(model, all_ids(tokenizer, texts)), rel=1e-6)
    for k, share in ((1, evaluation.top1), (3, evaluation.top3), (5, evaluation.top5), (10, evaluation.top10)):
        assert share == pytest.approx((ranks <= k).mean())
    assert evaluation.unknown_rate == pytest.approx(1 / 26)
    assert evaluation.tokens_per_second == pytest.approx(evaluation.tokens / evaluation.seconds)


def always(config: ModelConfig, order: list[int]) -> LSTMLanguageModel:
    """A model to which, everywhere, ids earlier in `order` are likelier, by a bit each."""
    made = LSTMLanguageModel(config, len(order))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.zero_()
        made.output.bias[torch.tensor(order)] = -math.log(2) * torch.arange(len(order)).float()
    return made


def test_known_suggestions_save_the_keys_that_a_finger_counts(
    model: LSTMLanguageModel,
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


def test_equally_likely_words_rank_in_order_of_their_ids(model: LSTMLanguageModel, tokenizer: WordTokenizer) -> None:
    ignorant = LSTMLanguageModel(model.config, VOCABULARY)
    with torch.no_grad():
        for parameter in ignorant.parameters():
            parameter.zero_()
    scores = list(score(ignorant, tokenizer, TEXTS))
    assert [item.rank - 1 for item in scores] == all_ids(tokenizer, TEXTS).tolist()
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


def test_an_untied_model_loads_too(tmp_path: Path) -> None:
    from nextword.storage.checkpoint import Checkpoint

    torch.manual_seed(1)
    config = network_config(embedding_dim=4, hidden_size=6, tied=False)
    tokenizer = WordTokenizer.train([" ".join(WORDS)], min_count=1)
    made = LSTMLanguageModel(config, len(tokenizer)).eval()
    tensors = {name: values.numpy() for name, values in made.state_dict().items()}
    loaded = load_model(Checkpoint(config, tokenizer, tensors, {}), "cpu")
    assert perplexity(loaded, some_ids(30)) == pytest.approx(perplexity(made, some_ids(30)))


@pytest.mark.parametrize("device", ["tpu", "cuda"])
def test_a_device_that_is_not_there_is_a_usage_error(
    tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError) as caught:
        load_model(load_checkpoint(tiny_checkpoint), device)
    assert "--device" in caught.value.hint


def test_no_text_is_a_corpus_error(model: LSTMLanguageModel, tokenizer: WordTokenizer) -> None:
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
        expected = session.distribution()
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


def test_adapting_goes_on_from_stretch_to_stretch(tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_checkpoint(tiny_checkpoint)
    model = load_model(loaded, "cpu")
    whole = evaluate(model, loaded.tokenizer, [NEW_WORDS * 3], adapt=AdaptConfig(window=30))
    monkeypatch.setattr(evaluation_room, "_ADAPTING_STRETCH", 25)
    monkeypatch.setattr(evaluation_room, "_ADAPTING_BLOCK", 7)
    pieces = evaluate(model, loaded.tokenizer, [NEW_WORDS * 3], adapt=AdaptConfig(window=30))
    assert pieces.perplexity == pytest.approx(whole.perplexity, rel=1e-5)
    assert pieces.keystroke_savings == whole.keystroke_savings


def test_a_word_too_rare_for_the_vocabulary_is_found_by_its_letters(tiny_checkpoint: Path) -> None:
    loaded = load_checkpoint(tiny_checkpoint)
    model = load_model(loaded, "cpu")
    before = evaluate(model, loaded.tokenizer, ["Zanzibar"])
    loaded.tokenizer.rare = ["Zanzibar"]
    after = evaluate(model, loaded.tokenizer, ["Zanzibar"])
    assert before.keystroke_savings == 0
    assert after.keystroke_savings == pytest.approx(1 - (2 + 1) / len("Zanzibar\n"))  # "Z" and the key that takes it
    assert after.perplexity == pytest.approx(before.perplexity)
