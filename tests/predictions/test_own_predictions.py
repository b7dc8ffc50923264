"""A user's predictions: aligned by words, ids or position; scored as seqeval and the kept tables score them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.scheme import IOB2

from mner.base.shipped_files import shipped
from mner.cli import main as cli
from mner.config.places import Places
from mner.data.corpus import LABELS, Sentence
from mner.data.user_file import UnreadableFileError
from mner.evaluation.kept_results import kept_tags
from mner.predictions.own_comparisons import beside_baseline
from mner.predictions.own_predictions import report_on
from mner.predictions.own_report import to_json
from mner.predictions.own_scores import OWN_GOLD, ScoredRun, read_run, score_run_file
from mner.predictions.seqeval_scores import ScorerResult
from mner.predictions.split_versions import GoldSplit, SplitVersion, read_test_split

TagRows = Sequence[Sequence[str]]


def some_split(sentences: int = 40) -> GoldSplit:
    """An invented split in two versions: in the second one sentence is missing and one has other tags."""
    made = random.Random(7)
    rows = []
    for index in range(sentences):
        tags = tuple(made.choices(LABELS, k=made.randint(1, 6)))
        words = tuple(f"Word{index}x{place}" for place in range(len(tags)))
        rows.append(Sentence(index, f"n{index}", words, tags))
    own = tuple(one.tags for one in rows)
    other = (None, ("B-ORG",) * len(rows[1].words), *own[2:])
    versions = (SplitVersion("umt", own, "made"), SplitVersion("rgcn", other, "made"))
    return GoldSplit("twitter2017", tuple(rows), versions, ())


def predictions(split: GoldSplit, seed: int = 1) -> list[list[str]]:
    """Gold with every third tag drawn anew."""
    made = random.Random(seed)
    return [
        [tag if made.random() < 0.67 else made.choice(LABELS) for tag in one.tags or ()] for one in split.sentences
    ]


def conll(split: GoldSplit, *columns: TagRows, images: bool = True, lower: bool = False) -> str:
    blocks = []
    for index, one in enumerate(split.sentences):
        lines = [f"IMGID:{one.image}"] if images else []
        for place, word in enumerate(one.words):
            lines.append("\t".join([word.lower() if lower else word, *(rows[index][place] for rows in columns)]))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def gold(split: GoldSplit) -> list[Sequence[str]]:
    return [one.tags or () for one in split.sentences]


def scored(folder: Path, split: GoldSplit | None, content: str, name: str = "mine.txt") -> ScoredRun:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return score_run_file(read_run(path, split), split)


def f1(one: ScoredRun, scorer: str = "conlleval", version: str | None = None) -> float:
    result = one.versions[version or one.primary][scorer]
    assert isinstance(result, ScorerResult)
    return result.overall.f1


def iobes(rows: TagRows) -> list[list[str]]:
    """IOBES with S- for every B- that nothing continues, and E- for every last I-."""
    made = []
    for tags in rows:
        row = []
        for tag, after in zip(tags, [*tags[1:], "O"], strict=True):
            last = after != f"I-{tag[2:]}"
            row.append({"B": "S", "I": "E"}[tag[0]] + tag[1:] if last and tag != "O" else tag)
        made.append(row)
    return made


def test_six_thousand_random_sequences_agree_with_seqeval(tmp_path: Path) -> None:
    split = some_split(6000)
    predicted = predictions(split)
    one = scored(tmp_path, split, conll(split, gold(split), predicted))
    truth = [list(row) for row in gold(split)]
    for scorer, options in (("conlleval", {}), ("strict", {"mode": "strict", "scheme": IOB2})):
        for version in ("umt",):
            result = one.versions[version][scorer]
            assert isinstance(result, ScorerResult)
            assert result.overall.precision == pytest.approx(100 * precision_score(truth, predicted, **options))
            assert result.overall.recall == pytest.approx(100 * recall_score(truth, predicted, **options))
            assert result.overall.f1 == pytest.approx(100 * f1_score(truth, predicted, **options))
    assert one.gold_version == "umt"
    assert one.run.alignment is not None
    assert one.run.alignment.by == {"words and image id": 6000}


def test_scorers_by_arrays_equal_seqeval_on_every_version(tmp_path: Path) -> None:
    split = some_split()
    one = scored(tmp_path, split, conll(split, predictions(split)))
    held = [place for place, tags in enumerate(split.versions[1].tags) if tags is not None]
    truth = [list(split.versions[1].tags[place] or ()) for place in held]
    predicted = [predictions(split)[place] for place in held]
    assert f1(one, version="rgcn") == pytest.approx(100 * f1_score(truth, predicted))
    assert f1(one, "strict", "rgcn") == pytest.approx(100 * f1_score(truth, predicted, mode="strict", scheme=IOB2))
    assert one.sentences == {"umt": 40, "rgcn": 39}


@pytest.mark.parametrize(
    ("made", "by"),
    [
        (lambda split, rows: conll(split, rows), "words and image id"),
        (lambda split, rows: conll(split, rows, images=False), "words"),
        (lambda split, rows: conll(split, rows, lower=True), "words without case"),
        (lambda split, rows: conll(split, rows).replace("Word", "Token"), "image id"),
        (lambda split, rows: conll(split, iobes(rows)), "words and image id"),
        (lambda split, rows: "\n".join(map(json.dumps, rows)), "position"),
        (lambda split, rows: json.dumps(rows), "position"),
    ],
    ids=["conll", "no ids", "lower case", "other words", "iobes", "json lines", "json"],
)
def test_every_form_scores_the_same(tmp_path: Path, made: Any, by: str) -> None:
    split = some_split()
    rows = predictions(split)
    plain = scored(tmp_path, split, conll(split, rows))
    other = scored(tmp_path, split, made(split, rows), "other.txt")
    assert other.run.alignment is not None
    assert other.run.alignment.by == {by: 40}
    assert other.versions == plain.versions


def test_order_does_not_matter_and_a_part_is_marked(tmp_path: Path) -> None:
    split = some_split()
    blocks = conll(split, predictions(split)).strip().split("\n\n")
    whole = scored(tmp_path, split, "\n\n".join(reversed(blocks)))
    assert f1(whole) == f1(scored(tmp_path, split, "\n\n".join(blocks)))
    part = scored(tmp_path, split, "\n\n".join([*blocks[:10], "IMGID:other\nstrange\tO"]))
    assert part.run.alignment is not None
    assert (part.run.alignment.covered, part.run.alignment.complete) == (10, False)
    assert part.sentences["umt"] == 10
    assert f1(part) == pytest.approx(
        100 * f1_score([list(row) for row in gold(split)[:10]], predictions(split)[:10])
    )


def test_a_gold_column_tells_its_version_or_is_scored_too(tmp_path: Path) -> None:
    split = some_split()
    other = [tags if tags is not None else gold(split)[0] for tags in split.versions[1].tags]
    one = scored(tmp_path, split, conll(split, other, predictions(split)))
    assert one.gold_agrees == {"umt": 39, "rgcn": 39}
    assert one.gold_version is None
    assert OWN_GOLD in one.versions


def test_a_strange_file_is_scored_against_its_own_gold(tmp_path: Path) -> None:
    content = "IMGID:my_1\nIda\tB-PER\tB-PER\nsees\tO\tO\nBergen\tB-LOC\tI-LOC\n"
    for split in (None, some_split()):
        one = scored(tmp_path, split, content)
        assert one.primary == OWN_GOLD
        assert (f1(one), round(f1(one, "strict"), 2)) == (100.0, 66.67)
    with pytest.raises(UnreadableFileError):
        scored(
            tmp_path,
            some_split(),
            content.replace("\tB-PER\tB", "\tB").replace("\tO\tO", "\tO").replace("C\tI", "C"),
        )


def test_types_of_ones_own_are_scored_by_every_scorer_of_words(tmp_path: Path) -> None:
    one = scored(tmp_path, None, "Ida B-athlete B-athlete\nBergen B-city O\n")
    for scorer in ("conlleval", "strict", "ncrfpp", "umt", "umgf", "ita"):
        assert f1(one, scorer) == pytest.approx(200 / 3, abs=0.01)
    with pytest.raises(UnreadableFileError) as refused:
        scored(tmp_path, None, "Ida B-person B-athlete\nBergen B-location B-city\n")
    assert "two levels" in refused.value.found


def test_tags_without_words_must_be_the_whole_split(tmp_path: Path) -> None:
    split = some_split()
    with pytest.raises(UnreadableFileError) as refused:
        scored(tmp_path, split, '["O","O","O","O","O","O","O","O"]\n')
    assert refused.value.line == 1
    with pytest.raises(UnreadableFileError):
        scored(tmp_path, split, json.dumps(predictions(split)[:-1]))


KEPT = [("twitter2017", "rgcn", 1), ("twitter2015", "bert-crf", 2)]


@pytest.mark.mirror
@pytest.mark.parametrize(("dataset", "system", "seed"), KEPT)
def test_kept_tags_score_as_the_kept_tables(
    tmp_path: Path, mirror: Path, dataset: str, system: str, seed: int
) -> None:
    results = shipped("results")
    text = kept_tags(results / "quick" / "runs" / dataset / system / str(seed) / "record.json")["test.own"]
    rows = [json.loads(line) for line in text.splitlines()]
    split = read_test_split(dataset, Places(tmp_path / "cache", (mirror,), None, False), tmp_path)
    expected = kept(results / "quick" / "lenses.json", dataset, system, seed)["copies"]
    for name, content in (
        ("three", conll(split, gold(split), rows)),
        ("iobes", conll(split, iobes(gold(split)), iobes(rows))),
        ("lines", text),
    ):
        one = scored(tmp_path, split, content, name)
        for version, entries in expected.items():
            for scorer, entry in entries["test.own"].items():
                result = one.versions[version][scorer]
                assert isinstance(result, ScorerResult)
                assert result.overall.precision == pytest.approx(entry["precision"], abs=1e-9)
                assert result.overall.recall == pytest.approx(entry["recall"], abs=1e-9)
                assert result.overall.f1 == pytest.approx(entry["f1"], abs=1e-9)
                found = {kind: row.f1 for kind, row in result.by_type.items()}
                assert found == pytest.approx(entry["types"], abs=1e-9)
    one = scored(tmp_path, split, conll(split, gold(split), rows))
    run = kept(results / "quick" / "scores.json", dataset, system, seed)["views"]["test.own"]
    assert f1(one) == pytest.approx(run["f1"], abs=1e-9)
    assert beside_baseline([one.run], split, results, f"quick/{system}").found is not None


def kept(path: Path, dataset: str, system: str, seed: int) -> dict[str, Any]:
    runs = json.loads(path.read_text(encoding="utf-8"))["runs"]
    return next(run for run in runs if (run["dataset"], run["system"], run["seed"]) == (dataset, system, seed))


@pytest.mark.mirror
def test_the_command_works_in_an_empty_folder(
    tmp_path: Path, mirror: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MNER_MIRROR", str(mirror))
    monkeypatch.setenv("MNER_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    split = read_test_split("twitter2017", Places.from_environment())
    for seed in (1, 2):
        Path(f"{seed}.txt").write_text(conll(split, gold(split), predictions(split, seed)), encoding="utf-8")
    given = ["score", "1.txt", "2.txt", "--dataset", "twitter2017", "--baseline", "bert-crf", "--json", "out.json"]
    assert cli.main(given) == 0
    found = json.loads(Path("out.json").read_text(encoding="utf-8"))
    assert found["coverage"]["sentences"] == found["coverage"]["of"] == 723
    assert found["gold"]["column_on_version"] == "umt"
    assert found["scores"]["conlleval"]["sd"] > 0
    assert set(found["scores"]["strict"]["by_type"]) == {"PER", "LOC", "ORG", "MISC"}
    assert set(found["versions"]) == {"umt", "rgcn"}
    printed = [one for one in found["compared"] if one["kind"] == "printed"]
    assert {one["scorer"] for one in printed} >= {"umt", "umgf", "rgcn-64", "ita"}
    (baseline,) = (one for one in found["compared"] if one["kind"] == "baseline")
    assert baseline["paired"]["source"] == "seeds and sample"
    assert baseline["paired"]["difference"] < 0
    assert "twitter2017" in capsys.readouterr().out


def test_without_the_split_the_own_gold_is_used_and_said(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("Ida\tB-PER\tB-PER\n", encoding="utf-8")
    nowhere = Places(tmp_path / "cache", (), None, False)
    found = to_json(report_on([path], "twitter2017", nowhere))
    assert found["gold"]["scored_against"] == OWN_GOLD
    assert found["gold"]["why"]
    assert found["coverage"]["sentences"] == 0
    assert found["scores"]["conlleval"]["f1"] == 100.0
