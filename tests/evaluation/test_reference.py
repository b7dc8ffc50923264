"""A kept reference is scored again without training to the last digit; no tag is believed without its hash."""

from __future__ import annotations

import json
import lzma
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from support import fabricated_runs
from support.messages import names
from support.profile_settings import settings, write_profile

from mner.base.files import write_json_atomically
from mner.cli import main as cli
from mner.config import load
from mner.data.controls.planting import write_controls
from mner.evaluation import profile_scores
from mner.evaluation.averages import ScoringError
from mner.evaluation.kept_check import check_against_reference
from mner.evaluation.kept_results import (
    REFERENCE,
    TAGS,
    KeptProfile,
    NoResultsError,
    keep,
    kept_of,
    pack_tags,
    record_file,
    restore,
    results_of,
    source_of,
)
from mner.evaluation.rescored_results import RescoredResults
from mner.evaluation.score_results import ScoreResults
from mner.evaluation.scored_inputs import hashes_of_inputs
from mner.evaluation.scoring import gold_reader, score_profile
from mner.tracking.evidence import EvidenceError
from stages import score

ROOT = Path(__file__).resolve().parents[2]
FABRICATED = vars(fabricated_runs)


def _without_splitter(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        profile_scores, "subwords_of", lambda encoder: FABRICATED["SubwordCounter"]("none", None, "not at hand")
    )


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of the active profile, scored and kept; the runs themselves are gone."""
    root = tmp_path_factory.mktemp("kept")
    write_profile(root)
    profile = settings().active
    active = FABRICATED["Active"](profile.name, profile.datasets, profile.systems[:2], profile.seeds[:1])
    FABRICATED["make_runs"](root, active, lambda d, s, n, view: 0.2 if view in ("own", "epoch-1") else None, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        _without_splitter(patch)
        score.main([profile.name])
        assert f"{len(active.datasets) * 2} runs with their tags" in keep(profile.name)
    shutil.rmtree(root / "runs")
    shutil.rmtree(root / "results")
    return root


@pytest.fixture
def repository(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what was kept, to stand in and to change."""
    shutil.copytree(kept, tmp_path / "repository")
    monkeypatch.chdir(tmp_path / "repository")
    _without_splitter(monkeypatch)
    return tmp_path / "repository"


def _profile(repository: Path) -> str:
    return load(repository / "params.yaml").active.name


