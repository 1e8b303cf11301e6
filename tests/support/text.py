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


FRENCH = [
    "Il était une fois un père et sa fille.",
    "L'école est fermée, et c'est dommage.",
    "Cette école est fermée tout un été.",
    "C'était hier que le père est allé à l'école.",
    "Je pense que c'est l'été, et qu'il était là.",
    "Elle a vu M. Dupont, etc. et puis le père de Paul.",
]
GERMAN = [
    "Die Straße ist groß und lang.",
    "In der Straße steht ein GROSS geschriebenes Wort.",
    "Er fährt ca. zehn Minuten, und die Straße ist leer.",
    "Wir wohnen gegenüber vom Hbf. und gehen über die Straße.",
    "Das Haus am Hbf. ist groß, und ein iPhone liegt darin.",
]
SPANISH = [
    "¿Qué quieres comer hoy?",
    "¿Quién sabe lo que quieres?",
    "¡Qué bonito es el mar!",
    "¿Qué dice la Sra. García?",
    "Ayer vimos el mar y la casa.",
]


def sentences_of(sentences: list[str], paragraphs: int = 120) -> str:
    """Paragraphs of three of these sentences each, in an order that is always the same."""
    chance = random.Random(0)
    return "\n\n".join(" ".join(chance.choices(sentences, k=3)) for _ in range(paragraphs)) + "\n"
