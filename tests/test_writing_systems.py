"""In every writing system a text is learned, completed, generated and scored, without a split word or emoji."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import NamedTuple

import pytest
from support.cli import RunCLI
from support.models import random_predictor

from nextword.config import AdaptConfig
from nextword.inference.predictor import Predictor
from nextword.interactive.line_filter import LineFilter
from nextword.interactive.typing_line import TypingLine
from nextword.storage.checkpoint import save_checkpoint
from nextword.terminal import output


class Sample(NamedTuple):
    """A text of a writing system."""

    text: str
    typed: str  # letters of a word
    word: str  # the word


SAMPLES = {
    "Hindi": Sample("क्‍या आप घर जा रहे हैं? क्‍या बात है। हम कल घर जाएँगे, आप क्‍या करेंगे?", "क्‍", "क्‍या"),
    "Persian": Sample("می‌خواهم به خانه بروم. کتاب‌ها را می‌خوانم، و نمی‌خواهم برگردم.", "می", "می‌خواهم"),
    "Arabic": Sample("\u200fأريد أن أذهب إلى البيت. قرأتُ الكتاب، ثم ذهبت إلى السوق؟ الله أكبر", "الكت", "الكتاب"),
    "Turkish": Sample("İyi günler. Bugün İstanbul güzel, ve İstanbul çok iyi.", "ist", "İstanbul"),
    "Greek": Sample("Ο κόσμος είναι μικρός. Ο ΚΟΣΜΟΣ και ο Οδυσσέας, ένας σοφός.", "ΟΔΥ", "ΟΔΥΣΣΈΑΣ"),
    "Russian": Sample("Кто-то сказал, что ёлка стоит, и мы обрадо-\nвались. Мы обрадовались.", "об", "обрадовались"),
    "Emoji": Sample("\u200e[12:34] Great 👍🏽 see you ❤️ with 👨‍👩‍👧 in 🇩🇪 on 1️⃣ or ☕ ok", "se", "see"),
    "French": Sample("La ﬁn est là. C'est une aﬀaire d’État, où l'on est «ﬁer».", "aff", "affaire"),
}  # fmt: skip


@pytest.fixture(params=SAMPLES.keys())
def sample(request: pytest.FixtureRequest) -> Sample:
    return SAMPLES[request.param]


@pytest.fixture
def model(sample: Sample) -> Predictor:
    return random_predictor("lstm", f"{sample.text}\n\n{sample.text}")


@pytest.fixture
def checkpoint(model: Predictor, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, model.checkpoint)
    return path


def test_nothing_of_the_text_is_unknown_and_no_word_is_a_sign_that_cannot_be_seen(
    sample: Sample, model: Predictor
) -> None:
    assert model.tokenizer.encode(sample.text).unknown == []
    for word in model.tokenizer.words:
        assert not all(unicodedata.category(character) in ("Cf", "Mn", "Me") for character in word)


def test_a_word_is_completed(sample: Sample, model: Predictor, checkpoint: Path, call_cli: RunCLI) -> None:
    done = call_cli("predict", "-c", checkpoint, "--complete", f"x, {sample.typed}", "-k", "50")
    assert sample.word in [line.split("\t")[0] for line in done.stdout.splitlines()]
    line = TypingLine(model.session(), 50)
    assert sample.word in [suggestion.word for suggestion in line.suggestions(f"x, {sample.typed}")]
    offered = LineFilter(model, count=50).answer(f"x, {sample.typed}".encode()).decode().split()
    assert model.tokenizer.normalize(sample.word) in map(model.tokenizer.normalize, offered)


def test_generated_text_is_made_of_the_words_of_the_text(
    sample: Sample, model: Predictor, checkpoint: Path, call_cli: RunCLI
) -> None:
    done = call_cli("generate", "-c", checkpoint, "--words", "120", "--seed", "1")
    assert done.returncode == 0
    assert "\\" not in done.stdout
    assert not any(map(model.tokenizer.is_word, model.tokenizer.encode(done.stdout).unknown))


def test_score_gives_the_words_of_the_text(
    sample: Sample, model: Predictor, checkpoint: Path, tmp_path: Path, call_cli: RunCLI
) -> None:
    file = tmp_path / "text.txt"
    file.write_text(sample.text, encoding="utf-8")
    done = call_cli("score", "-c", checkpoint, file)
    rows = [line.split("\t") for line in done.stdout.splitlines()[1:]]
    expected = [token.word for token in model.tokenizer.written(sample.text)]
    assert [row[2] for row in rows] == expected
    assert not any("\\" in word for word in expected)


def test_every_word_and_emoji_is_suggested_and_shown_as_it_is(
    sample: Sample, model: Predictor, checkpoint: Path, call_cli: RunCLI
) -> None:
    words = [word for word in model.tokenizer.words if model.tokenizer.is_word(word)]
    forms = [model.tokenizer.surface(model.tokenizer.words.index(word)) for word in words]
    done = call_cli("predict", "-c", checkpoint, "x,", "-k", str(len(words)))
    assert sorted(line.split("\t")[0] for line in done.stdout.splitlines()) == sorted(forms)
    assert [output.masked(form) for form in forms] == forms


def test_a_session_learns_new_words_and_emoji_whole() -> None:
    session = random_predictor("lstm").session(AdaptConfig())
    session.feed("Anna می‌خواهم 👨‍👩‍👧 क्‍या ❤️")
    new = [learned.word for learned in session.learned() if learned.new]
    assert new == ["می‌خواهم", "👨‍👩‍👧", "क्‍या", "❤️"]