def test_every_number_comes_out_again(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = _profile(repository)
    score.main([name, "--from-reference"])
    assert "every number equals the committed one" in capsys.readouterr().out
    for file in ("scores.json", "lenses.json"):
        again = (repository / "results" / name / file).read_bytes()
        assert again == (repository / REFERENCE / name / file).read_bytes()
    assert not (repository / "runs").exists()


def test_records_are_named_where_they_lie(repository: Path) -> None:
    name = _profile(repository)
    score.main([name, "--from-reference"])
    scores = results_of(ScoreResults, name)
    run = scores.runs[0]
    committed = REFERENCE / name / "runs" / Path(*Path(run.record).parts[2:])
    assert record_file(run) == committed
    assert committed.is_file()
    assert source_of(scores).startswith(f"the committed runs below {REFERENCE / name / 'runs'}, ")
    restore(name, repository)
    assert record_file(run) == Path(run.record)
    assert source_of(scores) == f"the runs below runs/{name} on the machine that rendered it"
    changed = repository / run.record
    changed.write_text(changed.read_text(encoding="utf-8") + " ", encoding="utf-8")
    assert record_file(run) == committed, "what lies at its place is another run"
    assert source_of(scores).startswith(f"runs below runs/{name} and, where those are not here, the committed")


def test_a_number_that_differs_is_named(repository: Path) -> None:
    name = _profile(repository)
    path = repository / REFERENCE / name / "scores.json"
    scores = json.loads(path.read_text(encoding="utf-8"))
    scores["cells"][0]["views"]["test.own"]["f1"]["mean"] += 0.01
    write_json_atomically(path, scores)
    with pytest.raises(
        NoResultsError, match=r"\n  scores\.cells\[0\]\.views\.test\.own\.f1\.mean: .* was committed"
    ):
        score.main([name, "--from-reference"])
    assert not (repository / "results").exists(), "what stood in results/ must not give way to numbers that differ"


def test_a_number_under_another_lens_that_differs_is_named_too(repository: Path) -> None:
    name = _profile(repository)
    path = repository / REFERENCE / name / "lenses.json"
    lenses = json.loads(path.read_text(encoding="utf-8"))
    (copy,) = lenses["runs"][0]["copies"].values()
    copy["test.own"]["strict"]["f1"] += 0.01
    write_json_atomically(path, lenses)
    with pytest.raises(NoResultsError, match=r"lenses\.runs\[0\]\.copies.*\.strict\.f1: .* was committed"):
        score.main([name, "--from-reference"])


def test_corrected_numbers_are_accepted_only_when_asked(repository: Path, capsys) -> None:
    name = _profile(repository)
    path = repository / REFERENCE / name / "scores.json"
    before = path.read_bytes()
    path.write_bytes(before.replace(b'"mean":', b'"mean":1', 1))
    with pytest.raises(SystemExit):
        score.main([name, "--accept"])
    score.main([name, "--from-reference", "--accept"])
    assert "written again from the kept tags" in capsys.readouterr().out
    assert path.read_bytes() == before


def test_keeping_what_was_rescored_would_lose_its_tags_and_is_refused(repository: Path) -> None:
    name = _profile(repository)
    score.main([name, "--from-reference"])
    files = sorted((repository / REFERENCE).rglob("*"))
    with pytest.raises(NoResultsError, match=r"\d+ .* \d+ "):
        keep(name)
    assert sorted((repository / REFERENCE).rglob("*")) == files


def test_what_is_restored_and_kept_again_is_what_was_kept(repository: Path) -> None:
    def kept() -> dict[Path, bytes]:
        folder = repository / REFERENCE
        return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    name = _profile(repository)
    for record in (repository / REFERENCE).rglob("record.json"):
        record.with_name("curve.csv").write_text("epoch,dev_f1\n0,70\n1,80\n", encoding="utf-8")
    before = kept()
    score.main([name, "--from-reference"])
    restore(name, repository)
    keep(name)
    assert kept() == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda scores: scores.update(runs=[]), names("results/quick")),
        (lambda scores: scores["runs"].pop(), "lacks 1 of the 4 runs that are kept"),
        (lambda scores: scores["runs"][0].update(record_sha256="0"), "is not the run that .* was made of"),
    ],
)
def test_nothing_kept_is_dropped_or_mixed_with_other_runs(repository: Path, change, message: str, capsys) -> None:
    name = _profile(repository)
    score.main([name, "--from-reference"])
    assert restore(name, repository) == 4
    path = repository / "results" / name / "scores.json"
    scores = json.loads(path.read_text(encoding="utf-8"))
    assert "4 runs with their tags" in keep(name)
    before = {file: file.read_bytes() for file in (repository / REFERENCE).rglob("*") if file.is_file()}
    change(scores)
    write_json_atomically(path, scores)
    if "was made of" in message:
        shutil.copy(ROOT / "reports/paper.yaml", repository / "reports")
        for code in ("mner", "baselines"):
            shutil.copytree(ROOT / code, repository / code, ignore=shutil.ignore_patterns("__pycache__"))
        assert cli.main(["verify"]) == 1
        assert "is not the run that was scored (1 such); run `mner score` first" in capsys.readouterr().out
    with pytest.raises(NoResultsError, match=message):
        keep(name)
    after = {file: file.read_bytes() for file in (repository / REFERENCE).rglob("*") if file.is_file()}
    assert after == before


