"""How often a country that was named finds its language among the first three suggestions, sentences later.

    python tests/benchmarks/countries.py [CHECKPOINT]

The sentences were written for this benchmark and are not in the default corpus; the recipe of training was chosen
with an eye on them, so new ones may do a little worse. The same question asked of another
country tells what the memory adds: a language that is suggested after every country was not remembered.
"""

from __future__ import annotations

import sys

from nextword import Predictor

LANGUAGES = {
    "Brazil": "Portuguese",
    "China": "Chinese",
    "France": "French",
    "Germany": "German",
    "Greece": "Greek",
    "Italy": "Italian",
    "Japan": "Japanese",
    "Norway": "Norwegian",
    "Poland": "Polish",
    "Portugal": "Portuguese",
    "Russia": "Russian",
    "Spain": "Spanish",
    "Sweden": "Swedish",
    "Turkey": "Turkish",
}
TEXTS = {
    "the same sentence": [
        "Emma grew up in {}, so of course she speaks fluent",
        "I was born in {} and I still speak fluent",
        "He has lived in {} for ten years, so he speaks good",
        "My wife comes from {}, and she speaks fluent",
    ],
    "the sentence before": [
        "Emma grew up in {}. She speaks fluent",
        "My father was born in {}. With his brothers he always speaks",
        "I spent my childhood in {}. That is why I speak fluent",
        "Our neighbour comes from {}. She taught me a few words of",
    ],
    "two sentences before": [
        "I grew up in {}. My parents had a small shop near the station. I still speak fluent",
        "Sara moved here from {} last year. She works in the bakery on the corner. She speaks fluent",
        "He was born in {}. His family left when he was nine years old. He still speaks",
        "We lived in {} when I was a child. Every morning I walked to school with my sister. We both speak fluent",
    ],
}


def main() -> None:
    """Print a line for every distance: the share found, and the share that would be found after another country."""
    predictor = Predictor.load(sys.argv[1] if len(sys.argv) > 1 else None)
    for distance, texts in TEXTS.items():
        found, by_chance, others = 0, 0, 0
        for text in texts:
            suggested = {
                country: {prediction.word for prediction in predictor.predict(text.format(country), k=3)}
                for country in LANGUAGES
            }
            for country, language in LANGUAGES.items():
                found += language in suggested[country]
                strangers = [other for other, spoken in LANGUAGES.items() if spoken != language]
                by_chance += sum(language in suggested[other] for other in strangers)
                others += len(strangers)
        asked = len(texts) * len(LANGUAGES)
        print(
            f"{distance:<22}{found:>3} of {asked} ({found / asked:.0%}); after other countries {by_chance / others:.0%}"
        )


if __name__ == "__main__":
    main()
