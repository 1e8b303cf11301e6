"""What the gates are good for: three cells with as many parameters, trained alike on the default corpus.

    python tests/benchmarks/cells.py [--seeds 3] [--steps 1500] [--out FOLDER]

A plain recurrent net, a GRU and an LSTM learn the default corpus, two layers and 1.05 million recurrent weights each;
and the LSTM once more as `nextword train` has it, with units that keep the topic. Each with the learning rate and first
weights that `--cell` brings along. Networks that stand in FOLDER already are not trained again.

Then, as means over the seeds, with the least and the largest: the perplexity of the text held out; the rank of the
word that ends a sentence about clouds, which any net gets; and of a country named at growing distance the language: how
often it is among the first three words, and by how many bits it is likelier than after another country.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from countries import LANGUAGES

from nextword import Predictor
from nextword.config import ModelConfig, TrainConfig
from nextword.trainer import train

# Recurrent weights: 4 (2 x 256 H + H^2 + 256^2), and so on with 3 and 1.
NETWORKS = {
    "plain net": ModelConfig(cell="rnn", hidden_size=768, topic_share=0.0),
    "GRU": ModelConfig(cell="gru", hidden_size=335, topic_share=0.0),
    "LSTM": ModelConfig(cell="lstm", hidden_size=256, topic_share=0.0),
    "LSTM with topics": ModelConfig(cell="lstm", hidden_size=256),
}
ASKED = {"cell", "embedding_dim", "hidden_size", "num_layers", "topic_share"}
CLOUDS = "The clouds are in the"
BEGINNINGS = [
    "I grew up in {}.",
    "Emma was born in {}.",
    "Our neighbour comes from {}.",
    "He lived in {} when he was a child.",
]
BETWEEN = [
    "The house was small.",
    "It had a garden and a red door.",
    "Every morning we walked to school along the river.",
    "In the evening there was soup and bread, and we sat by the window.",
    "The winters were long, but nobody minded the snow.",
    "On Sundays the whole family came to eat, and after that the men played cards.",
    "The years went by, one after the other, and much was forgotten.",
]
END = "So of course the whole family speaks fluent"


def main() -> None:
    """Train what is missing, ask all, and print a table for each question."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1_500)
    parser.add_argument("--out", type=Path, default=Path("checkpoints/cells"))
    options = parser.parse_args()
    networks = {
        name: [
            Predictor.load(trained(name, config, seed, options.steps, options.out))
            for seed in range(1, options.seeds + 1)
        ]
        for name, config in NETWORKS.items()
    }
    print("\nnetwork, perplexity of the text held out, rank of 'sky' after", repr(CLOUDS))
    for name, predictors in networks.items():
        perplexities = [predictor.checkpoint.training["validation_perplexity"] for predictor in predictors]
        print(f"{name:<18}{spread(perplexities)}   {spread([sky(predictor) for predictor in predictors], '.0f')}")
    print("\nwords between country and blank; for each network: language among the first three, bits it is likelier by")
    for sentences in range(len(BETWEEN) + 1):
        row = []
        for predictors in networks.values():
            found, bits = zip(*(languages(predictor, sentences) for predictor in predictors), strict=True)
            row.append(f"{spread(found, '.0%')} {spread(bits, '+.2f')}")
        print(f"{distance(networks['LSTM'][0], sentences):>3}   " + "   ".join(row))


def trained(name: str, config: ModelConfig, seed: int, steps: int, out: Path) -> Path:
    """The checkpoint of one network, trained now if it is not there."""
    file_name = f"{name.replace(' ', '-')}-{steps}-{seed}"
    path = out / f"{file_name}.safetensors"
    if not path.exists():
        settings = TrainConfig(max_steps=steps, seed=seed, name=file_name, out=str(out))
        path = train(None, config, settings, asked=ASKED | {"max_steps", "seed", "name", "out"})
        print(f"trained {path}", flush=True)
    return path


def sky(predictor: Predictor) -> int:
    """Which of the suggestions is the word that ends the sentence about clouds, from 1."""
    suggested = [prediction.word for prediction in predictor.predict(CLOUDS, k=len(predictor.tokenizer))]
    return suggested.index("sky") + 1


def text(country: str, beginning: str, sentences: int) -> str:
    """A text that ends before a language, with so many sentences since its country."""
    return " ".join([beginning.format(country), *BETWEEN[:sentences], END])


def distance(predictor: Predictor, sentences: int) -> int:
    """How many tokens stand between the country and the blank."""
    return len(predictor.tokenizer.encode(text("", "{}", sentences)).ids)


def languages(predictor: Predictor, sentences: int) -> tuple[float, float]:
    """How often the language of the country is among the first three words, and by how many bits it is likelier.

    Likelier than after the other countries: the mean of the logarithms' differences.
    """
    found, bits = [], []
    ids = {language: predictor.tokenizer.token_id(language.lower()) for language in LANGUAGES.values()}
    for beginning in BEGINNINGS:
        log2, suggested = {}, {}
        for country in LANGUAGES:
            session = predictor.session()
            session.feed(text(country, beginning, sentences))
            log2[country] = np.log2(session.distribution())
            suggested[country] = {prediction.word for prediction in session.suggest(3)}
        for country, language in LANGUAGES.items():
            others = [log2[other][ids[language]] for other, spoken in LANGUAGES.items() if spoken != language]
            found.append(language in suggested[country])
            bits.append(float(log2[country][ids[language]] - np.mean(others)))
    return sum(found) / len(found), math.fsum(bits) / len(bits)


def spread(values: Sequence[float], form: str = ".1f") -> str:
    """Mean, least and largest of a figure over the seeds."""
    return f"{sum(values) / len(values):{form}} ({min(values):{form}} to {max(values):{form}})"


if __name__ == "__main__":
    main()