def test_commands_that_read_tags_find_the_kept_ones(repository: Path, capsys) -> None:
    score.main([_profile(repository), "--from-reference"])
    capsys.readouterr()
    assert cli.main(["cases", "bert-crf"]) == 0
    assert "annotation: " in capsys.readouterr().out
    shutil.copy(ROOT / "reports/paper.yaml", repository / "reports")
    cli.main(["verify"])
    assert "these are the committed results" in capsys.readouterr().out
    assert not (repository / "runs").exists()
    _packed(repository).unlink()
    assert cli.main(["cases", "bert-crf"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def _packed(repository: Path) -> Path:
    return next((repository / REFERENCE).rglob(TAGS))


def test_changed_tags_are_refused(repository: Path) -> None:
    file = _packed(repository)
    tags = json.loads(lzma.decompress(file.read_bytes()))
    tags["test.own"] = tags["test.own"].replace("B-PER", "B-LOC", 1)
    file.write_bytes(lzma.compress(json.dumps(tags).encode()))
    with pytest.raises(EvidenceError):
        score.main([_profile(repository), "--from-reference"])


@pytest.mark.parametrize("name", ["../../escape", "test.own/../x", "notes"])
def test_only_predictions_are_unpacked(repository: Path, tmp_path: Path, name: str) -> None:
    _packed(repository).write_bytes(lzma.compress(json.dumps({name: "x"}).encode()))
    with pytest.raises(ScoringError, match="predictions are named"):
        restore(_profile(repository), tmp_path / "elsewhere")
    assert not list(tmp_path.rglob("escape*"))


def test_what_was_not_kept_is_said(repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _packed(repository).unlink()
    with pytest.raises(NoResultsError, match="kept without its tags"):
        restore(_profile(repository), tmp_path / "elsewhere")
    assert cli.main(["score", "--from-reference"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    shutil.rmtree(repository / REFERENCE)
    assert cli.main(["score", "--from-reference"]) == 2
    assert "were kept; run `dvc repro`, then `mner keep`" in capsys.readouterr().err


def test_the_committed_controls_score_as_committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real thing: generated gold, committed tags, the numbers of the committed scores."""
    config = settings("controls")
    profile = config.active
    for dataset in profile.datasets:
        write_controls(dataset, tmp_path / "data" / dataset, config.controls)
    monkeypatch.chdir(ROOT)
    assert restore("controls", tmp_path) == 27
    reference = kept_of(ScoreResults, "controls")
    gold = gold_reader(tmp_path / "data")
    names = profile.datasets, profile.systems, profile.seeds
    scores = score_profile(tmp_path / "runs", gold, "controls", *names)
    assert reference is not None
    scores = replace(scores, inputs=hashes_of_inputs(tmp_path / "data", profile.datasets))
    rescored = kept_of(RescoredResults, "controls")
    assert rescored is not None
    assert "27 runs re-scored" in check_against_reference(KeptProfile(scores, rescored), "controls")


def test_equal_tags_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for view in ("test.own", "dev.own") if name == "a" else ("dev.own", "test.own"):
            (tmp_path / name / f"{view}.jsonl").write_text(f'["{view}"]\n', encoding="utf-8")
        pack_tags(tmp_path / name, tmp_path / f"{name}.xz")
    assert (tmp_path / "a.xz").read_bytes() == (tmp_path / "b.xz").read_bytes()


@pytest.mark.parametrize(
    ("doctored", "field"), [("run", "runs"), ("cell", "cells"), ("mean", "cells"), ("all", "runs")]
)
def test_a_doctored_score_is_neither_judged_nor_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, doctored: str, field: str
) -> None:
    FABRICATED["make_repository"](tmp_path)
    monkeypatch.chdir(tmp_path)
    path = Path("results/quick/scores.json")
    found = json.loads(path.read_text())
    cell = next(one for one in found["cells"] if one["state"] == "finished")
    f1 = cell["views"]["test.own"]["f1"]
    run = next(one for one in found["runs"] if one["record"] == f1["records"][0])
    if doctored in ("run", "all"):
        run["views"]["test.own"]["f1"] += 5
    if doctored in ("cell", "all"):
        f1["values"][0] += 5
    if doctored in ("mean", "all"):
        f1["mean"] = sum(f1["values"]) / len(f1["values"]) + 5 * (doctored == "mean")
    results_of(ScoreResults, "quick", data=Path("data"))  # as it was
    path.write_text(json.dumps(found))
    with pytest.raises(EvidenceError) as raised:
        keep("quick")
    assert (raised.value.path, raised.value.field) == (path, field) or doctored == "run"
    assert not REFERENCE.exists()


def test_results_are_not_kept_beside_other_gold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FABRICATED["make_repository"](tmp_path)
    monkeypatch.chdir(tmp_path)
    gold = Path("data/twitter2017/gold/test.jsonl")
    gold.write_text(gold.read_text().replace("B-PER", "B-ORG", 1))
    with pytest.raises(NoResultsError):
        keep("quick")
    assert not REFERENCE.exists()
