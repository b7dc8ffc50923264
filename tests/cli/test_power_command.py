"""``mner power``: how many seeds a verdict takes, for the margin and level of the parameters."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.profile_settings import write_profile

from mner.cli import main as cli
from mner.evaluation.power import settling_power
from mner.reporting.power_table import DEVIATIONS, power_table

ROOT = Path(__file__).resolve().parents[2]


def _rows(text: str) -> dict[str, list[str]]:
    """Chances by number of seeds, then the seeds needed, by s.d."""
    lines = text.split("\n\n")[0].splitlines()[2:]
    return {line.split()[0]: re.findall(r"(\d+)(?: %)?", line)[-7:] for line in lines}


def test_five_seeds_hardly_ever_show_an_agreement_that_is_there() -> None:
    rows = _rows(power_table((0.4, 0.5, 0.6, 0.8), 0.5, 0.05))
    assert {deviation: (row[2], row[-1]) for deviation, row in rows.items()} == {
        "0.4": ("53", "8"),
        "0.5": ("29", "11"),
        "0.6": ("16", "14"),
        "0.8": ("5", "24"),
    }
    assert rows["0.4"][2] == f"{100 * settling_power(0.0, 0.4, 5, 0.5, 0.05):.0f}"


def test_what_no_number_of_seeds_settles_says_so() -> None:
    assert "over 1000" in power_table((1.0,), 0.01, 0.05)


def test_the_command_takes_margin_and_level_from_the_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_profile(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["power"]) == 0
    assert capsys.readouterr().out == power_table(DEVIATIONS, 0.5, 0.05)
    assert cli.main(["power", "--sd", "0.4", "0.7", "--margin", "1"]) == 0
    out = capsys.readouterr().out
    assert out == power_table((0.4, 0.7), 1.0, 0.05)
    assert "at margin 1 and alpha 0.05, if our true mean is the printed value itself" in " ".join(out.split())


@pytest.mark.parametrize("value", ["0", "-1", "101", "much", "nan"])
def test_points_that_are_none_are_refused(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["power", f"--sd={value}"])
    assert "is no number of points of F1" in capsys.readouterr().err
