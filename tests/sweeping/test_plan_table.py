"""The table of a plan: finished, missing, failed and left out add up, and no sum claims what is unknown."""

from __future__ import annotations

from mner.sweeping.run_costs import Cost
from mner.sweeping.run_plan import Failure, Job, PlannedCell, render

HOUR_OF_WATTS = 3600.0


def jobs(system: str, count: int) -> tuple[Job, ...]:
    return tuple(Job("toy", system, seed, f"{system}-{seed}") for seed in range(count))


def cell(system: str, seeds: int, missing: int | None, cost: Cost | None, **more) -> PlannedCell:
    told = {"failed": (), "skipped": None, **more}
    return PlannedCell("toy", system, seeds, None if missing is None else jobs(system, missing), cost=cost, **told)


def row(shown: str, system: str) -> list[str]:
    (line,) = (line for line in shown.splitlines() if line.startswith("toy") and line.split()[1] == system)
    return line.split()[2:]


MEASURED = Cost(150.0, 1.26, 2 * HOUR_OF_WATTS, ())
SCALED = Cost(60.0, 2.0, None, ("system", "options"))


def test_every_run_is_in_one_column_and_costs_are_of_one_run() -> None:
    failed = ((Job("toy", "a", 9, "a-9"), Failure("a-9", "ValueError: no", "a traceback", 1, "now")),)
    shown = render(
        [cell("a", 4, 1, MEASURED, failed=failed), cell("b", 2, 2, SCALED), cell("c", 3, None, None)], "small"
    )
    assert row(shown, "a") == ["2", "1", "1", "2.5", "min", "1.3", "2.0"]
    assert row(shown, "b")[:7] == ["0", "2", "0", "~60", "s", "~2.0", "unknown"]
    assert row(shown, "c") == ["0", "3", "0", "unknown", "unknown", "unknown", "inputs", "not", "built"]
    assert "~ from runs that differ in system, options" in shown
    assert "6 runs to train, one after another about 4.5 min, at most 2.0 GiB at once\n" in shown
    assert "3 of them not counted in" in shown
    assert "~ is scaled from runs that differ as noted" in shown
    assert "failed: toy x a seed 9 after 1 try: ValueError: no" in shown
    assert "traceback: runs/small/toy/a/9/failure.json" in shown
    assert "to try them anyway: mner sweep --again" in shown


def test_energy_is_summed_where_all_of_it_is_known() -> None:
    assert ", at most 1.3 GiB at once, 6 Wh\n" in render([cell("a", 3, 3, MEASURED)], "small")
    mixed = render([cell("a", 3, 3, MEASURED), cell("b", 1, 1, SCALED)], "small")
    assert "Wh\n" not in mixed.split("4 runs to train")[1]


def test_what_is_left_out_is_in_no_sum() -> None:
    shown = render([cell("a", 2, 2, MEASURED, skipped="no captions"), cell("b", 2, 0, MEASURED)], "small")
    assert row(shown, "a") == ["0", "2", "0", "-", "-", "-", "skipped:", "no", "captions"]
    assert shown.endswith("\nnothing to train\n")
    assert "scaled" not in shown
    assert "--again" not in shown


def test_tries_are_counted_in_words() -> None:
    failed = ((Job("toy", "a", 1, "a-1"), Failure("a-1", "it died", "a traceback", 3, "now")),)
    assert "failed: toy x a seed 1 after 3 tries: it died" in render(
        [cell("a", 1, 0, None, failed=failed)], "small"
    )


def test_what_this_machine_lacks_a_package_for_is_missing_said_once_and_in_no_sum() -> None:
    lacking = [cell(system, 2, 2, MEASURED, lacks="pip install some-vectors") for system in ("a", "b")]
    shown = render([*lacking, cell("c", 3, 1, MEASURED)], "small")
    assert row(shown, "a")[:3] == ["0", "2", "0"]
    assert row(shown, "a")[-4:] == ["cannot", "be", "trained", "here"]
    assert "1 runs to train, one after another about 2.5 min, at most 1.3 GiB at once, 2 Wh\n" in shown
    assert shown.endswith("\ncannot be trained here: pip install some-vectors\n")
    alone = render(lacking, "small")
    assert alone.endswith("\ncannot be trained here: pip install some-vectors\nnothing to train here\n")


def test_scaled_energy_is_marked_as_the_rest_of_its_row() -> None:
    scaled = Cost(60.0, 2.0, HOUR_OF_WATTS, ("system",))
    assert row(render([cell("a", 1, 1, scaled)], "small"), "a")[3:7] == ["~60", "s", "~2.0", "~1.0"]
    assert "scaled" not in render([cell("a", 1, 1, MEASURED)], "small")
