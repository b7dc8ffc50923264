"""What is missing, and what it will cost: means of the same cell's runs, else scaled and said so, else unknown."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from support import tiny

from mner.cli.main import main
from mner.config.schema import EncoderSource
from mner.models.encoders import EncoderError
from mner.sweeping.run_costs import Work, cost_of, past_records, split_sizes, work_of
from mner.sweeping.run_plan import _unusable, duration, outdated_runs, plan_of, render
from mner.sweeping.sweep_session import _jobs
from mner.tracking.evidence import files_beside
from mner.tracking.identity import UnknownIdentityError
from mner.tracking.record import Record
from mner.training.experiment import Cell

HERE, ELSEWHERE = "cpu: Abacus 9, 2 threads", "cuda: Nvidia Slide Rule"
SYSTEMS = ("bert-crf", "rgcn")


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """A world of two systems with two seeds; seed 1 of bert-crf is trained and its speed is made up."""
    root = tmp_path_factory.mktemp("world")
    tiny.make_world(root)
    profile = {"systems": list(SYSTEMS), "seeds": [1, 2]}
    tiny.change_parameters(root, lambda raw: raw["active"].update(profile))
    (record,) = tiny.train(root, "bert-crf", only=[1])
    folder = root / "runs" / "tiny" / "toy" / "bert-crf" / "1"
    measured(record).sealed(files_beside(folder)).write(folder / "record.json")
    return root


def measured(record: Record, device: str = HERE, joules: float | None = None) -> Record:
    """The record with 10 sentences/s of training, 40 of inference and 1.5 GiB."""
    told = {
        **(record.throughput or {}),
        "train_sentences_per_second": 10.0,
        "inference_sentences_per_second": 40.0,
        "peak_memory_gib": 1.5,
        "device": device,
        "joules": joules,
        "utilisation": None,
    }
    return replace(record, throughput=told)


@pytest.fixture(scope="module")
def past(world) -> list[Record]:
    return past_records([world / "runs", world / "reports"])


def test_work_counts_every_sentence_a_run_reads(world):
    sizes = split_sizes(world / "data", tiny.DATASET)
    assert sizes == tiny.SIZES == {"train": 24, "dev": 8, "test": 8}
    recipe = tiny.cell_of(world).recipe  # three epochs, selected by `own`, three views and one of neighbours
    assert work_of(recipe, sizes, set()) == Work(3 * 24, 3 * 8 + 8 + 8)
    assert work_of(recipe, sizes, {"captions"}) == Work(3 * 24, 3 * 8 + 8 + 3 * 8)
    assert work_of(recipe, sizes, {"regions", "relations"}) == Work(3 * 24, 3 * 8 + 8 + 4 * 8)
    greedy = replace(recipe, epochs=2, train_sentences=10, predict_every_epoch=True, select=("own", "none"))
    assert work_of(greedy, sizes, {"captions"}) == Work(2 * 10, 2 * (16 + 8) + 16 + 24)
    assert split_sizes(world / "data", "nowhere") is None


def test_the_same_cells_runs_tell_its_cost_unmarked(world, past):
    cost = cost_of(tiny.cell_of(world), past, HERE)
    assert cost.seconds == pytest.approx(72 / 10 + 40 / 40)
    assert (cost.memory_gib, cost.joules, cost.differs) == (1.5, None, ())


def test_what_is_scaled_from_other_runs_says_from_which(world, past):
    other = cost_of(tiny.cell_of(world, "rgcn"), past, HERE)
    assert other.seconds == pytest.approx(72 / 10 + 64 / 40)
    assert other.differs == ("system", "options")
    assert cost_of(tiny.cell_of(world), past, "cpu: Abacus 9, 8 threads").differs == ()
    wider = [replace(record, recipe={**record.recipe, "threads": 2}) for record in past]
    assert cost_of(tiny.cell_of(world), wider, HERE).differs == ("threads",)
    moved = [replace(record, dataset="elsewhere") for record in past]
    assert cost_of(tiny.cell_of(world), moved, HERE).differs == ("data set",)
    # The nearest runs alone count, however many others there are.
    slow = {**past[0].throughput, "train_sentences_per_second": 0.1}
    far = [replace(record, system="ita", throughput=slow) for record in past]
    assert cost_of(tiny.cell_of(world), [*far, *past], HERE) == cost_of(tiny.cell_of(world), past, HERE)


def test_other_hardware_or_another_encoder_tell_nothing(world, past):
    cell = tiny.cell_of(world)
    assert cost_of(cell, past, ELSEWHERE) is None
    assert cost_of(cell, [replace(past[0], encoder={**past[0].encoder, "name": "large"})], HERE) is None
    assert cost_of(cell, [], HERE) is None


def test_energy_grows_with_the_sentences_trained_on(world, past):
    record = measured(past[0], ELSEWHERE, joules=720.0)
    cell = tiny.cell_of(world)
    assert cost_of(cell, [record], ELSEWHERE).joules == pytest.approx(720.0)
    config = replace(cell.config, recipe={**cell.config.recipe, "epochs": 6})
    longer = Cell(config, cell.dataset, cell.system, world)
    assert cost_of(longer, [record], ELSEWHERE).joules == pytest.approx(1440.0)


def test_several_runs_tell_by_the_mean_of_their_times_and_the_largest_memory(world, past):
    faster = {"train_sentences_per_second": 20.0, "inference_sentences_per_second": 20.0, "peak_memory_gib": 1.0}
    other = replace(past[0], throughput={**past[0].throughput, **faster})
    cost = cost_of(tiny.cell_of(world), [past[0], other], HERE)
    assert cost.seconds == pytest.approx(72 * (1 / 10 + 1 / 20) / 2 + 40 * (1 / 40 + 1 / 20) / 2)
    assert cost.memory_gib == 1.5


def test_energy_is_by_the_epochs_that_were_trained_and_unknown_where_their_sentences_are(world, past):
    cell, record = tiny.cell_of(world), measured(past[0], ELSEWHERE, joules=720.0)
    stopped = replace(record, recipe={**record.recipe, "epochs": 9})
    assert cost_of(cell, [stopped], ELSEWHERE).joules == pytest.approx(720.0)
    moved = cost_of(cell, [replace(record, dataset="elsewhere")], ELSEWHERE)
    assert (moved.joules, moved.differs) == (None, ("data set",))


def test_more_sentences_than_there_are_cannot_be_trained_on(world, past):
    cell, record = tiny.cell_of(world), measured(past[0], ELSEWHERE, joules=720.0)
    sizes = split_sizes(world / "data", tiny.DATASET)
    assert work_of(replace(cell.recipe, train_sentences=400), sizes, set()).trained == 3 * 24
    ample = replace(record, recipe={**record.recipe, "train_sentences": 400})
    assert cost_of(cell, [ample], ELSEWHERE).joules == pytest.approx(720.0)


@pytest.mark.parametrize(
    "device", [f"{ELSEWHERE}, 5 runs at a time", "cpu: Abacus 9, 1 thread", "cpu: Abacus 9, 12 threads"]
)
def test_hardware_is_the_same_however_many_share_it_or_threads_it_has(world, past, device):
    here = ELSEWHERE if "cuda" in device else HERE
    assert cost_of(tiny.cell_of(world), [measured(past[0], device)], here).differs == ()


def test_a_comma_in_a_processors_name_does_not_end_it(world, past):
    small = measured(past[0], "cpu: Abacus, small, 2 threads")
    assert cost_of(tiny.cell_of(world), [small], "cpu: Abacus, large, 2 threads") is None


def test_other_options_and_threads_that_a_record_does_not_tell_are_differences(world, past):
    cell, record = tiny.cell_of(world), past[0]
    others = replace(record, options={**record.options, "dropout": 0.9})
    assert cost_of(cell, [others], HERE).differs == ("options",)
    untold = {name: value for name, value in record.recipe.items() if name != "threads"}
    assert cost_of(cell, [replace(record, recipe=untold)], HERE).differs == ("threads",)


def test_what_is_not_built_has_no_known_cost(world, past, tmp_path):
    assert cost_of(replace(tiny.cell_of(world), root=tmp_path), past, HERE) is None


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("frozen_layers", 9, "frozen layers"),
        ("precision", "float16", "precision"),
        ("batch_size", 99, "batch size"),
    ],
)
def test_a_recipe_that_moves_the_speed_is_named(world, past, field, value, name):
    changed = replace(past[0], recipe={**past[0].recipe, field: value})
    assert cost_of(tiny.cell_of(world), [changed], HERE).differs == (name,)


@pytest.mark.parametrize("name", ["train_sentences_per_second", "inference_sentences_per_second"])
def test_a_rate_of_nothing_tells_nothing(world, past, name):
    for rate in (0.0, None):
        still = replace(past[0], throughput={**past[0].throughput, name: rate})
        assert cost_of(tiny.cell_of(world), [still], HERE) is None


def test_energy_is_known_only_where_all_runs_counted_it(world, past):
    """By the sentences trained on: a run of ten of them for three epochs had 30."""
    cell, record = tiny.cell_of(world), measured(past[0], ELSEWHERE, joules=720.0)
    short = replace(record, recipe={**record.recipe, "train_sentences": 10})
    assert cost_of(cell, [short], ELSEWHERE).joules == pytest.approx(720.0 / 30 * 72)
    assert cost_of(cell, [record, measured(past[0], ELSEWHERE)], ELSEWHERE).joules is None


def test_a_run_that_lies_in_two_places_counts_once_and_a_damaged_one_not_at_all(past, tmp_path):
    for name in ("one", "two"):
        past[0].write(tmp_path / name / "record.json")
    assert past_records([tmp_path / "one", tmp_path / "two"]) == [past[0]]
    replace(past[0], finished_at="2020-01-01T00:00:00+00:00").write(tmp_path / "two" / "record.json")
    assert len(past_records([tmp_path])) == 2
    replace(past[0], throughput=None).write(tmp_path / "two" / "record.json")
    (tmp_path / "three").mkdir()
    (tmp_path / "three" / "record.json").write_text("{")
    assert past_records([tmp_path]) == [past[0]]


def test_the_plan_lists_what_is_missing_and_sums_it_up(world):
    settings = tiny.cell_of(world).config
    plan = plan_of(settings, world, HERE)
    assert [(cell.system, cell.seeds, cell.to_train) for cell in plan] == [("bert-crf", 2, 1), ("rgcn", 2, 2)]
    assert [job.seed for job in plan[0].missing] == [2]
    shown = render(plan, "tiny")
    assert "~ from runs that differ in system, options" in shown
    assert "3 runs to train, one after another about 26 s, at most 1.5 GiB at once" in shown
    for asked in ({"systems": ["rgcn"]}, {"systems": ["rgcn"], "datasets": [tiny.DATASET]}):
        assert plan_of(settings, world, HERE, **asked) == plan[1:]
    assert plan_of(settings, world, HERE, datasets=[tiny.DATASET]) == plan
    unknown = render(plan_of(settings, world, ELSEWHERE), "tiny")
    assert "3 of them not counted in" in unknown
    assert "one after another" not in unknown


def test_runs_of_other_parameters_are_named_and_unbuilt_cells_left_out(world):
    settings = tiny.cell_of(world).config
    assert outdated_runs(settings, world) == []
    other = replace(settings, recipe={**settings.recipe, "epochs": 7})
    assert outdated_runs(other, world) == [str(world / "runs" / "tiny" / "toy" / "bert-crf" / "1" / "record.json")]
    elsewhere = world.parent / "elsewhere"
    shutil.copytree(world / "runs", elsewhere / "runs")
    assert outdated_runs(other, elsewhere) == []


def test_runs_whose_packages_are_not_installed_here_are_not_said_to_be_outdated(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(cell: Cell) -> None:
        raise UnknownIdentityError("it needs a package")

    monkeypatch.setattr("mner.sweeping.run_plan.identity_of", absent)
    settings = tiny.cell_of(world).config
    assert outdated_runs(replace(settings, recipe={**settings.recipe, "epochs": 7}), world) == []


def test_an_encoder_that_is_not_at_hand_is_asked_for_once_and_only_for_what_is_missing(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    asked: list[str] = []

    def absent(encoder: EncoderSource, frozen_layers: int) -> None:
        asked.append(encoder.name)
        raise EncoderError("its hub cannot be reached")

    monkeypatch.setattr("mner.sweeping.run_plan.check_encoder", absent)
    _unusable.cache_clear()
    settings = tiny.cell_of(world).config
    finished = replace(settings, active=replace(settings.active, systems=("bert-crf",), seeds=(1,)))
    assert plan_of(finished, world, HERE)[0].lacks is None
    assert asked == []
    plan = plan_of(settings, world, HERE)
    assert [(cell.to_train, cell.lacks) for cell in plan] == [
        (count, "its hub cannot be reached") for count in (1, 2)
    ]
    assert len(asked) == 1
    assert _jobs(plan, again=True) == []
    assert "nothing to train here" in render(plan, "tiny")
    monkeypatch.chdir(world)
    assert main(["run"]) == 1
    told = capsys.readouterr().err.splitlines()
    assert told == [
        f"mner run: toy x {system} cannot be trained here: its hub cannot be reached" for system in SYSTEMS
    ]
    assert not list((world / "runs").rglob("failure.json"))
    _unusable.cache_clear()


def test_durations_are_for_people():
    assert [duration(seconds) for seconds in (4.4, 119.0, 150.0, 9000.0)] == ["4 s", "119 s", "2.5 min", "2.5 h"]
    assert [duration(seconds) for seconds in (120.0, 7194.0, 7200.0)] == ["2.0 min", "119.9 min", "2.0 h"]
