"""How words are written: the capitals they have, those of a sentence's start, and those that somebody types."""

from __future__ import annotations

import pytest

from nextword.text.casing import capitalized_at_start, capitalized_like
from nextword.text.tokenizer import WordTokenizer


@pytest.mark.parametrize(
    ("prefix", "form", "written"),
    [
        ("", "word", "word"),
        ("w", "iPhone", "iPhone"),
        ("I'", "I'd", "I'd"),
        ("I\u2019", "I've", "I've"),
        ("I'V", "I've", "I'VE"),
        ("L'", "l'école", "L'école"),
        ("C'", "c'est", "C'est"),
        ("T", "that", "That"),
        ("TH", "that", "THAT"),
        ("ÉT", "était", "ÉTAIT"),
        ("STRA", "Straße", "STRASSE"),
        ("E\u0301", "était", "Était"),
        ("McD", "McDonald", "McDonald"),
        ("MC", "McDonald", "MCDONALD"),
        ("O'B", "O'Brien", "O'Brien"),
        ("NA", "NASA", "NASA"),
        ("US", "USA's", "USA's"),
        ("I", "iPhone", "IPhone"),
        ("IP", "iPhone", "IPHONE"),
        ("X-", "x-ray", "X-ray"),
        ("3D", "3d-print", "3d-print"),
        ("İ", "insan", "İnsan"),
        ("I\u0307", "insan", "İnsan"),
        ("İY", "iyiyim", "İYİYİM"),
        ("Kİ", "kılıçtı", "KILIÇTI"),
        ("İs", "istanbul'da", "İstanbul'da"),
        ("IS", "İstiklal", "İSTİKLAL"),
        ("Is", "İstiklal", "İstiklal"),
        ("is", "İstiklal", "İstiklal"),
        ("I", "insan", "Insan"),
    ],
)
def test_a_suggestion_has_the_capitals_typed_and_all_only_where_two_letters_are_capitals(
    prefix: str, form: str, written: str
) -> None:
    assert capitalized_like(prefix, form) == written


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("the", "The"),
        ("iPhone", "iPhone"),
        ("eBay", "eBay"),
        ("mRNA", "mRNA"),
        ("l'Italie", "L'Italie"),
        ("non-English", "Non-English"),
        ("été", "Été"),
        ("McDonald", "McDonald"),
        ("საქართველო", "საქართველო"),
        ("ǆep", "ǅep"),
        ("", ""),
    ],
)
def test_a_sentence_begins_with_a_capital_but_for_words_with_a_capital_of_their_own_inside(
    form: str, written: str
) -> None:
    assert capitalized_at_start(form) == written


@pytest.mark.parametrize(
    "text",
    [
        "¿Qué quieres? ¡Qué bien! ¿Qué pasa? No sé lo que quiere.",
        "> Qué quieres? No.\n\n> Qué bien.\n\nNo sé lo que quiere.",
        "• Qué quieres\n\n• Qué bien\n\n‣ Qué pasa\n\nNo sé lo que quiere.",
        "Así es... Qué bien. (Qué pasa.) [Qué dice.] No sé lo que quiere.",
        "Vino el 5 de p. ej. Qué pasa aprox. Qué bien. No. Qué va.",
    ],
)
@pytest.mark.parametrize("vocab_size", [100, 4])
def test_a_capital_after_any_mark_of_a_start_is_not_learned(text: str, vocab_size: int) -> None:
    tokenizer = WordTokenizer.train([text], min_count=1, vocab_size=vocab_size)
    if "qué" in tokenizer.words:
        assert tokenizer.surface(tokenizer.words.index("qué")) == "qué"
    assert "Qué" not in tokenizer.rare


def test_a_capital_after_a_title_is_learned_although_the_title_is_no_word_of_the_vocabulary() -> None:
    text = "Mrs. Miller came and Mrs. Miller went. Dr. Miller too. "
    tokenizer = WordTokenizer.train([text * 2], min_count=5)
    assert "mrs" not in tokenizer.words
    assert tokenizer.surface(tokenizer.words.index("miller")) == "Miller"


def test_after_an_abbreviation_small_letters_are_learned_and_capitals_are_not() -> None:
    tokenizer = WordTokenizer.train(
        ["Ham, eggs, etc. were there. Ham, eggs, etc. Were they? Etc. Were they?"], min_count=1
    )
    assert tokenizer.surface(tokenizer.words.index("were")) == "were"


def test_a_word_met_at_sentence_starts_alone_keeps_its_turkish_capital() -> None:
    text = "İstanbul'da bir insan var. İstanbul'da bir ev var. İnsan iyi."
    tokenizer = WordTokenizer.train([text], min_count=1)
    assert tokenizer.surface(tokenizer.words.index("istanbul'da"), at_start=True) == "İstanbul'da"
    assert tokenizer.surface(tokenizer.words.index("insan")) == "insan"
