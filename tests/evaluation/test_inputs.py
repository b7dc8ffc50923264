"""Words that do not fit are counted as the tokenisation cuts them, shown where there are any, and not guessed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import fabricated_runs
from support.filled_results import filled

from mner.base.files import write_json_atomically
from mner.data.corpus import Sentence
from mner.data.subwords import WordPieces
from mner.evaluation.averages import WORD_VECTORS
from mner.evaluation.error_results import Truncation
from mner.evaluation.evaluate import cut_words, evaluate, input_notes, read_findings
from mner.evaluation.rescoring import SubwordCounter
from mner.evaluation.score_results import ScoredCell, ScoreResults
from mner.reporting.limits import limits

FABRICATED = vars(fabricated_runs)
ACTIVE = FABRICATED["Active"]("tiny", ("twitter2017",), ("bert-crf", "umt"), (1, 2))


class _Splitter:
    """A tokenizer that splits ``w3`` into three pieces, ``w0`` into none."""

    cls_token_id, sep_token_id, pad_token_id = 1, 2, 0

    def __call__(self, words: list[list[str]], **_: Any) -> dict[str, list[list[int]]]:
        return {"input_ids": [[9] * int(word[1:]) for (word,) in words]}


@pytest.mark.parametrize("seed", range(20))
def test_words_are_counted_as_they_are_cut(seed: int) -> None:
    rng = random.Random(seed)
    tweets = [[f"w{rng.randint(0, 4)}" for _ in range(rng.randint(1, 12))] for _ in range(8)]
    pieces = WordPieces(_Splitter())
    limit = rng.randint(3, 24)
    numbers = [pieces.count(tweet) for tweet in tweets]
    assert sum(cut_words(numbers, limit)) == pieces.table(tweets, max_pieces=limit).truncated_words


def test_cut_words_are_shown_where_there_are_any(tmp_path: Path) -> None:
    recipe = {"epochs": 6, "batch_size": 16, "train_sentences": None, "frozen_layers": 0, "max_pieces": 7}
    FABRICATED["make_runs"](tmp_path, ACTIVE, lambda *_: 0.1, recipe=recipe)
    held = FABRICATED["evaluated"](tmp_path, ACTIVE)
    sentences = {("twitter2017", "test"): FABRICATED["sentences"]()}
    numbers = {("twitter2017", "test"): [[1] * 7] * FABRICATED["SENTENCES"]}
    notes = input_notes(held.scores, tmp_path / "data", sentences, {"minilm": numbers})
    rows = notes.truncation
    assert [(row.system, row.cut_words, row.cut_sentences) for row in rows] == [
        ("bert-crf", 240, 120),
        ("umt", 240, 120),
    ]
    said = [limit for limit in limits(held.scores, rows) if limit.startswith("Cut off")]
    assert said == [
        "Cut off: 240 of 840 test words of Twitter-2017, in 120 sentences, lie beyond 7 word pieces and were not "
        "seen by the encoder (bert-crf, umt)."
    ]
    whole = [replace(row, cut_words=0) for row in rows]
    assert not any(limit.startswith("Cut off") for limit in limits(held.scores, whole))
    blind = input_notes(held.scores, tmp_path / "data", sentences, {}).truncation
    assert "cut words were not counted" in " ".join(limits(held.scores, blind))
    assert notes.findings == {"twitter2017": None}


def test_each_cell_is_counted_as_its_own_encoder_splits(tmp_path: Path) -> None:
    def encoder(dataset: str, system: str, seed: int) -> dict[str, str]:
        return {"name": "large" if system == "umt" else "small", "source": "hub", "sha256": "2" * 64}

    def splitter(name: str, pieces: int) -> Callable[[], SubwordCounter]:
        return lambda: SubwordCounter(name, lambda words: [pieces] * len(words))

    recipe = {"epochs": 6, "batch_size": 16, "train_sentences": None, "frozen_layers": 0, "max_pieces": 9}
    FABRICATED["make_runs"](tmp_path, ACTIVE, lambda *_: 0.1, recipe=recipe, encoder=encoder)
    profile = ACTIVE.name, ACTIVE.datasets, ACTIVE.systems, ACTIVE.seeds

    def cut(*further: Callable[[], SubwordCounter]) -> dict[str, int | None]:
        held = evaluate(tmp_path, *profile, splitter("small", 1), further=further)
        return {row.system: row.cut_words for row in held.audit.truncation}

    assert cut() == {"bert-crf": 0, "umt": None}
    assert cut(splitter("large", 2)) == {"bert-crf": 0, "umt": 4 * FABRICATED["SENTENCES"]}


def cell_of(system: str, **changes: Any) -> ScoredCell:
    """A finished cell of ``scores.json`` as far as notes on inputs read it."""
    encoder = {"name": "small", "source": "hub"}
    made = {"state": "finished", "encoder": encoder, "recipe": {"max_pieces": 5}}
    return filled(ScoredCell, {"dataset": "toy", "system": system, **made, **changes})


def test_what_no_encoder_read_was_not_cut_off(tmp_path: Path) -> None:
    cells = [
        cell_of("read"),
        cell_of("skipped", state="skipped", encoder=None),
        cell_of("missing", state="missing"),
        cell_of("by word vectors", encoder={"name": "small", "source": WORD_VECTORS}),
        cell_of("of old", recipe={}),
    ]
    scores = replace(filled(ScoreResults, {"profile": "tiny", "datasets": ["toy"]}), cells=tuple(cells))
    sentences = {
        ("toy", "test"): [Sentence(0, "1", ("a", "b", "c"), ("O",) * 3), Sentence(1, "2", ("d",), ("O",))]
    }
    pieces = {"small": {("toy", "test"): [[2, 2, 1], [3]], ("toy", "dev"): [[9]]}}
    (row,) = input_notes(scores, tmp_path, sentences, pieces).truncation
    assert row == Truncation("toy", "read", 5, words=4, cut_words=2, cut_sentences=1)


def test_findings_are_those_of_each_data_set_and_none_where_none_were_written(tmp_path: Path) -> None:
    write_json_atomically(tmp_path / "toy" / "audit" / "findings.json", [{"what": "a tag without a name"}])
    found = read_findings(tmp_path, ["toy", "other"])
    assert found == {"toy": [{"what": "a tag without a name"}], "other": None}
