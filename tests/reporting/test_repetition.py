"""Runs compared with the committed ones: planted differences are counted, and what made them is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support import fabricated_runs

from mner.base.files import read_json, sha256_of
from mner.cli import main as cli
from mner.data.corpus import read_tags, write_tags
from mner.evaluation.kept_results import committed_record, keep, kept_of, results_of
from mner.evaluation.result_files import results_bytes
from mner.evaluation.score_results import ScoreResults
from mner.reporting.repetition import Repetition, repetition_of, words_otherwise
from mner.tracking.evidence import EvidenceError
from mner.tracking.run_places import run_folder

FABRICATED = vars(fabricated_runs)
FIRST, SECOND = ("twitter2017", "bert-crf", 1), ("twitter2017", "rgcn", 2)
ELSEWHERE = {"cpu": "Other 9000", "torch": "9.9"}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose scored runs were committed and stand there still."""
    root = tmp_path_factory.mktemp("repetition")
    FABRICATED["make_repository"](root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        keep("quick")
    return root


@pytest.fixture
def repository(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(kept, tmp_path / "repository")
    monkeypatch.chdir(tmp_path / "repository")
    return tmp_path / "repository"


def change(place: tuple[str, str, int], words: int = 0, **fields: Any) -> None:
    """Train the run again, so to say: other tags of so many words, other fields of its record."""
    folder = run_folder(Path(), "quick", *place)
    tags = read_tags(folder / "test.own.jsonl")
    for row in tags[:words]:
        row[0] = "B-PER" if row[0] == "O" else "O"
    write_tags(folder / "test.own.jsonl", tags)
    record = read_json(folder / "record.json", "")
    record["predictions"]["test.own"] = sha256_of(folder / "test.own.jsonl")
    (folder / "record.json").write_text(json.dumps(record | {"duration_seconds": 1.0} | fields), encoding="utf-8")


def score() -> None:
    held = FABRICATED["evaluated"](Path(), FABRICATED["QUICK"])
    Path("results/quick/scores.json").write_text(results_bytes(held.scores).decode(), encoding="utf-8")


def compared() -> Repetition:
    score()
    return repetition_of(results_of(ScoreResults, "quick"), kept_of(ScoreResults, "quick"))


def test_the_committed_runs_themselves_repeat_nothing(repository: Path) -> None:
    assert compared().repeats == ()
    assert compared().render() == ""


def test_nothing_committed_is_nothing_to_compare(repository: Path) -> None:
    change(FIRST, words=3)
    score()
    assert repetition_of(results_of(ScoreResults, "quick"), None).repeats == ()


def f1_of(scores: ScoreResults, place: tuple[str, str, int]) -> float:
    f1 = scores.cells_by_place[place[:2]].own_f1
    return dict(zip(f1.seeds, f1.values, strict=True))[place[2]]


def test_planted_differences_are_counted(repository: Path) -> None:
    change(FIRST)
    change(SECOND, words=21, environment={"cpu": "Other 9000", "torch": "9.9"}, throughput=None)
    same, other = compared().repeats
    assert (same.dataset, same.system, same.seed) == FIRST
    assert (same.otherwise, same.share, same.points, same.differences) == (0, 0.0, 0.0, ())
    assert (other.dataset, other.system, other.seed) == SECOND
    assert (other.words, other.otherwise) == (7 * FABRICATED["SENTENCES"], 21)
    assert other.share == pytest.approx(2.5)
    assert other.here == "Other 9000, torch 9.9"
    assert other.there == "cpu: Intel Xeon, 2 threads"
    assert other.differences == ("machine",)
    before, after = (
        f1_of(scores, SECOND) for scores in (kept_of(ScoreResults, "quick"), results_of(ScoreResults, "quick"))
    )
    assert other.points == pytest.approx(after - before)
    assert other.points < 0
    said = compared().render()
    assert "1 of 2 runs are the same, tag for tag" in said
    assert "2.50 % of words are tagged otherwise in the others" in said
    assert "Other 9000, torch 9.9" in said
    assert f"at most {abs(other.points):.2f} for one run" in said


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"versions": {"system": 2, "protocol": 1}}, ("version",)),
        ({"recipe": {"epochs": 7}}, ("recipe",)),
        ({"options": {}}, ("option",)),
        ({"encoder": {"name": "other", "source": "package", "sha256": "5" * 64}}, ("encoder",)),
        ({"data_copy": "mner-mi"}, ("data copy",)),
        ({"visual_input": "captions:other"}, ("visual input",)),
        ({"inputs": {"data": "7" * 64, "new": "8" * 64}}, ("inputs",)),
        ({"environment": ELSEWHERE, "throughput": None, "options": {}}, ("option", "machine")),
    ],
    ids=lambda value: "-".join(value),
)
def test_what_differs_is_named(repository: Path, fields: dict[str, Any], named: tuple[str, ...]) -> None:
    for seed in (1, 2):  # runs of other conditions are not averaged
        change((*SECOND[:2], seed), **fields)
    repetition = compared()
    assert [repeat.differences for repeat in repetition.repeats] == [named, named]
    content = repetition.render()
    for name in set(named) - {"machine"}:
        assert f"{name}, 2 of 2 runs" in content
    assert ("data, new" in content) == (named == ("inputs",))


