"""Numbers are made of the gold that committed scores name and of the data that records name, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.fabricated_runs import Active, make_runs

from mner.base.files import sha256_of
from mner.data.corpus import Sentence, read_sentences, write_sentences
from mner.evaluation.evaluate import evaluate
from mner.evaluation.rescoring import SubwordCounter
from mner.evaluation.score_results import ScoreResults
from mner.evaluation.scored_inputs import BLIND, GOLD, ChangedInputError, ForeignGoldError
from mner.tracking import prepared_inputs

ACTIVE = Active("tiny", ("twitter2017",), ("bert-crf",), (1, 2))
FOLDER = Path("data") / "twitter2017"


def _runs(root: Path, **changes: Any) -> None:
    make_runs(root, ACTIVE, lambda *place: 0.2 if place[3] == "own" else None, **changes)


def _scores(root: Path, **pinned: Any) -> ScoreResults:
    pieces = SubwordCounter("ours", lambda words: [1] * len(words))
    return evaluate(root, "tiny", ACTIVE.datasets, ACTIVE.systems, ACTIVE.seeds, lambda: pieces, **pinned).scores


def _flip_a_tag(path: Path) -> None:
    first, *others = read_sentences(path)
    tags = first.tags or ()
    turned = tuple("B-LOC" if tag == "B-PER" else "B-PER" if tag == "O" else tag for tag in tags)
    write_sentences(path, [Sentence(first.index, first.image, first.words, turned), *others])


def test_scores_hold_the_hash_of_gold_and_other_gold_is_refused(tmp_path: Path) -> None:
    _runs(tmp_path)
    gold = tmp_path / FOLDER / GOLD
    before = _scores(tmp_path).inputs
    name = (FOLDER / GOLD).as_posix()
    assert before[name] == sha256_of(gold)
    assert _scores(tmp_path, pinned=before).inputs == before
    _flip_a_tag(gold)
    with pytest.raises(ChangedInputError) as refused:
        _scores(tmp_path, pinned=before)
    assert (refused.value.path, refused.value.expected, refused.value.found) == (
        name,
        before[name],
        sha256_of(gold),
    )


def test_data_must_be_what_the_record_says_it_read(tmp_path: Path) -> None:
    name = (FOLDER / "corpus" / "dev.jsonl").as_posix()
    _runs(tmp_path, inputs={name: "0" * 64})
    with pytest.raises(ChangedInputError) as refused:
        _scores(tmp_path)
    assert (refused.value.path, refused.value.expected) == (name, "0" * 64)


def test_gold_must_be_of_the_sentences_that_runs_read(tmp_path: Path) -> None:
    _runs(tmp_path)
    blind = [sentence.blind() for sentence in read_sentences(tmp_path / FOLDER / GOLD)]
    write_sentences(tmp_path / FOLDER / BLIND, blind)
    _scores(tmp_path)
    other = Sentence(1, "another.jpg", blind[1].words, None)
    write_sentences(tmp_path / FOLDER / BLIND, [blind[0], other, *blind[2:]])
    with pytest.raises(ForeignGoldError) as refused:
        _scores(tmp_path)
    assert (refused.value.dataset, refused.value.index) == ("twitter2017", 1)
    write_sentences(tmp_path / FOLDER / BLIND, blind[:-1])
    with pytest.raises(ForeignGoldError) as refused:
        _scores(tmp_path)
    assert refused.value.index == len(blind) - 1


def test_committed_hashes_bind_the_same_test_sentences_and_what_no_record_names(tmp_path: Path) -> None:
    """A corpus generated in another size is another version; its committed scores do not bind it."""
    _runs(tmp_path)
    gold, blind = tmp_path / FOLDER / GOLD, tmp_path / FOLDER / BLIND
    write_sentences(blind, [sentence.blind() for sentence in read_sentences(gold)])
    before = _scores(tmp_path).inputs
    other_version = {**before, f"{FOLDER.as_posix()}/{BLIND}": "0" * 64, f"{FOLDER.as_posix()}/{GOLD}": "1" * 64}
    assert _scores(tmp_path, pinned=other_version).inputs == before
    train = f"{FOLDER.as_posix()}/corpus/train.jsonl"
    write_sentences(tmp_path / train, read_sentences(gold))
    _runs(tmp_path, inputs={train: sha256_of(tmp_path / train)})
    assert _scores(tmp_path, pinned={**before, train: "0" * 64}).inputs[train] != "0" * 64
    with pytest.raises(ChangedInputError) as refused:
        _scores(tmp_path, pinned={**before, f"{FOLDER.as_posix()}/{GOLD}": "1" * 64})
    assert refused.value.path == f"{FOLDER.as_posix()}/{GOLD}"


def test_gold_of_a_data_set_without_committed_scores_is_held_to_dvc_lock(tmp_path: Path) -> None:
    _runs(tmp_path)
    output = (FOLDER / GOLD).parent
    lock = {
        "stages": {
            "data": {"outs": [{"path": output.as_posix(), "md5": prepared_inputs.folder_md5(tmp_path / output)}]}
        }
    }
    (tmp_path / prepared_inputs.LOCK).write_text(yaml.safe_dump(lock))
    _scores(tmp_path)
    _flip_a_tag(tmp_path / FOLDER / GOLD)
    with pytest.raises(prepared_inputs.ChangedInputError) as refused:
        _scores(tmp_path)
    assert refused.value.path == output
