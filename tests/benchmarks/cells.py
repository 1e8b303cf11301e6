"""What the gates are good for: three cells with as many parameters, trained alike on the default corpus.

    python tests/benchmarks/cells.py [--seeds 3] [--steps 1500] [--out FOLDER]

A plain recurrent net, a GRU and an LSTM learn the default corpus, two layers with 1.05 million weights in all;
and the LSTM once more as `nextword train` has it, with units that keep the topic. Each with the learning rate and first
weights that `--cell` brings along. Networks that stand in FOLDER already are not trained again.

Then a table for each question, its figures means over the seeds, with the least and the largest:

- the perplexity of the text held out; the rank of the word that ends a sentence about clouds, and what it owes them;
- what the memory is worth: bits a word more where it is limited, and the effective memory (`nextword memory`);
- how far back the gradient of a word's loss reaches, relative to one word back (`nextword memory --gradients`);
- the language of a country that was named at growing distance: how often it is among the first three words, and by how
  many bits it is likelier than after another country.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from countries import LANGUAGES

from nextword import Predictor
from nextword.analysis.influence import why_likeliest
from nextword.config import ModelConfig, TrainConfig, WhyConfig
from nextword.evaluation import gradient_flow
from nextword.evaluation.evaluation_text import encode
from nextword.evaluation.memory_length import memory_worth
from nextword.model.language_model import load_model
from nextword.text.held_out import held_out_text
from nextword.training.train import train

# Weights of both layers: 4 (2 x 256 H + H^2 + 256^2), and so on with 3 and 1.
DROPOUTS = {"dropout_words": 0.05, "dropout_input": 0.15, "dropout_hidden": 0.15, "dropout_output": 0.2}
NETWORKS = {
    name: ModelConfig(cell, 256, hidden_size, 2, topic_share=topic_share, **DROPOUTS)
    for name, cell, hidden_size, topic_share in (
        ("plain net", "rnn", 768, 0.0),
        ("GRU", "gru", 335, 0.0),
        ("LSTM", "lstm", 256, 0.0),
        ("LSTM with topics", "lstm", 256, 0.25),
    )
}
WIDTH = 33  # of a column
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

Figures = dict[str, float]  # what was measured, and the figure


def main() -> None:
    """Train what is missing, ask all, and print a table for each question."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1_500)
    parser.add_argument("--places", type=int, default=1_000, help="of the text held out that are measured")
    parser.add_argument("--out", type=Path, default=Path("checkpoints/cells"))
    options = parser.parse_args()
    networks = {
        name: [
            Predictor.load(trained(name, config, seed, options.steps, options.out))
            for seed in range(1, options.seeds + 1)
        ]
        for name, config in NETWORKS.items()
    }
    questions: dict[str, Callable[[Predictor], Figures]] = {
        "prediction": prediction,
        "bits a word more with less memory": lambda predictor: memory(predictor, options.places),
        "gradient, relative to one word back": lambda predictor: gradients(predictor, options.places // 4),
        "the language of the country, so many words later": languages,
    }
    for title, question in questions.items():
        print(f"\n{title}\n{'':<{WIDTH}}" + "".join(f"{name:<{WIDTH}}" for name in networks))
        answers = {name: [question(predictor) for predictor in predictors] for name, predictors in networks.items()}
        for label in dict.fromkeys(label for figures in answers.values() for label in figures[0]):
            cells = (spread([one[label] for one in figures if label in one]) for figures in answers.values())
            print(f"{label:<{WIDTH}}" + "".join(f"{cell:<{WIDTH}}" for cell in cells), flush=True)


def trained(name: str, config: ModelConfig, seed: int, steps: int, out: Path) -> Path:
    """The checkpoint of one network, trained now if it is not there."""
    file_name = f"{name.replace(' ', '-')}-{steps}-{seed}"
    path = out / f"{file_name}.safetensors"
    if not path.exists():
        settings = TrainConfig(max_steps=steps, seed=seed, name=file_name, out=str(out))
        path = train(None, config, settings)
        print(f"trained {path}", flush=True)
    return path


def prediction(predictor: Predictor) -> Figures:
    """How well the text held out is predicted, and a sentence about clouds."""
    suggested = [one.word for one in predictor.predict(CLOUDS, k=len(predictor.tokenizer))]
    perplexity = predictor.checkpoint.training["validation_perplexity"]
    parts, [sky], _ = why_likeliest(predictor, CLOUDS, WhyConfig(word="sky"))
    owed = sky.bits[[part.text for part in parts].index("clouds")]
    return {"perplexity": perplexity, "'sky': rank": suggested.index("sky") + 1, "'sky': bits from 'clouds'": owed}


def memory(predictor: Predictor, places: int) -> Figures:
    """What the memory is worth on the text held out."""
    checkpoint = predictor.checkpoint
    texts = held_out_text(TrainConfig.valid_fraction)
    worth = memory_worth(load_model(checkpoint), checkpoint.tokenizer, texts, places)
    figures = {
        f"the last {row.words} words" if row.words else f"this {row.remembered}": row.bits_more
        for row in worth.compared
        if row.remembered != "all"
    }
    return {**figures, "effective memory, words": float(worth.effective_memory or np.inf)}


def gradients(predictor: Predictor, places: int) -> Figures:
    """How far back the gradient reaches, with respect to the hidden state and to the cell state."""
    checkpoint = predictor.checkpoint
    ids = encode(checkpoint.tokenizer, held_out_text(TrainConfig.valid_fraction))
    rows = gradient_flow(load_model(checkpoint), ids, places).gradients
    hidden = {f"h, {row.distance} words back": row.hidden_relative for row in rows if row.hidden_relative is not None}
    cell = {f"c, {row.distance} words back": row.cell_relative for row in rows if row.cell_relative is not None}
    return {**hidden, **cell}


def languages(predictor: Predictor) -> Figures:
    """The language of a country: how often among the first three words, and by how many bits likelier than by chance.

    Likelier than after the other countries: the mean of the logarithms' differences.
    """
    figures = {}
    ids = {language: predictor.tokenizer.token_id(language.lower()) for language in LANGUAGES.values()}
    for sentences in range(len(BETWEEN) + 1):
        rest = " ".join([*BETWEEN[:sentences], END])
        distance = len(predictor.tokenizer.encode(rest).ids)
        found, bits = [], []
        for beginning in BEGINNINGS:
            log2, suggested = {}, {}
            for country in LANGUAGES:
                session = predictor.session()
                session.feed(f"{beginning.format(country)} {rest}")
                log2[country] = np.log2(session.outlook().distribution)
                suggested[country] = {one.word for one in session.suggest(3)}
            for country, language in LANGUAGES.items():
                others = [log2[other][ids[language]] for other, spoken in LANGUAGES.items() if spoken != language]
                found.append(language in suggested[country])
                bits.append(log2[country][ids[language]] - np.mean(others))
        figures[f"{distance} words: found, %"] = 100 * float(np.mean(found))
        figures[f"{distance} words: bits"] = float(np.mean(bits))
    return figures


def spread(values: list[float]) -> str:
    """Mean, least and largest over the seeds, or nothing where nothing was measured."""
    return f"{np.mean(values):.3g} ({min(values):.3g} to {max(values):.3g})" if values else "-"


if __name__ == "__main__":
    main()
