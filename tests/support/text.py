"""A text that a small network learns something from."""

from __future__ import annotations

import random


def make_text(paragraphs: int, seed: int = 0) -> str:
    """Paragraphs of a language with few words, where much of what comes next can be learned."""
    chance = random.Random(seed)
    names, cities = ["Anna", "Peter", "Maria"], ["Paris", "London", "Berlin"]
    animals, places = ["cat", "dog", "horse"], ["mat", "table", "grass"]

    def sentence() -> str:
        name, city, animal, place = map(chance.choice, (names, cities, animals, places))
        return chance.choice(
            [
                f"{name} lives in {city}.",
                f"The {animal} sat on the {place}.",
                f"I don't know {name}, but I know {city}.",
                f"My mother-in-law and I went to {city} by train.",
                f'"Where is the {animal}?" asked {name}.',
                f"Mr. McDonald said that the {animal} was late.",
            ]
        )

    return "\n\n".join(" ".join(sentence() for _ in range(chance.randint(3, 5))) for _ in range(paragraphs)) + "\n"
