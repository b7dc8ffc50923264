"""dvc.yaml and params.yaml: no edge from gold to training, every name exists, every profile can be run."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from modulefinder import ModuleFinder
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import pytest
import yaml
from support import tiny
from support.pipeline_copy import copy_pipeline
from support.profile_settings import settings as profile_settings
from support.profile_settings import write_profile

from mner.config import profiles
from mner.config.controls_settings import CORPORA as CONTROLS
from mner.data.sources import DATASETS as PUBLIC
from mner.training.experiment import Cell

ROOT = Path(__file__).resolve().parents[2]

PROFILES = profiles.names()
SEALED = ("gold", "audit")
# Who trains a run, when, and how that is recorded does not move its result.
AROUND = ("mner", "mner/sweeping", "mner/sweeping/workers", "mner/tracking")


@pytest.fixture(scope="module")
def stages(tmp_path_factory):
    """The expanded stages of a profile, as DVC itself reads dvc.yaml and params.yaml with that profile active."""
    from dvc.repo import Repo

    expanded = {}

    def of(profile: str) -> dict[str, SimpleNamespace]:
        if profile not in expanded:
            folder = tmp_path_factory.mktemp(profile)
            write_profile(folder, profile)
            (folder / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
            with Repo.init(str(folder), no_scm=True) as repo:
                expanded[profile] = {stage.name: _plain(stage) for stage in repo.index.stages}
        return expanded[profile]

    return of


def _plain(stage) -> SimpleNamespace:
    deps = [PurePosixPath(dep.def_path) for dep in stage.deps if dep.def_path != "params.yaml"]
    return SimpleNamespace(cmd=stage.cmd, deps=deps, outs=[PurePosixPath(out.def_path) for out in stage.outs])


@pytest.mark.parametrize("profile", PROFILES)
def test_every_dependency_is_in_the_repository_or_made_by_a_stage(stages, profile, tmp_path) -> None:
    made = [out for stage in stages(profile).values() for out in stage.outs]
    wanted = {dep for stage in stages(profile).values() for dep in stage.deps}
    given = {dep for dep in wanted if not any(touches(dep, out) for out in made)}
    assert PurePosixPath("reports/results") in given
    folder = copy_pipeline(tmp_path / "copy")
    assert [str(dep) for dep in sorted(given) if not (folder / dep).exists()] == []


def touches(one: PurePosixPath, other: PurePosixPath) -> bool:
    """Whether one path is the other or lies inside it."""
    return one == other or one in other.parents or other in one.parents


def of_kind(stages: dict[str, SimpleNamespace], kind: str) -> dict[str, SimpleNamespace]:
    return {name: stage for name, stage in stages.items() if name.partition("@")[0] == kind}


# ---- the graph of stages


@pytest.mark.parametrize("profile", PROFILES)
def test_dvc_expands_every_cell_of_every_profile(stages, profile):
    chosen = profile_settings(profile).active
    expected = {f"{kind}@{dataset}" for kind in ("data", "features", "graphs") for dataset in chosen.datasets}
    expected |= {f"train@{dataset}-{system}" for dataset in chosen.datasets for system in chosen.systems}
    assert set(stages(profile)) == expected | {"score", "report"}


@pytest.mark.parametrize("profile", PROFILES)
def test_no_stage_before_scoring_depends_on_gold_or_audit(stages, profile):
    sealed = [out for s in of_kind(stages(profile), "data").values() for out in s.outs if out.name in SEALED]
    datasets = len(of_kind(stages(profile), "data"))
    assert len(sealed) == len(SEALED) * datasets
    readers = {
        name
        for name, stage in stages(profile).items()
        for dep in stage.deps
        for path in sealed
        if touches(dep, path) and path.name == "gold"
    }
    assert readers == {"score"}
    for kind in ("features", "graphs", "train"):
        for name, stage in of_kind(stages(profile), kind).items():
            wrong = [str(dep) for dep in stage.deps for path in sealed if touches(dep, path)]
            assert wrong == [], name


@pytest.mark.parametrize("profile", PROFILES)
def test_every_dependency_is_there_or_is_made_by_a_stage(stages, profile):
    outs = [out for stage in stages(profile).values() for out in stage.outs]
    for name, stage in stages(profile).items():
        for dep in stage.deps:
            made = any(touches(dep, out) for out in outs)
            assert made or (ROOT / dep).exists(), f"{name}: nothing makes {dep}"


@pytest.mark.parametrize("profile", PROFILES)
def test_every_command_runs_a_module_of_the_stages(stages, profile):
    for name, stage in stages(profile).items():
        python, dash, module, *arguments = stage.cmd.split()
        assert (python, dash) == ("python", "-m"), name
        kind, _, item = name.partition("@")
        assert module == f"stages.{kind}"
        assert (ROOT / "stages" / f"{kind}.py").is_file()
        assert "-".join(arguments) == (item or profile)


def test_stages_depend_on_packages_and_on_no_single_file_of_one():
    """Adding a file to a package needs no edit of dvc.yaml."""
    stated = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for kind, stage in stated.items():
        files = {dep for dep in stage["deps"] if dep.endswith(".py")}
        assert files == {f"stages/{kind}.py"}


@pytest.mark.parametrize("kind", ["data", "features", "graphs", "train", "score", "report"])
def test_a_stage_depends_on_the_packages_that_make_its_result(stages, kind):
    """Code outside these dependencies could change while DVC thinks that its results are up to date."""
    stage = next(iter(of_kind(stages("controls"), kind).values()))
    uncovered = {
        file.parent
        for file in imported_by(Path(f"stages/{kind}.py"))
        if not any(touches(PurePosixPath(file.as_posix()), dep) for dep in stage.deps)
    }
    assert uncovered <= set(map(Path, AROUND))


def imported_by(start: Path) -> list[Path]:
    """Files of this repository that a file imports, directly or not, inside functions too."""
    finder = ModuleFinder(path=[str(ROOT)], excludes=["mner.config"])  # settings are parameters of a stage
    finder.run_script(str(ROOT / start))
    files = (Path(module.__file__) for module in finder.modules.values() if module.__file__)
    return [file.relative_to(ROOT) for file in files]


def test_the_data_sets_of_the_profiles_can_be_made():
    settings = profile_settings()
    for profile in settings.profiles.values():
        assert set(profile.datasets) <= {*PUBLIC, *CONTROLS}


# ---- training and gold


OPENED: list[str] = []
WATCHING = False


def _watch(event: str, arguments: tuple) -> None:
    if WATCHING and event in ("open", "os.listdir", "os.scandir") and arguments:
        OPENED.append(str(arguments[0]))


sys.addaudithook(_watch)


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("world")
    tiny.make_world(root)
    return root


@pytest.mark.parametrize("system", tiny.SYSTEMS)
def test_training_neither_needs_nor_opens_gold(world, system):
    global WATCHING
    gold = world / "data" / tiny.DATASET / "gold"
    assert gold.is_dir()
    OPENED.clear()
    WATCHING = True
    try:
        with_gold = tiny.train(world, system)
    finally:
        WATCHING = False
    assert any(path.endswith("corpus/test.blind.jsonl") for path in OPENED)
    assert [path for path in OPENED if set(SEALED) & set(Path(path).parts)] == []
    assert not any(set(SEALED) & set(PurePosixPath(path).parts) for path in with_gold[0].inputs)
    hidden = gold.rename(world / "hidden")
    try:
        tiny.change_parameters(world, lambda raw: raw["active"].update(seeds=[5]))
        assert [record.status for record in tiny.train(world, system)] == ["finished"]
    finally:
        hidden.rename(gold)
        tiny.change_parameters(world, lambda raw: raw["active"].update(seeds=[1]))


def test_the_training_core_imports_neither_mlflow_nor_dvc():
    code = "import sys, mner.training.runs; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"mner", "torch"} <= loaded
    assert not loaded & {"mlflow", "dvc", "matplotlib"}


def test_a_process_that_finds_nothing_to_train_starts_without_compiler_graph_library_or_models():
    code = (
        "import sys, stages.train; from mner.training.determinism import make_deterministic; make_deterministic();"
        "from mner.models.system import load_system; [load_system(name) for name in sys.argv[1:]];"
        "print(*sorted(sys.modules))"
    )
    settings = profile_settings()
    rows = sorted({system.file for system in settings.systems.values()})
    command = [sys.executable, "-c", code, *rows]
    loaded = set(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split())
    assert "mner.sweeping.sweep_session" in loaded
    assert not loaded & {"torch._inductor", "torch_geometric", "transformers", "mlflow"}


def test_what_python_compiles_is_no_dependency(tmp_path):
    from dvc.repo import Repo

    (tmp_path / ".dvcignore").write_bytes((ROOT / ".dvcignore").read_bytes())
    compiled = tmp_path / "mner/data/__pycache__"
    compiled.mkdir(parents=True)
    with Repo.init(str(tmp_path), no_scm=True) as repo:
        assert repo.dvcignore.is_ignored_dir(str(compiled))
        assert not repo.dvcignore.is_ignored_dir(str(compiled.parent))


def test_every_row_of_every_profile_stands_in_a_cell():
    settings = profile_settings()
    for profile in settings.profiles.values():
        active = replace(settings, active=profile)
        for dataset in profile.datasets:
            for system in profile.systems:
                cell = Cell(active, dataset, system, ROOT)
                assert cell.encoder.name == profile.encoder_of(system)
                assert cell.visual_input()
                assert not any(set(SEALED) & set(path.parts) for path in cell.input_files())
