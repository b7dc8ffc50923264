"""Switching profiles edits one line of params.yaml, and the choice of a machine falls on what it can run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mner import profiles
from mner.config import ConfigError, Places, load
from mner.data.download import Reachability

PARAMS = Path(__file__).resolve().parent.parent / "params.yaml"
CONFIG = load(PARAMS)


@pytest.fixture
def params(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text("# active: *no\nx: 1\nactive: *quick\n\n# the end\n", encoding="utf-8")
    return path


def test_one_line_is_edited_and_only_where_it_must(params: Path) -> None:
    assert profiles.switch(params, "full", CONFIG) is True
    assert params.read_text(encoding="utf-8") == "# active: *no\nx: 1\nactive: *full\n\n# the end\n"
    before = params.stat().st_mtime_ns
    assert profiles.switch(params, "full", CONFIG) is False
    assert params.stat().st_mtime_ns == before


def test_the_parameters_that_stand_here_can_be_switched(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(PARAMS.read_text(encoding="utf-8"), encoding="utf-8")
    for name in CONFIG.profiles:
        profiles.switch(path, name, CONFIG)
        assert load(path).active == CONFIG.profiles[name]
    profiles.switch(path, CONFIG.active.name, CONFIG)
    assert path.read_bytes() == PARAMS.read_bytes()


@pytest.mark.parametrize(
    "text", ["x: 1\n", "active: *quick\nactive: *full\n", "active: quick\n", "  active: *quick\n"]
)
def test_a_file_without_its_one_line_is_refused_and_left(params: Path, text: str) -> None:
    params.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"params\.yaml: expected exactly one line 'active: \*NAME'"):
        profiles.switch(params, "full", CONFIG)
    assert params.read_text(encoding="utf-8") == text


def test_an_unknown_profile_is_refused_with_those_there_are(params: Path) -> None:
    with pytest.raises(ConfigError, match="no profile 'fulll'; choose one of controls, controls-all, quick"):
        profiles.switch(params, "fulll", CONFIG)


def test_real_data_is_chosen_where_all_of_it_can_be_had(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    places, asked = Places(tmp_path / "cache", (tmp_path,), None, network=False), []
    absent: set[str] = set()

    def reachable(files, *, cache: Path, mirrors, network: bool) -> Reachability:
        assert (cache, mirrors, network) == (places.cache, places.mirrors, places.network)
        (dataset,) = {file.dataset for file in files}
        asked.append(dataset)
        where = "nowhere" if dataset in absent else "cache"
        return Reachability({"a file": where}, f"{dataset} in {where}")

    monkeypatch.setattr(profiles, "reachable", reachable)
    first, last = CONFIG.profiles["quick"].datasets
    assert profiles.choose(CONFIG, places) == (
        "quick",
        f"profile quick: {first} and {last} are at hand ({last} in cache)",
    )
    assert asked == [first, last]
    for lost in (first, last):
        absent.clear()
        absent.add(lost)
        chosen, why = profiles.choose(CONFIG, places)
        assert (chosen, why) == ("controls", f"profile controls: {lost} cannot be had here ({lost} in nowhere)")


def test_a_machine_cannot_choose_real_data_where_no_profile_has_it(tmp_path: Path) -> None:
    others = {name: profile for name, profile in CONFIG.profiles.items() if name != "quick"}
    with pytest.raises(ConfigError, match=r"profiles of params\.yaml: unknown 'quick'; did you mean 'quick-all'"):
        profiles.choose(replace(CONFIG, profiles=others), Places(tmp_path, (), None, network=False))
