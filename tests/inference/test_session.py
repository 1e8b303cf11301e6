"""The memory in use: text in pieces, undo, reset; and what a session learns from what it reads."""

from __future__ import annotations

import itertools
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextword.config import AdaptConfig
from nextword.inference.lstm import LSTMState
from nextword.inference.predictor import Predictor
from nextword.inference.session import MAX_STUDIED_WORDS, Session
from nextword.text.tokenizer import END_ID

TEXT = 'Anna lives in Paris. "Where is the cat?" asked Peter. My mother-in-law and I went to'

ADAPT = AdaptConfig()


def same(one: LSTMState, other: LSTMState) -> bool:
    return all(
        np.allclose(left, right, atol=1e-5)
        for left, right in zip((*one.hidden, *one.cell), (*other.hidden, *other.cell), strict=True)
    )


def chances(session: Session) -> dict[str, float]:
    return {prediction.word: prediction.probability for prediction in session.suggest(1000, punctuation=True)}


def test_a_session_suggests_what_predict_suggests(predictor: Predictor) -> None:
    session = predictor.session()
    session.feed(TEXT)
    assert session.suggest(7) == predictor.predict(TEXT, k=7)
    assert session.suggest(7, punctuation=True) == predictor.predict(TEXT, k=7, punctuation=True)


@given(cuts=st.lists(st.integers(0, len(TEXT.split())), max_size=5))
@settings(max_examples=25)
def test_pieces_are_remembered_as_if_read_at_once(predictor: Predictor, cuts: list[int]) -> None:
    words = TEXT.split()
    session = predictor.session()
    edges = [0, *sorted(cuts), len(words)]
    for begin, end in itertools.pairwise(edges):
        session.feed(" ".join(words[begin:end]))
    whole = predictor.session()
    whole.feed(TEXT)
    assert session.words_seen == whole.words_seen
    assert chances(session) == pytest.approx(chances(whole), abs=1e-5)
    assert same(session.state, whole.state)


def test_what_was_said_before_counts(predictor: Predictor) -> None:
    session = predictor.session()
    session.feed("My mother-in-law and I went")
    first = chances(session)
    session.reset()
    session.feed("Anna lives in Paris. My mother-in-law and I went")
    assert chances(session) != pytest.approx(first, abs=1e-7)


def test_feed_names_the_unknown_words(predictor: Predictor) -> None:
    session = predictor.session()
    assert session.feed("Anna met Zoltan in Paris with Zoltan") == ["met", "Zoltan", "with"]
    assert session.feed("The cat") == []


def test_words_seen_counts_tokens_without_the_ends_of_paragraphs(predictor: Predictor) -> None:
    session = predictor.session()
    assert session.words_seen == 0
    session.feed("The cat, zzz.\n\nThe")
    assert session.words_seen == 6
    session.feed("dog")
    assert session.words_seen == 7


def test_an_empty_feed_reads_nothing(predictor: Predictor) -> None:
    session = predictor.session()
    session.feed("The cat")
    before, state = session.suggest(5), session.state
    assert session.feed("") == []
    assert session.feed("  ") == []
    assert session.suggest(5) == before
    assert same(session.state, state)
    assert session.words_seen == 2


def test_undo_takes_feeds_back_one_by_one(predictor: Predictor) -> None:
    session = predictor.session()
    steps = [session.suggest(5)]
    for piece in ("The cat", "sat on", "the"):
        session.feed(piece)
        steps.append(session.suggest(5))
    assert len({tuple(step) for step in steps}) == 4
    for expected in reversed(steps[:-1]):
        assert session.undo() is True
        assert session.suggest(5) == expected
    assert session.words_seen == 0
    assert session.undo() is False
    assert session.suggest(5) == steps[0]


def test_reset_forgets_and_undo_brings_back(predictor: Predictor) -> None:
    session = predictor.session()
    fresh = session.suggest(5)
    session.feed("The cat sat on the")
    fed = session.suggest(5)
    session.reset()
    assert session.suggest(5) == fresh
    assert session.words_seen == 0
    assert session.undo() is True
    assert session.suggest(5) == fed
    assert session.words_seen == 5


def test_sessions_do_not_disturb_each_other(predictor: Predictor) -> None:
    one, other = predictor.session(), predictor.session()
    one.feed("The cat sat on the")
    expected = one.suggest(5)
    other.feed("My mother-in-law and I went")
    assert one.suggest(5) == expected


