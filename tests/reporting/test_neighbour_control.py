"""The neighbour control: its lists alone show the type, its audit says so, and checks judge what reads them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import fabricated_runs
from support.filled_results import changed

from mner.config.controls_settings import CORPORA, NEGATIVE, NEIGHBOURS, POSITIVE, ControlsSettings
from mner.data.controls.planting import plan_controls, write_controls
from mner.data.corpus import SPLITS
from mner.reporting.control_checks import HOLDS
from mner.reporting.control_tables import control_table
from mner.reporting.results import Results

FABRICATED = vars(fabricated_runs)
SETTINGS = ControlsSettings(train=200, dev=100, test=100, seed=5, ambiguous_share=0.5)
CHANGED = {"side/retrieval.json", "audit/audit.md", "audit/findings.json"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("data")
    for dataset in (NEGATIVE, NEIGHBOURS):
        write_controls(dataset, root / dataset, SETTINGS)
    return {dataset: root / dataset for dataset in (NEGATIVE, NEIGHBOURS)}


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def seen(folder: Path) -> dict[str, Any]:
    return {one["id"]: one["seen"] for one in json.loads((folder / "audit/findings.json").read_text())}


def test_it_differs_from_the_negative_one_in_its_lists_alone(folders):
    negative, neighbours = files(folders[NEGATIVE]), files(folders[NEIGHBOURS])
    assert set(negative) == set(neighbours)
    assert {name for name in negative if negative[name] != neighbours[name]} == CHANGED


@pytest.mark.parametrize("split", SPLITS)
def test_every_listed_picture_is_anothers_of_its_split_and_shows_the_type(split, folders):
    examples = plan_controls(NEIGHBOURS, SETTINGS)[split]
    shown = {one.image: one.shown for one in examples}
    lists = json.loads((folders[NEIGHBOURS] / "side/retrieval.json").read_text())[split]
    for one, entry in zip(examples, lists, strict=True):
        for kind in ("inter", "intra"):
            listed = entry[f"{kind}_images"]
            assert len(set(listed)) == len(listed) == 10
            assert one.image not in listed
            types = {shown[image] for image in listed}
            assert types == {one.draft.subject} if one.draft.subject else len(types) == 1
            assert entry[f"{kind}_scores"] == [1.0] * 10
        assert entry["inter_images"] != entry["intra_images"], "drawn anew for each list"


def test_its_audit_says_who_can_reach_what(folders):
    content, negative = seen(folders[NEIGHBOURS]), seen(folders[NEGATIVE])
    for split in SPLITS:
        assert content[f"{split}.listed"] == SETTINGS.ambiguous(split)
        assert content[f"{split}.listed-astray"] == 0
        assert content[f"{split}.ceiling-neighbours"] == 100
        assert content[f"{split}.ceiling-multimodal"] == content[f"{split}.ceiling-text-only"] < 90
        assert f"{split}.ceiling-neighbours" not in negative


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Results:
    """Three controls; umt loses with another tweet's neighbours what it gains, rgcn reads none."""
    root = tmp_path_factory.mktemp("results")
    active = FABRICATED["Active"]("tiny", CORPORA, ("bert-crf", "umt", "rgcn"), (1, 2))

    def wrong(dataset: str, system: str, seed: int, view: str) -> float | None:
        if system == "bert-crf":
            return 0.5 if view == "own" else None
        gains = view == "own" and (dataset == POSITIVE or (dataset, system) == (NEIGHBOURS, "umt"))
        return 0.5 - 0.3 * gains + 0.004 * seed

    def reads(dataset: str, system: str, seed: int) -> str:
        return {"bert-crf": "none", "umt": "captions:planted+relations:released", "rgcn": "captions:planted"}[
            system
        ]

    FABRICATED["make_runs"](root, active, wrong, visual_input=reads)
    made = FABRICATED["evaluated"](root, active)

    def predict(scores: dict[str, Any]) -> None:
        for cell in scores["cells"]:
            if cell["system"] == "umt":
                cell["reliance"]["neighbours"] = cell["reliance"]["none"]

    return replace(made, scores=changed(made.scores, predict))


def test_its_columns_show_the_gain_and_what_other_neighbours_take_away(results: Results) -> None:
    table = control_table(results, FABRICATED["Verify"](), {})
    keys, titles = zip(*((column.key, column.title) for column in table.columns), strict=True)
    assert keys[-3:] == (f"gain.{NEIGHBOURS}", f"neighbours.{NEIGHBOURS}", "verdict")
    assert titles[-3:-1] == ("gain (nei.)", "own − another's neighbours (nei.)")
    rows = {row.id: dict(zip(keys, row.cells, strict=True)) for row in table.rows}
    cells = {(cell.dataset, cell.system): cell for cell in results.scores.cells}
    found = cells[NEIGHBOURS, "umt"].image_sensitivity["neighbours"].mean
    assert rows["umt"][f"neighbours.{NEIGHBOURS}"].value == found > 5
    assert rows["rgcn"][f"neighbours.{NEIGHBOURS}"].why == "reads no neighbours"
    assert {name: row["verdict"].text for name, row in rows.items() if name != "bert-crf"} == {
        "umt": HOLDS,
        "rgcn": HOLDS,
    }
    assert any("neighbour control" in note for note in table.notes)


def test_a_profile_without_it_has_no_column_for_it(results: Results) -> None:
    two = replace(results, scores=replace(results.scores, datasets=(POSITIVE, NEGATIVE)))
    table = control_table(two, FABRICATED["Verify"](), {})
    assert not any(NEIGHBOURS in column.key for column in table.columns)
    assert not any("neighbour control" in note for note in table.notes)
