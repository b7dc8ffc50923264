"""``mner power``: how often the test behind REPRODUCED finds an agreement that is there."""

from __future__ import annotations

from collections.abc import Sequence

from mner.columns import aligned, wrapped
from mner.evaluation.power import POWER, runs_to_settle, settling_power
from mner.evaluation.statistics import StatisticsError
from mner.evaluation.verdicts import SEED_LIMIT

DEVIATIONS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
SEEDS = (2, 3, 5, 8, 10, 20)


def power_table(deviations: Sequence[float], margin: float, alpha: float) -> str:
    """Chance of REPRODUCED where it is true, by s.d. of one run over seeds, and the seeds that ``POWER`` takes.

    ``deviations`` and ``margin`` are in points of F1, ``alpha`` is the level of each one-sided test.
    """
    header = ("s.d.", *(f"{seeds} seeds" for seeds in SEEDS), f"seeds for {100 * POWER:.0f} %")
    rows = [
        (
            f"{deviation:g}",
            *(f"{100 * settling_power(0.0, deviation, seeds, margin, alpha):.0f} %" for seeds in SEEDS),
            _needed(deviation, margin, alpha),
        )
        for deviation in deviations
    ]
    lines = aligned([header, *rows], numbers=range(len(header)), header=True)
    said = (
        f"Chance of REPRODUCED at margin {margin:g} and alpha {alpha:g}, if our true mean is the printed value "
        "itself (any difference lowers it), runs scatter normally with this s.d., and the printed value is exact."
    )
    return "\n".join([*lines, "", *wrapped(said)]) + "\n"


def _needed(deviation: float, margin: float, alpha: float) -> str:
    try:
        return str(runs_to_settle(0.0, deviation, margin, alpha, most=SEED_LIMIT))
    except StatisticsError:
        return f"over {SEED_LIMIT}"
