"""The worked example of docs/your-data.md: files of one's own go through every stage, with their own label set."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
import torch
import yaml
from support import tiny

from mner import config
from mner.cli.main import main as mner
from mner.config import ConfigError, OwnDataset
from mner.data.corpus import read_corpus
from mner.data.labels import LABELS, TYPES, types_in
from mner.data.own_corpus import prepare_own, read_captions, read_own
from mner.data.user_file import UnreadableFileError
from mner.evaluation.evaluate import Evaluation, evaluate
from mner.evaluation.rescoring import SubwordCounter
from mner.features.feature_building import build_features
from mner.graphs.graph_building import build_graphs
from mner.training.experiment import Cell
from mner.training.runs import train_cell

ROOT = Path(__file__).parents[2]
OWN_TYPES = ("athlete", "city", "team")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the script of the page writes."""
    folder = tmp_path_factory.mktemp("files")
    spec = importlib.util.spec_from_file_location("your_data_example", ROOT / "docs" / "your_data_example.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(folder)
    return folder


def entry(files: Path, **changes: object) -> OwnDataset:
    named = {split: str(files / f"{split}.txt") for split in ("train", "dev", "test")}
    return OwnDataset(
        **{**named, "images": str(files / "images"), "captions": str(files / "captions.json"), **changes}
    )


def add(files: Path, *further: str) -> int:
    splits = [part for split in ("train", "dev", "test") for part in (f"--{split}", str(files / f"{split}.txt"))]
    return mner(["dataset", "add", "mine", *splits, *further])


@pytest.fixture
def world(tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a tiny encoder and params.yaml, in which one stands."""
    raw = tiny.parameters(str(tiny.write_encoder(tmp_path / "packages").package), epochs=2)
    raw["active"] |= {"systems": ["bert-crf", "ita", "rgcn"]}
    tiny.write_parameters(tmp_path, raw)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_stages(root: Path) -> Evaluation:
    """Data, features, graphs, training of every row, scores."""
    settings, device = config.load(root / "params.yaml"), torch.device("cpu")
    prepare_own("mine", settings.datasets["mine"], root / "data" / "mine", root)
    build_features(settings, "mine", root, device)
    build_graphs(settings, "mine", root, device)
    for system in settings.active.systems:
        train_cell(Cell(settings, "mine", system, root), device, "a test", print, tiny.Listener())
    active = settings.active
    profile = active.name, active.datasets, active.systems, active.seeds
    return evaluate(root, *profile, lambda: SubwordCounter("none", None, "not counted"), data=root / "data")


def test_the_example_trains_and_scores_under_its_own_label_set(world: Path, files: Path) -> None:
    assert (
        add(files, "--images", str(files / "images"), "--captions", str(files / "captions.json"), "--active") == 0
    )
    scores = run_stages(world).scores
    assert read_corpus(world / "data" / "mine" / "corpus", "mine").labels[1:] == (
        *("B-athlete", "I-athlete", "B-city", "I-city", "B-team", "I-team"),
    )
    assert [cell.state for cell in scores.cells] == ["finished"] * 3
    for run in scores.runs:
        own = run.views["test.own"]
        assert tuple(own.types) == OWN_TYPES
        assert own.support == sum(one.support for one in own.types.values()) > 0


def test_rows_that_need_what_is_absent_are_skipped_with_the_reason(world: Path, files: Path) -> None:
    assert add(files, "--active") == 0
    cells = run_stages(world).scores.cells
    assert [cell.state for cell in cells] == ["finished", "skipped", "skipped"]
    assert all("captions" in cells[1].reason and "regions" in cells[2].reason for cell in cells)


def test_what_is_read_is_what_the_files_hold(tmp_path: Path, files: Path) -> None:
    said = prepare_own("mine", entry(files), tmp_path, Path())
    side = json.loads((tmp_path / "side" / "pixels.json").read_text(encoding="utf-8"))
    pictures = {path.name for path in (tmp_path / "images").iterdir()}
    assert pictures == {path.name for path in (files / "images").iterdir()}
    assert pictures == {Path(one["file"]).name for one in side.values()}
    assert json.loads((tmp_path / "corpus" / "types.json").read_text(encoding="utf-8")) == list(OWN_TYPES)
    assert any(f"{100 - len(pictures)} missing" in line for line in said)
    assert (tmp_path / "audit" / "audit.md").is_file()


def test_a_pinned_file_that_changed_is_refused(tmp_path: Path, files: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_text("Ada\tB-athlete\n", encoding="utf-8")
    changed = entry(files, train=str(path), sha256={"train": "0" * 64})
    with pytest.raises(UnreadableFileError) as caught:
        read_own(changed, Path())
    assert (caught.value.path, caught.value.line) == (path, None)


@pytest.mark.parametrize(
    ("columns", "types"),
    [(("word", "tags", "fine"), ("location", "person")), (("word", "coarse", "tags"), ("athlete", "city"))],
)
def test_the_column_of_three_is_chosen_by_name(
    tmp_path: Path, columns: tuple[str, ...], types: tuple[str, ...]
) -> None:
    path = tmp_path / "three.txt"
    path.write_text("Ada\tB-person\tB-athlete\nin\tO\tO\nOslo\tB-location\tB-city\n", encoding="utf-8")
    split = {name: str(path) for name in ("train", "dev", "test")}
    assert read_own(OwnDataset(**split, columns=columns), Path()).types == types
    with pytest.raises(UnreadableFileError) as caught:
        read_own(OwnDataset(**split), Path())
    assert (caught.value.path, caught.value.line) == (path, 1)


@pytest.mark.parametrize(
    ("rows", "types"),
    [
        ([["B-PER", "O"]], TYPES),
        ([[]], TYPES),
        ([["I-LOC", "B-PER", "B-product"]], ("PER", "LOC", "product")),
        ([["B-b"], ["B-a"]], ("a", "b")),
    ],
)
def test_types_found_in_data_have_one_order(rows: list[list[str]], types: tuple[str, ...]) -> None:
    assert types_in(rows) == types


def test_the_label_set_of_the_public_sets_is_fixed() -> None:
    assert LABELS == ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG", "B-MISC", "I-MISC")


@pytest.mark.parametrize("text", ['{"1.jpg": "a cat"}', "1.jpg\ta cat\n", "1\ta cat"])
def test_captions_are_read_in_two_forms(tmp_path: Path, text: str) -> None:
    path = tmp_path / "captions"
    path.write_text(text, encoding="utf-8")
    assert read_captions(path) == {"1": "a cat"}


@pytest.mark.parametrize(("text", "line"), [('{"1": 2}', None), ("1\ta\n2 b\n", 2), ('{"1"', None)])
def test_captions_in_another_form_are_refused(tmp_path: Path, text: str, line: int | None) -> None:
    path = tmp_path / "captions"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableFileError) as caught:
        read_captions(path)
    assert (caught.value.path, caught.value.line) == (path, line)


@pytest.mark.parametrize("name", ["twitter2017", "no name", "../out"])
def test_a_name_that_is_taken_or_none_is_refused(world: Path, files: Path, name: str) -> None:
    raw = yaml.safe_load((world / "params.yaml").read_text(encoding="utf-8"))
    with pytest.raises(ConfigError):
        config.settings_of({**raw, "datasets": {name: entry(files).entry()}}, world / "params.yaml")
