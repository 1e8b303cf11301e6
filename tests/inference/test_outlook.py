"""What comes next: of any distribution, which words are suggested, in which order, written in which way."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.networks import network_config

from nextword.inference.lexicon import Lexicon
from nextword.inference.lstm import Array
from nextword.inference.outlook import Outlook, Prediction
from nextword.inference.predictor import Predictor
from nextword.inference.ranking import near_largest
from nextword.inference.word_index import NewWord, rare_share
from nextword.storage.checkpoint import Checkpoint
from nextword.text.casing import capitalized_like
from nextword.text.sentences import SentencePosition
from nextword.text.tokenizer import END, UNKNOWN, WordTokenizer


def outlook(predictor: Predictor, distribution: Array, at_start: bool = False, new: Sequence[NewWord] = ()) -> Outlook:
    return Outlook(predictor, distribution, SentencePosition(at_start), Lexicon(new))


def words_of(predictions: list[Prediction]) -> list[str]:
    return [prediction.word for prediction in predictions]


def test_the_probabilities_of_all_tokens_sum_to_one(predictor: Predictor) -> None:
    state = predictor.read(predictor.tokenizer.encode("The cat sat").ids, predictor.initial_state)
    distribution = predictor.distribution(state)
    assert distribution.shape == (len(predictor.tokenizer),)
    assert math.isclose(float(distribution.sum()), 1.0, rel_tol=1e-5)
    best = outlook(predictor, distribution).top(1)[0]
    assert math.isclose(best.probability, distribution[predictor.tokenizer.words.index("on")], rel_tol=1e-6)


def test_words_equally_likely_come_in_the_order_of_the_vocabulary(predictor: Predictor) -> None:
    size = len(predictor.tokenizer)
    even = np.full(size, 1 / size, np.float32)
    everything = words_of(outlook(predictor, even).top(size))
    assert everything == [predictor.tokenizer.surface(token) for token in range(2, size)
                          if predictor.tokenizer.is_word(predictor.tokenizer.words[token])]  # fmt: skip
    assert words_of(outlook(predictor, even).top(3)) == everything[:3]


def test_log2_is_the_logarithm_even_of_nothing() -> None:
    assert Prediction("word", 0.25).log2 == -2
    assert Prediction("word", 0.0).log2 == -math.inf


@given(
    prefix=st.sampled_from(["", "a", "An", "the", "MOTHER", "Mc", "mother-in", "1", "'", "zz", "\u00c9"])
    | st.text(max_size=3),
    k=st.integers(1, 60),
    punctuation=st.booleans(),
    weights=st.lists(st.integers(0, 3), min_size=8, max_size=8),
)
def test_letters_find_what_a_scan_over_the_vocabulary_finds(
    predictor: Predictor, prefix: str, k: int, punctuation: bool, weights: list[int]
) -> None:
    tokenizer = predictor.tokenizer
    distribution = np.resize(np.asarray(weights, np.float32), len(tokenizer)) / 100
    start = tokenizer.normalize(prefix)
    allowed = [
        token_id
        for token_id, word in enumerate(tokenizer.words)
        if word.startswith(start)
        and (tokenizer.is_word(word) or (punctuation and not prefix and word not in (UNKNOWN, END)))
    ]

    def rank(token_id: int) -> tuple[bool, float, int]:
        whole = capitalized_like(prefix, tokenizer.surface(token_id)) == prefix
        return whole, -float(distribution[token_id]), token_id

    best = sorted(allowed, key=rank)[:k]
    found = outlook(predictor, distribution).top(k, punctuation, prefix, forgive=False)
    assert [prediction.probability for prediction in found] == [float(distribution[token_id]) for token_id in best]
    expected = [tokenizer.surface(token_id) for token_id in best]
    assert [prediction.word.lower() for prediction in found] == [word.lower() for word in expected]
    if not prefix[:1].isupper():
        assert words_of(found) == expected


@given(st.lists(st.integers(0, 6), min_size=1, max_size=3000), st.integers(1, 40))
def test_the_largest_are_found_among_many(values: list[int], k: int) -> None:
    places = near_largest(np.asarray(values, np.float32), k)
    kth = sorted(values, reverse=True)[min(k, len(values)) - 1]
    assert set(places.tolist()) >= {place for place, value in enumerate(values) if value >= kth}


def test_suggestions_have_the_capitals_of_the_letters_typed(predictor: Predictor) -> None:
    even = np.full(len(predictor.tokenizer), 0.01, np.float32)

    def suggested(prefix: str, at_start: bool = False) -> list[str]:
        return words_of(outlook(predictor, even, at_start).top(100, prefix=prefix))

    assert "that" in suggested("th")
    assert "That" in suggested("Th")
    assert "That" in suggested("th", at_start=True)
    assert "THAT" in suggested("TH")
    assert "That" in suggested("T")
    assert "McDonald" in suggested("m")
    assert "MCDONALD" in suggested("MC")
    assert "McDonald" in suggested("Mc")
    assert "Mother-in-law" in suggested("Mother-")


def with_rare(predictor: Predictor, words: list[str]) -> Predictor:
    """The same model, which also knows of words too rare for its vocabulary."""
    tokenizer = WordTokenizer.from_json(*map(json.loads, predictor.tokenizer.to_json()))
    tokenizer.rare = words
    return Predictor(replace(predictor.checkpoint, tokenizer=tokenizer))


def test_a_word_typed_in_full_comes_last(predictor: Predictor) -> None:
    predictor = with_rare(predictor, ["theatre", "Theodora"])
    even = np.full(len(predictor.tokenizer), 0.01, np.float32)
    assert words_of(outlook(predictor, even).top(1, prefix="th")) == ["the"]
    assert words_of(outlook(predictor, even).top(9, prefix="the", forgive=False)) == ["theatre", "Theodora", "the"]
    assert words_of(outlook(predictor, even).top(99, prefix="the"))[-1] == "the"
    assert words_of(outlook(predictor, even).top(2, prefix="the")) == ["theatre", "Theodora"]
    assert words_of(outlook(predictor, even).top(1, prefix="theatre")) == ["theatre"]


def test_words_too_rare_for_the_vocabulary_are_found_by_their_letters_alone(predictor: Predictor) -> None:
    rare = with_rare(predictor, ["Zanzibar", "Zebra", "lizard", "Zoo"])
    even = np.full(len(rare.tokenizer), 1 / len(rare.tokenizer), np.float32)
    assert words_of(outlook(rare, even).top(9, prefix="z")) == ["Zanzibar", "Zebra", "Zoo"]
    assert words_of(outlook(rare, even).top(2, prefix="Z")) == ["Zanzibar", "Zebra"]
    assert words_of(outlook(rare, even).top(9, prefix="zo")) == ["Zoo"]
    assert outlook(rare, even).top(1, prefix="z")[0].probability == pytest.approx(even[0] / 2 / 4)
    assert words_of(outlook(rare, even).top(10_000)) == words_of(outlook(predictor, even).top(10_000))
    # One that was met in the session too is as likely as both together, and is there once.
    met = np.concatenate([even, np.float32([0.25])])
    first, second, *_ = outlook(rare, met, new=[NewWord("zoo", "Zoo")]).top(9, prefix="z")
    assert (first.word, second.word) == ("Zoo", "Zanzibar")
    assert first.probability == pytest.approx(0.25 + even[0] / 2 / 4)


def test_rare_words_share_half_of_what_is_unknown_in_numbers_and_in_arrays() -> None:
    assert 0.3 * rare_share(5) == pytest.approx(0.03)
    assert rare_share(0) == 0.5


def test_phrases_need_a_state_to_go_on_from(predictor: Predictor) -> None:
    with pytest.raises(ValueError, match="state"):
        outlook(predictor, np.full(len(predictor.tokenizer), 0.01, np.float32)).phrases(2)


# -- words that look the same, and words without their accents --------------------------------------------------------


def model_of(words: str, rare: str = "") -> Predictor:
    """A model that has learned nothing, with these words, as they are written here."""
    tokenizer = WordTokenizer.train([f"{words} {words} {rare}"], min_count=2)
    config = network_config(embedding_dim=2, hidden_size=3, num_layers=1)
    shapes = config.parameter_shapes(len(tokenizer))
    return Predictor(
        Checkpoint(config, tokenizer, {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}, {})
    )


def with_probabilities(model: Predictor, **probabilities: float) -> np.ndarray:
    distribution = np.zeros(len(model.tokenizer), np.float32)
    for word, probability in probabilities.items():
        distribution[model.tokenizer.words.index(word)] = probability
    return distribution


def test_words_that_look_the_same_are_one_as_likely_as_both_together() -> None:
    model = model_of("und groß gross grob und grau")
    expected = with_probabilities(model, groß=0.3, gross=0.25, grob=0.4, grau=0.05)
    assert outlook(model, expected).top(2, prefix="GRO") == [
        Prediction("GROSS", pytest.approx(0.55)),
        Prediction("GROB", pytest.approx(0.4)),
    ]
    assert outlook(model, expected).top(1, prefix="GR") == [Prediction("GROSS", pytest.approx(0.55))]
    assert words_of(outlook(model, expected).top(9, prefix="gro", forgive=False)) == ["grob", "groß", "gross"]
    assert words_of(outlook(model, expected).top(9, prefix="Gro", forgive=False)) == ["Grob", "Groß", "Gross"]


def test_words_that_look_the_same_are_added_before_the_list_is_cut() -> None:
    others = [f"gr{a}{b}" for a in "abcdefghij" for b in "abcdefghij"]
    model = model_of(" ".join(["und groß gross", *others]))
    probabilities = dict.fromkeys(others, 0.009) | {"groß": 0.006, "gross": 0.005}
    found = outlook(model, with_probabilities(model, **probabilities)).top(1, prefix="GR")
    assert found == [Prediction("GROSS", pytest.approx(0.011))]


def test_a_rare_word_that_looks_like_another_is_no_second_one() -> None:
    model = model_of("und groß", rare="gross")
    expected = with_probabilities(model, groß=0.3)
    expected[0] = 0.2
    assert outlook(model, expected).top(9, prefix="GRO") == [Prediction("GROSS", pytest.approx(0.4))]


@pytest.mark.parametrize(
    ("letters", "written"),
    [
        ("thats", "that's"),
        ("Thats", "That's"),
        ("THATS", "THAT'S"),
        ("cest", "c'est"),
        ("ecole", "école"),
        ("Ecole", "École"),
        ("lecole", "l'école"),
        ("l'ecole", "l'école"),
        ("lécole", "l'école"),
        ("im", "I'm"),
        ("strasse", "straße"),
        ("елка", "ёлка"),
        ("oeuvre", "œuvre"),
        ("senor", "señor"),
    ],
)
def test_words_are_found_without_their_apostrophes_and_accents(letters: str, written: str) -> None:
    model = model_of("that's c'est école l'école and I'm and straße ёлка œuvre señor and")
    even = np.full(len(model.tokenizer), 0.01, np.float32)
    for end in range(2, len(letters) + 1):
        assert written in words_of(outlook(model, even).top(9, prefix=letters[:end])), letters[:end]
    assert words_of(outlook(model, even).top(9, prefix=letters, forgive=False)) == []


@pytest.mark.parametrize("letters", ["écolés", "that's's", "cést", "é"])
def test_an_accent_or_apostrophe_that_is_typed_is_one_of_the_word(letters: str) -> None:
    model = model_of("thatch c'est ecole and")
    assert outlook(model, np.full(len(model.tokenizer), 0.01, np.float32)).top(9, prefix=letters) == []


def test_what_begins_with_the_very_letters_comes_first_unless_it_is_far_less_likely() -> None:
    model = model_of("its it's itself I'll ill illness élan elan and", rare="itsy it'sy")
    expected = np.full(len(model.tokenizer), 0.001, np.float32)
    assert words_of(outlook(model, expected).top(9, prefix="its")) == ["itself", "itsy", "it's", "it'sy", "its"]
    assert words_of(outlook(model, expected).top(2, prefix="ill")) == ["illness", "I'll"]
    assert words_of(outlook(model, expected).top(9, prefix="el")) == ["elan", "élan"]
    assert words_of(outlook(model, expected).top(9, prefix="él")) == ["élan"]
    for word in ("it's", "i'll"):
        expected[model.tokenizer.words.index(word)] = 0.3
    assert words_of(outlook(model, expected).top(9, prefix="its")) == ["it's", "itself", "itsy", "it'sy", "its"]
    assert words_of(outlook(model, expected).top(2, prefix="ill")) == ["I'll", "illness"]


def test_words_learned_lately_are_found_without_their_accents_too() -> None:
    model = model_of("that's and")
    expected = np.append(np.full(len(model.tokenizer), 0.01, np.float32), np.float32([0.2, 0.0]))
    new = [NewWord("élodie", "Élodie"), NewWord("éloïse", "Éloïse")]
    assert words_of(outlook(model, expected, new=new).top(9, prefix="elo")) == ["Élodie"]
    assert words_of(outlook(model, expected, new=new).top(9, prefix="élo")) == ["Élodie"]


def test_phrases_begin_with_words_found_so_too(predictor: Predictor) -> None:
    session = predictor.session()
    session.feed("Anna said that I")
    (likeliest, *_) = session.outlook().phrases(2, prefix="dont")
    assert likeliest.word.startswith("don't ")
    assert session.outlook().phrases(2, prefix="dontx") == []


def test_a_phrase_has_the_capitals_typed(predictor: Predictor) -> None:
    session = predictor.session()
    session.feed("My")
    assert session.outlook().phrases(2, prefix="M")[0].word.startswith("Mother-in-law ")
    assert session.outlook().phrases(2, prefix="MO")[0].word.startswith("MOTHER-IN-LAW ")


# -- slips ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("letters", "written"),
    [
        ("gonig", "going"),  # swapped
        ("goibg", "going"),  # a key beside the right one
        ("foi", "going"),  # as the first letter
        ("gping", "going"),
        ("gong", "going"),  # left out
        ("gooin", "going"),  # doubled
        ("stoer", "store"),
        ("Stoer", "Store"),
        ("STOER", "STORE"),
        ("acom", "accommodation"),
        ("acomodat", "accommodation"),  # two letters left out
        ("definat", "definite"),
    ],
)
def test_a_word_is_found_although_a_letter_is_wrong(letters: str, written: str) -> None:
    model = model_of("going store accommodation definite and")
    even = np.full(len(model.tokenizer), 0.01, np.float32)
    assert words_of(outlook(model, even).top(3, prefix=letters)) == [written]
    assert outlook(model, even).top(3, prefix=letters, forgive=False) == []


def test_one_or_two_letters_mean_what_they_are() -> None:
    model = model_of("going store and")
    even = np.full(len(model.tokenizer), 0.01, np.float32)
    assert [words_of(outlook(model, even).top(3, prefix=letters)) for letters in ("f", "gi", "gii")] == [
        *([], [], ["going"])
    ]


def test_a_word_meant_comes_before_one_as_typed_only_if_it_is_far_more_likely() -> None:
    model = model_of("form from formal and")
    near = with_probabilities(model, formal=0.01, **{"from": 0.1})
    assert words_of(outlook(model, near).top(2, prefix="form")) == ["formal", "from"]
    far = with_probabilities(model, formal=0.0001, **{"from": 0.1})
    found = outlook(model, far).top(2, prefix="form")
    assert found == [Prediction("from", pytest.approx(0.1)), Prediction("formal", pytest.approx(0.0001))]


def test_rare_words_and_words_learned_lately_are_found_although_a_letter_is_wrong() -> None:
    model = model_of("and going", rare="Zanzibar Zoltania")
    expected = np.append(np.full(len(model.tokenizer), 0.01, np.float32), np.float32([0.2, 0.0]))
    new = [NewWord("zoltan", "Zoltan"), NewWord("zoltar", "Zoltar")]
    assert words_of(outlook(model, expected, new=new).top(9, prefix="zlot")) == ["Zoltan", "Zoltania"]
    assert words_of(outlook(model, expected, new=new).top(9, prefix="zamz")) == ["Zanzibar"]


def test_rare_words_are_meant_where_too_few_words_begin_with_the_letters() -> None:
    model = model_of("zambia zambian and", rare="Zanzibar")
    even = np.full(len(model.tokenizer), 0.01, np.float32)
    assert "Zanzibar" not in words_of(outlook(model, even).top(2, prefix="zam"))
    assert words_of(outlook(model, even).top(3, prefix="zam")) == ["zambia", "zambian", "Zanzibar"]


def test_of_many_words_read_once_those_read_first_are_suggested() -> None:
    model = model_of("and going")
    new = [NewWord(f"zz{a}{b}", f"Zz{a}{b}") for a in "zyxwvutsr" for b in "abcdefghi"]
    even = np.full(len(model.tokenizer) + len(new), 0.01, np.float32)
    assert words_of(outlook(model, even, new=new).top(3, prefix="zz")) == ["Zzza", "Zzzb", "Zzzc"]


def test_a_word_met_since_is_not_suggested(predictor: Predictor) -> None:
    even = np.full(len(predictor.tokenizer) + 1, 0.01, np.float32)
    new = [NewWord("zoltan", "Zoltan"), NewWord("zoltar", "Zoltar")]
    for letters in ("zo", "zlot"):
        assert words_of(outlook(predictor, even, new=new).top(9, prefix=letters)) == ["Zoltan"]


def test_what_was_meant_by_a_whole_word_is_a_whole_word() -> None:
    model = model_of("going goings store that's and", rare="gone zanzibar")
    even = np.full(len(model.tokenizer), 0.01, np.float32)
    corrected = {word: outlook(model, even).correction(word) for word in ("gonig", "Gonig", "thats", "zamzibar")}
    assert corrected == {"gonig": "going", "Gonig": "Going", "thats": "that's", "zamzibar": "zanzibar"}
    assert [outlook(model, even).correction(word) for word in ("going", "goi", "xyzzy", "12")] == [None] * 4


def test_a_rare_word_is_one_that_is_written_unless_another_is_far_more_likely() -> None:
    model = model_of("going and", rare="gonig")
    even = np.full(len(model.tokenizer), 0.01, np.float32)
    assert outlook(model, even).correction("gonig") is None
    even[model.tokenizer.words.index("going")] = 0.9
    assert outlook(model, even).correction("gonig") == "going"
