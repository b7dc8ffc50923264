"""A row's options are held against its tagger's arguments before anything is built."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.profile_settings import settings, write_profile

from mner.cli import main as cli
from mner.models.cards import ContractError
from mner.models.system import check_options, load_system

SETTINGS = settings("full")


@pytest.mark.parametrize("system", sorted(SETTINGS.systems))
def test_the_options_of_every_row_fit_its_tagger(system: str) -> None:
    row = SETTINGS.systems[system]
    for dataset in SETTINGS.active.datasets:
        check_options(load_system(row.file), system, row.options_on(dataset))


@pytest.mark.parametrize("command", ["plan", "card umt"])
def test_a_misspelt_option_names_the_nearest_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    def misspell(raw: dict) -> None:
        raw["systems"] = {"umt": {"options": {"dropuot": 0.3}}}
        raw["active"]["systems"] = ["umt"]

    write_profile(tmp_path, "quick", misspell)
    monkeypatch.chdir(tmp_path)
    assert cli.main(command.split()) == 2
    error = capsys.readouterr().err
    assert "'dropuot'" in error
    assert "'dropout'" in error
    assert error.count("\n") == 1


def test_an_option_that_must_be_said_is_named() -> None:
    with pytest.raises(ContractError, match="words"):
        check_options(load_system("baselines/bilstm_crf.py"), "mine", {})
