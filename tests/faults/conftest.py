"""Counts what became of every attack, for ``make faults``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

FAULT = "fault"
OUTCOMES = ("survived", "detected")


@pytest.fixture(autouse=True)
def _outcome(request: pytest.FixtureRequest, record_property: pytest.RecordProperty) -> None:
    """What the attack ends in where the test passes: nothing was harmed, or the harm was seen and said."""
    marker = request.node.get_closest_marker(FAULT)
    if marker is None or marker.args[0] not in OUTCOMES:
        pytest.fail("a test of a fault says whether it is survived or detected: pytest.mark.fault(...)")
    record_property(FAULT, marker.args[0])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A table by file: tried, survived, detected, lost."""
    rows: dict[str, Counter[str]] = {}
    for state in ("passed", "failed"):
        for report in terminalreporter.stats.get(state, ()):
            outcome = dict(report.user_properties).get(FAULT)
            if outcome is None:
                continue
            counts = rows.setdefault(Path(report.fspath).stem.removeprefix("test_"), Counter())
            counts["tried"] += 1
            counts[outcome if state == "passed" else "lost"] += 1
    if not rows:
        return
    columns = ("tried", *OUTCOMES, "lost")
    total = sum(rows.values(), Counter())
    terminalreporter.write_line("")
    for name, counts in (("", None), *rows.items(), ("all", total)):
        cells = [column if counts is None else str(counts[column]) for column in columns]
        terminalreporter.write_line(f"{name.replace('_', ' '):<24}" + "".join(cell.rjust(10) for cell in cells))
