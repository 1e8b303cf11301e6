"""Units that follow something plain: the correlations are numpy's own, however the text was read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.cli import invoke
from support.models import random_predictor
from support.text import make_text

from nextword.analysis.explain import Unit
from nextword.analysis.units import FEATURES, MAX_CHARACTERS, feature_values, find_trackers
from nextword.config import GATES
from nextword.errors import CorpusError
from nextword.inference.predictor import Predictor
from nextword.text.tokenizer import UNKNOWN_ID, WordTokenizer


def features_of(text: str) -> dict[str, list[int]]:
    tokenizer = WordTokenizer.train([text], min_count=1)
    (ids,) = tokenizer.encode_documents([text])
    columns = zip(*feature_values(tokenizer, ids), strict=True)
    return dict(zip(FEATURES, map(list, columns), strict=True))


def test_features_are_what_their_names_say() -> None:
    #                          I said , " come in . " we ( two ) sat , Mr . X ! <eos> so <eos>
    found = features_of('I said, "come in." We (two) sat, Mr. X!\n\nSo')
    assert found == {
        "inside quotation marks": [0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        "inside brackets": [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        "words of the sentence so far": [1, 2, 2, 2, 3, 4, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 0, 0, 1, 0],
        "words since a full stop": [1, 2, 2, 2, 3, 4, 0, 0, 1, 1, 2, 2, 3, 3, 4, 0, 1, 1, 1, 2, 2],
        "words since a comma": [1, 2, 0, 0, 1, 2, 2, 2, 3, 3, 4, 4, 5, 0, 1, 1, 2, 2, 2, 3, 3],
        "words of the paragraph so far": [1, 2, 2, 2, 3, 4, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 0, 1, 0],
    }


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "paragraphs"), [*((cell, 4) for cell in GATES), ("lstm", 170), ("gru", 170)])
def test_the_best_unit_of_the_first_half_and_what_it_does_on_the_second(cell: str, paragraphs: int) -> None:
    text = make_text(paragraphs, seed=3)
    predictor = random_predictor(cell, text)
    (ids,) = predictor.tokenizer.encode_documents([text])
    assert (len(ids) >= 4096) is (paragraphs > 100)  # so that it is read as two parts
    seen: list[tuple[int, int]] = []
    found = find_trackers(predictor, text, lambda done, total: seen.append((done, total)))
    assert (found.words, found.first_half, found.units) == (len(ids), len(ids) // 2, 15)
    assert seen[-1] == (len(ids), len(ids))

    traces = predictor.network.trace(ids.tolist(), predictor.initial_state)
    memory = np.concatenate([trace.cell if cell == "lstm" else trace.hidden for trace in traces], axis=1)
    values = np.array(list(feature_values(predictor.tokenizer, ids)))
    half = len(ids) // 2
    for column, tracker in enumerate(found.trackers):
        assert tracker.feature == FEATURES[column]
        if tracker.feature == "inside brackets":
            assert tracker.unit is None
            continue
        first, second = (
            np.array([np.corrcoef(memory[part, unit], values[part, column])[0, 1] for unit in range(15)])
            for part in (slice(half), slice(half, None))
        )
        best = int(np.abs(first).argmax())
        assert tracker.unit == (Unit(1, best + 1) if best < 9 else Unit(2, best - 8))
        assert tracker.chosen == pytest.approx(first[best], abs=1e-4)
        assert tracker.checked == pytest.approx(second[best], abs=1e-4)


def test_a_unit_made_to_count_is_found() -> None:
    """A cell that adds something with every word and keeps it counts the words of the text."""
    predictor = random_predictor("lstm", "so it goes on and on")
    tensors = {name: values.copy() for name, values in predictor.checkpoint.tensors.items()}
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
        tensors[f"lstm.0.{name}"][2::9] = 0
    tensors["lstm.0.bias_ih_l0"][2::9] = [-5, 20, 2, 0]  # a little let in, all kept, always the same
    found = find_trackers(Predictor(replace(predictor.checkpoint, tensors=tensors)), "so it goes on and on " * 20)
    tracker = found.trackers[FEATURES.index("words of the paragraph so far")]
    assert tracker.unit == Unit(1, 3)
    assert tracker.chosen == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("text", ["", "Anna", "The cat sat on the mat."])
def test_too_few_words_are_refused(predictor: Predictor, text: str) -> None:
    with pytest.raises(CorpusError, match="20 or more"):
        find_trackers(predictor, text)


def test_unknown_words_count_as_words(predictor: Predictor) -> None:
    features = list(feature_values(predictor.tokenizer, np.full(3, UNKNOWN_ID, np.int32)))
    assert [values[2] for values in features] == [1, 2, 3]


def test_of_a_text_that_is_too_long_the_first_characters_are_read(predictor: Predictor) -> None:
    text = make_text(10, seed=5)
    found = find_trackers(predictor, f"{text}and no more", max_characters=len(text))
    assert found == find_trackers(predictor, text) != find_trackers(predictor, f"{text}and no more")
    assert MAX_CHARACTERS > 1_000_000


def test_the_table_and_the_json_say_the_same(tiny_checkpoint: Path, predictor: Predictor) -> None:
    text = make_text(10, seed=5)
    found = find_trackers(predictor, text)
    record = json.loads(invoke("explain", "--find", "--json", "--quiet", "-c", str(tiny_checkpoint), stdin=text))
    table = invoke("explain", "--find", "-", "--quiet", "-c", str(tiny_checkpoint), stdin=text).splitlines()
    assert (record["words"], record["units"]) == (found.words, 72)
    assert table[0].split() == ["unit", "first", "half", "second", "half"]
    for row, facts, tracker in zip(table[1:], record["trackers"], found.trackers, strict=True):
        assert row.startswith(tracker.feature)
        if tracker.unit is None:
            assert row.endswith("-     too little of it")
            assert facts["unit"] is None
        else:
            unit, chosen, checked = row[len(tracker.feature) :].split()
            assert unit == facts["unit"] == str(tracker.unit)
            assert (chosen, checked) == (f"{tracker.chosen:+.2f}", f"{tracker.checked:+.2f}")
            assert facts["checked"] == tracker.checked
