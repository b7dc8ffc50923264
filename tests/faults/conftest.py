"""Counts what became of every attack, for ``make faults``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

FAULT, ATTACKS = "fault", "attacks"
BAD = {"survived": "lost", "detected": "silent"}
"""What became of an attack that its test says is survived, or detected, where the test fails."""


@pytest.fixture(autouse=True)
def _outcome(request: pytest.FixtureRequest, record_property: pytest.RecordProperty) -> None:
    """What the attack ends in where the test passes: nothing was harmed, or the harm was seen and said."""
    marker = request.node.get_closest_marker(FAULT)
    if marker is None or marker.args[0] not in BAD:
        pytest.fail("a test of a fault says whether it is survived or detected: pytest.mark.fault(...)")
    record_property(FAULT, marker.args[0])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A table by file: tried, survived, detected, lost, silent.

    A test of several attacks says how many by ``record_property("attacks", number)``.
    """
    rows: dict[str, Counter[str]] = {}
    for state in ("passed", "failed"):
        for report in terminalreporter.stats.get(state, ()):
            properties = dict(report.user_properties)
            outcome = properties.get(FAULT)
            if outcome is None:
                continue
            counts = rows.setdefault(Path(report.fspath).stem.removeprefix("test_"), Counter())
            attacks = properties.get(ATTACKS, 1)
            counts["tried"] += attacks
            counts[outcome if state == "passed" else BAD[outcome]] += attacks
    if not rows:
        return
    columns = ("tried", *BAD, *BAD.values())
    total = sum(rows.values(), Counter())
    terminalreporter.write_line("")
    for name, counts in (("", None), *rows.items(), ("all", total)):
        cells = [column if counts is None else str(counts[column]) for column in columns]
        terminalreporter.write_line(f"{name.replace('_', ' '):<24}" + "".join(cell.rjust(10) for cell in cells))