def test_a_fresh_session_has_read_the_end_of_a_paragraph(predictor: Predictor) -> None:
    fresh = predictor.session()
    assert same(fresh.state, predictor.network.read([END_ID], predictor.network.initial_state())[1])
    assert any(values.any() for values in fresh.state.hidden)
    assert all(prediction.word[0].isupper() for prediction in fresh.suggest(3))


# -- learning from what is read --------------------------------------------------------------------------------------


def words_of(session: Session, k: int = 3, prefix: str = "") -> list[str]:
    return [prediction.word for prediction in session.suggest(k, prefix=prefix)]


def test_a_session_that_does_not_adapt_is_the_model(predictor: Predictor) -> None:
    session = predictor.session()
    session.feed("Zoltan met Zoltan. Zoltan and")
    assert session.suggest(9) == predictor.predict("Zoltan met Zoltan. Zoltan and", k=9)
    assert session.outlook().distribution.shape == (len(predictor.tokenizer),)
    assert session.learned() == []
    assert session.forget("Zoltan") is False


def test_with_nothing_read_a_session_that_adapts_is_the_model(predictor: Predictor) -> None:
    assert predictor.session(ADAPT).suggest(9) == predictor.session().suggest(9)


def test_a_name_typed_twice_is_suggested_the_third_time(predictor: Predictor) -> None:
    # The model is sure of its three names: a fourth is among the first three once what is remembered has proved right.
    session = predictor.session(ADAPT)
    for animal in ("cat", "horse", "dog") * 3:
        session.feed(f'"Where is the {animal}?" asked Zoltan. The cat sat on the mat.')
    session.feed('The cat sat on the grass. "Where is the dog?" asked')
    assert "Zoltan" in words_of(session)


def test_of_two_new_words_the_one_read_in_a_similar_context_is_likelier(predictor: Predictor) -> None:
    session = predictor.session(ADAPT)
    for place in ("mat", "grass"):
        session.feed(f'"Where is the cat?" asked Zoltan. The wombat sat on the {place}.')
    session.feed('"Where is the horse?" asked')
    assert chances(session)["Zoltan"] > chances(session)["wombat"]
    session.feed("Anna. The")
    assert chances(session)["wombat"] > chances(session)["Zoltan"]


def test_a_name_typed_twice_is_suggested_at_its_first_two_letters(predictor: Predictor) -> None:
    session = predictor.session(ADAPT)
    session.feed('"Where is the cat?" asked Zoltan. The dog sat on the mat. "Where is the horse?" asked Zoltan.')
    session.feed("My mother-in-law and I went to Paris by train. The")
    assert "Zoltan" in words_of(session, prefix="zo")
    assert words_of(session, prefix="Zo") == ["Zoltan"]
    assert "Zoltan" not in [prediction.word for prediction in predictor.predict("Zoltan. Zoltan.", k=1000)]


def test_the_letters_typed_read_nothing(predictor: Predictor) -> None:
    session = predictor.session(ADAPT)
    session.feed("Anna met Zoltan. The")
    before, snapshot = session.suggest(5), session.snapshot
    words_of(session, prefix="Zol")
    assert session.snapshot is snapshot
    assert session.suggest(5) == before


@pytest.mark.parametrize("pieces", [["Zoltan"], ["The cat met", "Zoltan. Where", "is McTavish"], ["zzz " * 50]])
def test_what_a_session_expects_is_a_distribution(predictor: Predictor, pieces: list[str]) -> None:
    session = predictor.session(ADAPT)
    for piece in pieces:
        session.feed(piece)
        expected = session.outlook().distribution
        assert expected.shape == (len(predictor.tokenizer) + len(session.snapshot.new_words),)
        assert expected.min() >= 0
        assert float(expected.sum()) == pytest.approx(1, abs=1e-5)


@given(cuts=st.lists(st.integers(0, len(TEXT.split())), max_size=5), window=st.sampled_from([0, 4, 2_000]))
@settings(max_examples=25)
def test_pieces_are_learned_from_as_if_read_at_once(predictor: Predictor, cuts: list[int], window: int) -> None:
    words = f"Zoltan saw McTavish. {TEXT} Zoltan and".split()
    session, whole = (predictor.session(AdaptConfig(window=window)) for _ in range(2))
    for begin, end in itertools.pairwise([0, *sorted(cuts), len(words)]):
        session.feed(" ".join(words[begin:end]))
    whole.feed(" ".join(words))
    assert session.learned() == whole.learned()
    assert chances(session) == pytest.approx(chances(whole), abs=1e-5)