def test_another_seed_is_the_yardstick(repository: Path) -> None:
    """Tags of a cell's two runs here, counted by hand."""
    change(FIRST)
    found = compared().between_seeds
    tags = {
        place[:2]: [read_tags(run_folder(Path(), "quick", *place[:2], seed) / "test.own.jsonl") for seed in (1, 2)]
        for run in results_of(ScoreResults, "quick").runs
        if (place := (run.dataset, run.system, run.seed))
    }
    shares = [
        sum(a != b for one, other in zip(*pair, strict=True) for a, b in zip(one, other, strict=True))
        / sum(map(len, pair[0]))
        for pair in tags.values()
    ]
    assert found == pytest.approx(100 * sum(shares) / len(shares))


def test_other_sentences_are_reported_and_not_counted(repository: Path) -> None:
    change(FIRST)
    score()
    scores, reference = results_of(ScoreResults, "quick"), kept_of(ScoreResults, "quick")
    tags = run_folder(Path(), "quick", *FIRST) / "test.own.jsonl"
    write_tags(tags, read_tags(tags)[:-1])
    repetition = repetition_of(scores, reference)
    (repeat,) = repetition.repeats
    assert (repeat.words, repeat.otherwise, repeat.share) == (None, None, None)
    assert "1 predict other sentences than the committed ones" in repetition.render()


def test_a_run_that_is_not_here_is_left_out(repository: Path) -> None:
    change(FIRST, words=3)
    score()
    shutil.rmtree(run_folder(Path(), "quick", *FIRST))
    assert repetition_of(results_of(ScoreResults, "quick"), kept_of(ScoreResults, "quick")).repeats == ()


def test_a_run_that_is_not_the_one_that_was_scored_is_left_out(repository: Path) -> None:
    change(FIRST, words=3)
    assert repetition_of(results_of(ScoreResults, "quick"), kept_of(ScoreResults, "quick")).repeats == ()
    assert len(compared().repeats) == 1


def test_a_committed_run_without_tags_is_refused(repository: Path) -> None:
    change(FIRST)
    (committed_record("quick", *FIRST).with_name("tags.json.xz")).unlink()
    with pytest.raises(EvidenceError):
        compared()


@pytest.mark.parametrize(
    ("one", "other", "counted"),
    [
        ([["O", "B-PER"], ["O"]], [["O", "B-PER"], ["O"]], (3, 0)),
        ([["O", "B-PER"], ["O"]], [["O", "I-PER"], ["B-LOC"]], (3, 2)),
        ([["O", "B-PER"], ["O"]], [["O"], ["B-PER", "O"]], None),
        ([["O"]], [["O"], ["O"]], None),
    ],
)
def test_words_are_counted_sentence_by_sentence(one: list, other: list, counted: tuple[int, int] | None) -> None:
    assert words_otherwise(one, other) == counted


def test_verify_prints_it_and_lists_runs_on_demand(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(SECOND, words=21)
    score()
    cli.main(["verify"])
    plain = capsys.readouterr().out
    assert "0 of 1 runs are the same, tag for tag" in plain
    assert "nothing recorded" not in plain
    cli.main(["verify", "--runs"])
    row = next(line for line in capsys.readouterr().out.splitlines() if line.endswith("nothing recorded"))
    assert row.split()[:6] == ["twitter2017", "rgcn", "2", "21", "840", "2.50"]
