"""What is one word in the world's writing systems, and what a vocabulary made by earlier rules still does."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Regex, pre_tokenizers

from nextword.text.clusters import PICTOGRAPHS, is_emoji, is_printable
from nextword.text.detokenizer import detokenize
from nextword.text.pipeline import Pipeline
from nextword.text.rules import VERSION
from nextword.text.tokenizer import WordTokenizer
from nextword.text.vocabulary import is_learnable, is_word

PIPELINES = {cased: Pipeline("words", cased) for cased in (False, True)}


def cut(pipeline: Pipeline, text: str) -> list[tuple[str, str]]:
    return next(pipeline.cut_all([text]))


def tokens(text: str, cased: bool = False, version: int = VERSION) -> list[str]:
    pipeline = Pipeline("words", cased, version=version)
    return [token for token, _ in cut(pipeline, pipeline.prepared(text))]


EMOJI = [
    *("😀", "👍🏽", "❤️", "❤", "👨‍👩‍👧", "👩🏽‍🚀", "🏳️‍🌈", "🏴‍☠️", "👁️‍🗨️", "❤️‍🔥", "🇩🇪", "1️⃣", "#️⃣", "☺️", "✈︎"),
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # the flag of England
]


@pytest.mark.parametrize("emoji", EMOJI)
@pytest.mark.parametrize("cased", [False, True])
def test_an_emoji_is_one_token_between_words_and_between_its_like(emoji: str, cased: bool) -> None:
    assert tokens(f"so {emoji}, so", cased) == ["so", emoji, ",", "so"]
    assert tokens(f"{emoji}{emoji}so{emoji}2{emoji}!", cased) == [emoji, emoji, "so", emoji, "2", emoji, "!"]


@pytest.mark.slow
def test_emoji_are_clusters_as_unicode_has_them() -> None:
    clusters = pre_tokenizers.Split(Regex(r"\X"), "isolated")
    for emoji in EMOJI:
        assert [text for text, _ in clusters.pre_tokenize_str(emoji + emoji)] == [emoji, emoji]
    found = pre_tokenizers.Split(Regex(r"\p{Extended_Pictographic}"), "removed", invert=True)
    everything = "".join(chr(code) for code in range(0x80, 0x110000) if not 0xD800 <= code < 0xE000)
    pictographs = {text for text, _ in found.pre_tokenize_str(everything)}
    ours = pre_tokenizers.Split(Regex(f"[{PICTOGRAPHS}]"), "removed", invert=True)
    letter = {"\u2139"}  # a letter to Unicode, which has no need of a rule
    assert {text for text, _ in ours.pre_tokenize_str(everything)} == pictographs - letter


@pytest.mark.parametrize(("written", "plain"), [("⭐️", "⭐"), ("☝️🏽", "☝🏽"), ("❤️️", "❤️"), ("x️", "x️")])
def test_a_sign_that_asks_for_the_picture_that_is_there_anyway_is_dropped(written: str, plain: str) -> None:
    assert tokens(written) == [plain]


def test_an_emoji_is_a_word_and_a_sign_that_may_be_a_plain_mark_is_none() -> None:
    assert all(map(is_emoji, EMOJI))
    assert not any(
        map(is_emoji, ["", "a", "1", "#", "©", "™", "→", "↔", "✔", "★", "▶", "😀😀", "😀a", "\u200d", "\ufe0f"])
    )
    assert all(map(is_word, EMOJI))
    assert all(map(is_learnable, EMOJI))


def test_by_the_first_rules_no_emoji_is_a_word() -> None:
    tokenizer = WordTokenizer.train(["so 😂 ❤ 🏳 so 😀 so"], min_count=2, version=1)
    assert not any(map(tokenizer.is_word, "😂❤🏳😀"))
    assert not any(map(tokenizer.is_learnable, "😂❤🏳😀"))
    assert tokenizer.is_word("so")
    assert tokenizer.rare == []


WORDS = {
    "Hindi": "क्‍या",
    "Persian": "می‌خواهم",
    "Persian, digits": "۲۰‌ساله",
    "Sinhala": "ශ්‍රී",
    "Bengali": "র‍্যাব",
    "Malayalam, a joiner at the end": "അവന്‍",
    "Kannada": "ರ‍್ಯಾಂಕ್",
    "Arabic, marks": "مُحَمَّد",
    "Hebrew, points": "שָׁלוֹם",
}


@pytest.mark.parametrize("word", WORDS.values(), ids=WORDS.keys())
@pytest.mark.parametrize("cased", [False, True])
def test_a_word_with_joiners_inside_is_one_word(word: str, cased: bool) -> None:
    word = unicodedata.normalize("NFC", word)
    assert tokens(f"({word}, {word}-{word}!)", cased) == ["(", word, ",", f"{word}-{word}", "!", ")"]
    assert is_learnable(word)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Auf\u200clage", ["auflage"]),
        ("z\u200dz", ["zz"]),
        ("\u200cكتاب\u200c \u200c و", ["كتاب", "و"]),
        ("می\u200c\u200cخواهم", ["می\u200cخواهم"]),
        ("می\u200c، a\u200d\u0628", ["می", "،", "a\u0628"]),
        ("\u200d\u200d !\u200d", ["!"]),
        ("😀\u200d a\u200d😀", ["😀", "a", "😀"]),
    ],
)
def test_a_joiner_elsewhere_is_dropped(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@pytest.mark.parametrize("control", [*"\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2061"])
def test_controls_of_direction_are_dropped(control: str) -> None:
    assert tokens(f"{control}[12:34] {control} sa{control}me{control}") == ["[", "12:34", "]", "same"]


@pytest.mark.parametrize("text", ["İyi iyi", "I\u0307yi i\u0307yi", "İYİ İyİ"])
def test_a_turkish_capital_with_a_dot_is_the_letter_with_one(text: str) -> None:
    assert tokens(text) == ["iyi", "iyi"]


def test_a_word_met_at_sentence_starts_alone_has_no_capital_of_its_own_in_turkish_and_greek() -> None:
    learned = WordTokenizer.train(["İyi günler. Κόσμος. İstanbul burası, ama İstanbul uzak."], min_count=1)
    written = {word: learned.surface(learned.words.index(word)) for word in ("iyi", "κόσμος", "istanbul")}
    assert written == {"iyi": "iyi", "κόσμος": "κόσμος", "istanbul": "İstanbul"}


@pytest.mark.parametrize(
    ("capitals", "lower"),
    [
        ("ΚΟΣΜΟΣ", "κοσμος"),
        ("ΟΔΥΣΣΕΥΣ, ΣΑΣ", "οδυσσευς , σας"),
        ("Σ ΑΣ'ΤΟ ΑΣ' ΑΣ-ΑΣ Σ2 ΑΣ2", "σ ασ'το ας ' ας-ας σ2 ασ2"),
    ],
)
def test_a_capital_sigma_at_a_words_end_is_the_one_that_stands_there(capitals: str, lower: str) -> None:
    assert tokens(capitals) == lower.split()
    assert tokens(capitals, cased=True) != lower.split()


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("ﬁrst", "first"),
        ("Eﬀekt", "effekt"),
        ("eﬃcient-ﬂow", "efficient-flow"),
        ("muﬄe", "muffle"),
        ("ﬆop ﬅop", "stop"),
        ("ĳs Ĳs", "ijs"),
        ("ﬔ", "մե"),
        ("ﻻ", "لا"),
    ],
)
def test_ligatures_are_unfolded(written: str, word: str) -> None:
    assert set(tokens(written)) == {word}
    learned = WordTokenizer.train([written], min_count=1)
    assert [token.word for token in learned.written(written)][:-1] == written.split()
    assert learned.encode(written).unknown == []


def test_scripts_without_spaces_have_one_word_for_every_run_of_letters() -> None:
    assert tokens("我爱你，世界。ภาษาไทย 日本語です") == ["我爱你", "，", "世界", "。", "ภาษาไทย", "日本語です"]
    assert tokens("٣٫١٤ ١٬٠٠٠ १२") == ["٣", "٫", "١٤", "١", "٬", "٠٠٠", "१२"]


SPECIAL = [
    *"aAiI1 .,'-#\n\u0130\u0131\u0307\u03a3\u03c3\u03c2\u00ad\u200b\u200c\u200d\u200e\u061c\ufb01\ufefb\u0132\u0301",
    *"\u0915\u094d\u064a\u064b\u0964\u2764\u2b50\ufe0e\ufe0f\u20e3\u2139\U0001f600\U0001f3fd\U0001f1e9\U000e0067\U000e007f",
]
any_text = st.text(st.sampled_from(SPECIAL) | st.characters(exclude_categories=["Cs"]), max_size=20)


@given(text=any_text)
@pytest.mark.parametrize("cased", [False, True])
@example(text="\u0301\u03a3")
def test_a_token_alone_and_as_it_is_written_is_the_same_token(cased: bool, text: str) -> None:
    """So a surface form is read as its word again, and nobody depends on what stands beside it."""
    pipeline = PIPELINES[cased]
    for token, written in cut(pipeline, pipeline.prepared(text)):
        form = pipeline.folded(written)
        for again in (written, form, token):
            assert [found for found, _ in cut(pipeline, again)] == [token]


@given(text=any_text)
def test_the_library_by_itself_cuts_text_as_is_done_here(text: str) -> None:
    for pipeline in PIPELINES.values():
        prepared = pipeline.prepared(text)
        encoding = pipeline.library.encode(prepared)
        assert [written for _, written in cut(pipeline, prepared)] == [prepared[b:e] for b, e in encoding.offsets]
        assert pipeline.normalize(text) == pipeline.library.normalizer.normalize_str(text)


@given(texts=st.lists(any_text, min_size=1, max_size=5))
def test_texts_cut_together_have_the_tokens_of_each_alone(texts: list[str]) -> None:
    for pipeline in PIPELINES.values():
        prepared = [pipeline.prepared(text) for text in texts]
        together = list(pipeline.cut_all(prepared))
        assert together == [cut(pipeline, text) for text in prepared]
        assert all(token and written for tokens in together for token, written in tokens)


def test_generated_emoji_are_written_like_words() -> None:
    learned = WordTokenizer.train(["See you 👍🏽 soon ❤️ 👨‍👩‍👧!"], min_count=1)
    text = "See you 👍🏽 soon ❤️ 👨‍👩‍👧!"
    assert detokenize(learned, learned.encode(text).ids) == text


# -- earlier rules ---------------------------------------------------------------------------------------------------


def test_a_vocabulary_without_a_version_cuts_text_as_it_did() -> None:
    text = "İyi z\u200dz ﬁrst \u200eΚΟΣ ❤️ exam-\nple example don\u2019t"
    old = WordTokenizer.train([text], min_count=1, version=1)
    tokenizer, vocabulary = map(json.loads, old.to_json())
    assert vocabulary.pop("version") == 1
    assert "token" not in vocabulary
    loaded = WordTokenizer.from_json(tokenizer, vocabulary)
    assert loaded.version == 1
    expected = "i\u0307yi z \u200d z ﬁrst \u200e κοσ ❤ \ufe0f exam - ple example don't"
    assert [loaded.words[token] for token in loaded.encode(text).ids] == expected.split(" ")
    encoded = [int(token) for chunk in loaded.encode_documents([text]) for token in chunk]
    assert encoded[:-1] == loaded.encode(text).ids
    assert loaded.to_json() == old.to_json()


def test_the_first_rules_are_written_down_as_they_were(first_rules: dict[str, Any]) -> None:
    tokenizer = json.loads(Pipeline("words", False, version=1).library.to_str())
    assert {part: tokenizer[part] for part in first_rules} == first_rules


@pytest.fixture
def first_rules() -> dict[str, Any]:
    return json.loads(Path(__file__).with_name("first_rules.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_a_vocabulary_that_grows_keeps_its_rules() -> None:
    for version in (1, 2):
        tokenizer = WordTokenizer.train(["we met"], min_count=1, version=version)
        grown, _ = tokenizer.extended(["we 👍🏽"], 100, 1)
        assert grown.version == version
        assert ("👍🏽" in grown.words) is (version == 2)


@pytest.mark.parametrize("version", [0, -1, True, "2", 2.0, None, [2]])
def test_a_version_that_is_none_is_damage(version: object) -> None:
    tokenizer, vocabulary = map(json.loads, WordTokenizer.train(["we met"], min_count=1).to_json())
    with pytest.raises(ValueError, match="not a tokenizer"):
        WordTokenizer.from_json(tokenizer, {**vocabulary, "version": version})


def test_a_word_with_joiners_or_an_emoji_is_printable_and_one_with_a_stray_joiner_is_not() -> None:
    assert all(map(is_printable, [*EMOJI, *WORDS.values(), "a", "a b"]))
    assert not any(map(is_printable, ["z\u200dz", "\u200d", "a\n", "\u202ea", "\u200ea", "\U000e0067", "😀\u200d"]))