def test_a_long_text_is_read_in_chunks_as_if_at_once(predictor: Predictor) -> None:
    text = f"Zoltan saw McTavish. {TEXT} Zoltan"
    whole = predictor.session(ADAPT)
    whole.feed(text)
    session = predictor.session(ADAPT)
    assert session.feed(text, chunk_words=3) == ["Zoltan", "saw", "McTavish"]
    assert (session.learned(), session.words_seen) == (whole.learned(), whole.words_seen)
    assert session.snapshot.position == whole.snapshot.position
    assert chances(session) == pytest.approx(chances(whole), abs=1e-5)
    assert session.undo() is True
    assert session.words_seen == 0


def test_learned_lists_new_words_first_and_the_frequent_before_the_rare(predictor: Predictor) -> None:
    session = predictor.session(ADAPT)
    session.feed("paris PARIS the cat, Zoltan the zzz; zoltan the")
    learned = [(word.word, word.times, word.new) for word in session.learned()]
    assert learned == [("Zoltan", 2, True), ("zzz", 1, True), ("the", 3, False), ("Paris", 2, False), ("cat", 1, False)]


def test_a_word_is_forgotten_until_it_is_read_again(predictor: Predictor) -> None:
    session = predictor.session(ADAPT)
    session.feed("Anna met Zoltan. Peter met Zoltan. The cat saw")
    before = session.suggest(9)
    assert "Zoltan" in words_of(session, prefix="zol")
    assert session.forget("ZOLTAN") is True
    assert words_of(session, prefix="zol") == []
    assert "Zoltan" not in [word.word for word in session.learned()]
    assert session.forget("Zoltan") is False
    assert session.forget("Balthasar") is False
    assert session.undo() is True
    assert session.suggest(9) == before
    session.forget("Zoltan")
    session.feed("Zoltan and")
    assert [word.times for word in session.learned() if word.word == "Zoltan"] == [1]
    assert words_of(session, prefix="zol") == ["Zoltan"]


def test_a_word_of_the_vocabulary_is_forgotten_and_stays_in_the_vocabulary(predictor: Predictor) -> None:
    session = predictor.session(ADAPT)
    session.feed("Berlin Berlin Berlin The cat saw")
    high = chances(session)["Berlin"]
    assert session.forget("berlin") is True
    assert "Berlin" not in [word.word for word in session.learned()]
    assert 0 < chances(session)["Berlin"] < high


def test_what_is_forgotten_is_not_in_the_texts_tail(predictor: Predictor) -> None:
    session = predictor.session(ADAPT)
    session.feed("My PIN is zq7x4, I said. 'Zq7x4'? Yes and")
    session.forget("zq7x4")
    assert session.snapshot.tail == "Yes and"


def test_going_back_and_on_gives_what_a_fresh_session_gives(predictor: Predictor) -> None:
    session = predictor.session(ADAPT)
    session.feed("Anna met Zoltan.")
    start = session.snapshot
    for typed in ("Where", "Where is McTavish", "The Zeppelin", "The cat met Zoltan and the"):
        session.restore(start)
        session.feed(typed)
        fresh = predictor.session(ADAPT)
        fresh.feed("Anna met Zoltan.")
        fresh.feed(typed)
        assert session.suggest(20) == fresh.suggest(20)
        assert session.learned() == fresh.learned()


def test_a_long_text_read_ahead_and_dropped_leaves_no_trace(predictor: Predictor) -> None:
    adapt = AdaptConfig(window=50)
    session, ahead, fresh = (predictor.session(adapt) for _ in range(3))
    session.feed("Anna met Zoltan. The")
    ahead.restore(session.snapshot)
    for _ in range(9):
        ahead.feed("zzz and " * 100)
    session.feed("McTavish and")
    for text in ("Anna met Zoltan. The", "McTavish and"):
        fresh.feed(text)
    assert session.learned() == fresh.learned()
    assert session.suggest(20) == fresh.suggest(20)


def test_undo_takes_long_texts_back_with_all_that_was_learned(predictor: Predictor) -> None:
    session = predictor.session(AdaptConfig(window=50))
    session.feed("Anna met Zoltan. The")
    expected = session.suggest(20), session.learned()
    for _ in range(3):
        session.feed("zzz and " * 500)
    for _ in range(3):
        assert session.undo() is True
    assert (session.suggest(20), session.learned()) == expected


def test_undo_is_bounded_in_words_but_always_takes_back_the_last_text(predictor: Predictor) -> None:
    session = Session(predictor, ADAPT, max_undo_words=10)
    for _ in range(9):
        session.feed("the cat sat and")
    assert [session.undo() for _ in range(4)] == [True, True, True, False]
    session.feed("the " * 100)
    assert session.undo() is True
    assert session.words_seen == 24


