"""Profiles: the same whoever composes them, checked before they are written, and chosen by what is at hand."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path

import pytest
import yaml
from support.profile_settings import settings, write_profile

from mner import config
from mner.cli import main as cli
from mner.config import ConfigError, Places, profiles
from mner.config.loading import declared_profiles
from mner.config.schema import EncoderSource
from mner.config.training_recipe import identifying
from mner.data import availability
from mner.data.reachability import Reachability

ROOT = Path(__file__).resolve().parents[2]
RESOLVED = "d7412b92f2418aae4c23c15c61541a0a544dacf2145df2dc6dc75ef02b5d811e"
"""SHA-256 of every setting of every cell; a change of it changes results, so it is made on purpose."""


def composed_by_dvc(folder: Path, *overrides: str) -> dict:
    from dvc.utils.hydra import compose_and_dump

    path = folder / "params.yaml"
    compose_and_dump(str(path), str(profiles.FILES), None, "config", str(folder), list(overrides))
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", profiles.names())
def test_dvc_composes_what_the_command_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    write_profile(tmp_path, "quick")
    assert composed_by_dvc(tmp_path, f"profile={name}") == config.composed(name)
    assert config.load(tmp_path / "params.yaml") == settings(name)


def test_seeds_asked_for_take_the_place_of_the_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["profile", "controls", "--seeds", "4", "2"]) == 0
    assert config.load(tmp_path / "params.yaml").active.seeds == (4, 2)
    assert cli.main(["profile", "--seeds", "3"]) == 0
    assert config.load(tmp_path / "params.yaml").active == replace(settings("controls").active, seeds=(3,))
    before = (tmp_path / "params.yaml").read_bytes()
    assert cli.main(["profile", "quick", "--seeds", "1", "1"]) == 2
    assert (tmp_path / "params.yaml").read_bytes() == before
    assert cli.main(["profile", "controls"]) == 0
    assert config.load(tmp_path / "params.yaml").active == settings("controls").active


def test_an_experiment_changes_what_it_names_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_profile(tmp_path, "controls", lambda raw: raw["systems"].update(mine={"like": "rgcn"}))
    before = yaml.safe_load(path.read_text(encoding="utf-8"))
    after = composed_by_dvc(tmp_path, "recipe.epochs=1", "active.seeds=[7]")
    assert after["recipe"].pop("epochs") == 1
    assert after["active"].pop("seeds") == [7]
    del before["recipe"]["epochs"], before["active"]["seeds"]
    assert after == before
    assert cli.main(["profile", "full"]) == 0
    assert config.load(path).active == settings("full").active


@pytest.mark.parametrize("name", profiles.names())
def test_a_written_profile_reads_back_without_anchors_in_few_columns(tmp_path: Path, name: str) -> None:
    path = write_profile(tmp_path, name)
    text = path.read_text(encoding="utf-8")
    raw = yaml.safe_load(text)
    assert raw == config.composed(name)
    assert not any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text))
    raw["active"]["recipe"].pop("rows", None)
    raw["active"].pop("regions")
    assert leaves(raw) <= 40
    assert profiles.write(path, config.composed(name)) is False


def leaves(value: object) -> int:
    return sum(map(leaves, value.values())) if isinstance(value, dict) and value else 1


def test_only_a_profile_that_is_valid_with_the_rest_of_the_file_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_profile(tmp_path, "quick", lambda raw: raw["features"].update(batch_sise=3))
    before = path.read_bytes()
    assert cli.main(["profile", "full"]) == 2
    assert "did you mean 'batch_size'" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_file_is_made_where_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["profile", "controls"]) == 0
    assert config.load(Path("params.yaml")) == settings("controls")


def test_an_unknown_profile_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown 'fulll'; did you mean 'full'"):
        config.composed("fulll")


FIRST_PROFILES = ("controls", "controls-all", "full", "graphs", "quick", "quick-all", "smoke")
"""Profiles whose settings were written down when params.yaml held them all; paper follows the cards instead."""


def source_of(encoder: EncoderSource) -> dict[str, str | None]:
    """An encoder's source in the fields that were there then."""
    return {name: getattr(encoder, name) for name in ("name", "package", "hub", "revision")}


def test_every_setting_of_every_cell_is_what_it_was() -> None:
    table = {}
    for name in FIRST_PROFILES:
        made = settings(name)
        for dataset, system in made.active.cells:
            table[f"{name} {dataset} {system}"] = [
                identifying(asdict(made.recipe_of(system))),
                made.systems[system].file,
                made.systems[system].options_on(dataset),
                source_of(made.encoders[made.active.encoder_of(system)]),
                asdict(made.relations_of(dataset, system)),
                made.graph_of(dataset, system),
            ]
        table[name] = [made.active.seeds, *map(asdict, (made.data, made.controls, made.features, made.verify))]
    assert sha256(json.dumps(table, sort_keys=True).encode()).hexdigest() == RESOLVED


def test_the_command_line_starts_without_the_libraries_that_train_and_track() -> None:
    heavy = "{'torch', 'transformers', 'mlflow', 'dvc', 'torch_geometric', 'matplotlib'}"
    for code in ("import mner.cli.main", "import mner.cli.main; mner.cli.main.parser().format_help()"):
        command = [sys.executable, "-c", f"import sys; {code}; print({heavy} & {{*sys.modules}} or 'none')"]
        assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "none\n"


def test_settings_need_no_other_package_of_ours() -> None:
    ours = "{name for name in sys.modules if name.startswith('mner.')}"
    code = f"import sys, mner.config; print(*{ours} | {{'numpy'}} & {{*sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert all(name.startswith(("mner.config", "mner.base")) for name in loaded.stdout.split())


def test_real_data_is_chosen_where_all_of_it_can_be_had(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    places, asked = Places(tmp_path / "cache", (tmp_path,), None, network=False), []
    absent: set[str] = set()

    def reachable(files, *, cache: Path, mirrors, network: bool) -> Reachability:
        assert (cache, mirrors, network) == (places.cache, places.mirrors, places.network)
        (dataset,) = {file.dataset for file in files}
        asked.append(dataset)
        where = "nowhere" if dataset in absent else "cache"
        return Reachability({"a file": where}, f"{dataset} in {where}")

    monkeypatch.setattr(availability, "reachable", reachable)
    first, last = declared_profiles()["quick"].datasets
    assert availability.choose(places) == (
        "quick",
        f"profile quick: {first} and {last} are at hand ({last} in cache)",
    )
    assert asked == [first, last]
    for lost in (first, last):
        absent.clear()
        absent.add(lost)
        chosen, why = availability.choose(places)
        assert (chosen, why) == ("controls", f"profile controls: {lost} cannot be had here ({lost} in nowhere)")
