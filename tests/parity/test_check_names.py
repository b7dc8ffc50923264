"""Names that ``mner parity`` takes: every check, and every row of a system whose program was run."""

from __future__ import annotations

from pathlib import Path

import pytest

from mner.config.profiles import declared
from mner.parity import CHECKS, PROGRAMS, check, check_of
from mner.parity.parity_report import ParityError


@pytest.mark.parametrize(
    ("row", "expected"),
    [("object-agban", "agban"), ("rgcn-released", "rgcn"), ("ita-all-cva", "ita"), ("acoa-interacting", "acoa")],
)
def test_a_row_names_the_check_of_its_file(row: str, expected: str) -> None:
    assert check_of(row) == expected


def test_every_check_names_itself_and_every_row_a_check_or_the_reason_why_none() -> None:
    assert [check_of(name) for name in CHECKS] == list(CHECKS)
    without = set()
    for row in declared("systems"):
        try:
            assert check_of(row) in CHECKS
        except ParityError:
            without.add(row)
    assert without >= {"bert", "pgim", "iaik", "rgcn-no-gate"}
    assert not without & {"umt", "umgf", "rpbert", "ocsga", "ita-text", "rgcn-released"}
    assert set(PROGRAMS.values()) | {"scorers"} == set(CHECKS)


def test_an_unknown_name_and_a_missing_file_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ParityError):
        check_of("no-such-row")
    with pytest.raises(ParityError):
        check("umt", tmp_path / "none.safetensors")