def test_undo_leads_to_nothing_that_was_overwritten_since(predictor: Predictor) -> None:
    session = predictor.session(ADAPT)
    fresh = session.suggest(9)
    start = session.snapshot
    session.feed("Zoltan and")
    session.feed("McTavish and")
    session.restore(start)
    session.feed("the cat")
    assert session.undo() is True
    assert session.suggest(9) == fresh
    assert session.learned() == []
    while session.undo():
        assert "Zoltan" not in [word.word for word in session.learned()]


@pytest.mark.parametrize("form", ["x" * 65, "Zol\u00adtan", "Zol\u200btan", "\u202ezoltan", "...", "\ufffd"])
def test_what_is_no_word_is_not_learned(predictor: Predictor, form: str) -> None:
    session = predictor.session(ADAPT)
    session.feed(f"The {form} and")
    assert {word.word for word in session.learned()} <= {"the", "and", "Zoltan", "zoltan"}
    assert all(new.form.isprintable() and len(new.form) <= 64 for new in session.snapshot.new_words)


def test_accents_that_stand_apart_are_learned_with_their_letters(predictor: Predictor) -> None:
    session = predictor.session(ADAPT)
    assert session.feed(unicodedata.normalize("NFD", "Anna met Zoë. The")) == ["met", "Zoë"]
    assert words_of(session, prefix=unicodedata.normalize("NFD", "zoë")) == ["Zoë"]


def test_only_so_many_words_are_remembered(predictor: Predictor) -> None:
    session = predictor.session(AdaptConfig(words=100, window=20))
    for number in range(50):
        session.feed(f"w{number} Anna")
        assert len(session.snapshot.memory.words()) <= 100 + 100 // 4 + 2
    learned = {word.word: word.times for word in session.learned()}
    assert "w49" in learned
    assert "w0" in learned
    for number in range(50, 100):
        session.feed(f"w{number} Anna")
    learned = {word.word: word.times for word in session.learned()}
    assert "w99" in learned
    assert "w0" not in learned
    assert float(session.outlook().distribution.sum()) == pytest.approx(1, abs=1e-5)


def test_what_was_read_thousands_of_words_ago_is_still_known(predictor: Predictor) -> None:
    session, other = (predictor.session(AdaptConfig(window=50)) for _ in range(2))
    session.feed("Dear McTavish, Zeppelin regards. Dear McTavish, Zeppelin regards.")
    for one in (session, other):
        one.feed("The cat sat on the mat. " * 50)
        one.feed("Dear")
    assert chances(session)["McTavish"] > 0.01
    assert words_of(session, prefix="zep") == ["Zeppelin"]
    assert "McTavish" not in chances(other)


def test_a_past_is_remembered_and_its_end_is_read(predictor: Predictor) -> None:
    past = "Zoltan saw McTavish. " + "The cat sat on the mat. " * 30
    studied, fed = predictor.session(ADAPT), predictor.session(ADAPT)
    assert studied.study(past[begin : begin + 7] for begin in range(0, len(past), 7)) == 4 + 30 * 7
    fed.feed(past)
    for one in (studied, fed):
        one.feed("Zoltan and")
    assert studied.learned() == fed.learned()
    assert (studied.words_seen, studied.snapshot.position) == (fed.words_seen, fed.snapshot.position)
    assert chances(studied) == pytest.approx(chances(fed), abs=1e-5)
    assert studied.undo()
    assert studied.undo()
    assert studied.learned() == []


def test_of_a_long_past_the_beginning_is_remembered_though_the_network_reads_the_end_alone(
    predictor: Predictor,
) -> None:
    session, sentence = predictor.session(ADAPT), "The cat sat on the mat. "
    count = MAX_STUDIED_WORDS // 7 + 100
    assert session.study(["Zoltan saw McTavish. ", sentence * count]) == 4 + 7 * count
    memory = session.snapshot.memory
    assert (memory.end, memory.read) == (4 + 7 * count, MAX_STUDIED_WORDS)
    assert [(word.word, word.times) for word in session.learned()[:1]] == [("Zoltan", 1)]
    whole = predictor.read(predictor.tokenizer.encode(sentence * count).ids, predictor.initial_state)
    assert same(session.state, whole)


def test_a_word_read_as_often_as_the_model_expects_it_is_no_likelier_and_one_read_more_often_is(
    predictor: Predictor,
) -> None:
    session, alone = predictor.session(AdaptConfig(window=0)), predictor.session()
    for one in (session, alone):
        one.feed("Berlin Anna the cat, " * 300)
    assert chances(session)["Berlin"] > chances(alone)["Berlin"]
