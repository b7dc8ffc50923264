"""``mner power``: how often the test behind REPRODUCED finds an agreement that is there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from mner.base.terminal import aligned, wrapped
from mner.evaluation.power import POWER, Spread, runs_to_settle, settling_power
from mner.evaluation.sequential import FEWEST_SEEDS, Finding, levels_of, looks_of
from mner.evaluation.sequential import simulate as simulate_looks
from mner.evaluation.states import ORDER, simulations
from mner.evaluation.statistics import StatisticsError
from mner.evaluation.verdicts import SEED_LIMIT

DEVIATIONS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
SEEDS = (2, 3, 5, 8, 10, 20)
SIMULATED_DEVIATIONS = (0.3, 0.5, 0.8)
SIMULATED_SEEDS = (2, 3, 5, 10, 20)
SEQUENTIAL_SEEDS = (5, 10, 20)
SEQUENTIAL = 20
"""Seed of the simulation of looks."""
DIFFERENT, SAME, UNSETTLED = (Finding.AHEAD, Finding.BEHIND), (Finding.EQUIVALENT,), (Finding.OPEN,)


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


def states_table(deviations: Sequence[float], margin: float, alpha: float) -> str:
    """How often each verdict comes out where our method and theirs are the same, as a table in Markdown.

    By what the paper printed, the s.d. of one run over seeds, and our number of seeds (``states.simulations``).
    """
    header = ("printed", "s.d.", "our seeds", *(state.value for state in ORDER))
    rows = [
        (
            rates.way.title,
            f"{rates.deviation:g}",
            str(rates.seeds),
            *(f"{100 * share:.1f} %" for share in rates.shares),
        )
        for rates in simulations(deviations, SIMULATED_SEEDS, margin, alpha)
    ]
    said = (
        f"Margin {margin:g}, alpha {alpha:g}; 20,000 simulated comparisons a line; our runs and theirs are normal "
        "with the same mean and s.d."
    )
    return "\n".join([*_markdown(header, rows, left=1), "", *wrapped(said)]) + "\n"


def sequential_table(deviations: Sequence[float], margin: float, alpha: float, trials: int = 20_000) -> str:
    """What a comparison of two systems comes to if seeds are added until it is settled, as a table in Markdown.

    By the true difference, the s.d. of one run over seeds, and the planned seeds a side: with the bound of
    ``evaluation.sequential``, and with tests at their full level after every seed from the third on.
    """
    header = (
        *("true difference", "s.d.", "planned", "ahead or behind", "equivalent", "open", "seeds"),
        *("at every seed: ahead or behind", "equivalent", "seeds"),
    )
    rows = []
    for difference, deviation, planned in product((0.0, margin, 1.0, 2.0), deviations, SEQUENTIAL_SEEDS):
        looks = looks_of(planned)
        every = tuple(range(FEWEST_SEEDS, planned + 1))
        bounded, naive = (
            simulate_looks(
                difference, Spread(deviation), at, levels, margin, np.random.default_rng(SEQUENTIAL), trials
            )
            for at, levels in ((looks, levels_of(looks, alpha)), (every, [alpha] * len(every)))
        )
        rows.append(
            (
                *(f"{difference:g}", f"{deviation:g}", str(planned)),
                *(_percent(bounded.share(*found)) for found in (DIFFERENT, SAME, UNSETTLED)),
                f"{bounded.seeds.mean():.1f}",
                *(_percent(naive.share(*found)) for found in (DIFFERENT, SAME)),
                f"{naive.seeds.mean():.1f}",
            )
        )
    said = (
        f"Margin {margin:g}, alpha {alpha:g}; {trials:,} simulated comparisons a line; runs are normal, and the "
        "test set is fixed."
    )
    return "\n".join([*_markdown(header, rows), "", *wrapped(said)]) + "\n"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 0) -> list[str]:
    """Lines of a table in Markdown, its first ``left`` columns flush left."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    dashes = ("-" * (width + 2) if i < left else "-" * (width + 1) + ":" for i, width in enumerate(widths))
    return [line(header), f"|{'|'.join(dashes)}|", *map(line, rows)]


def _needed(deviation: float, margin: float, alpha: float) -> str:
    try:
        return str(runs_to_settle(0.0, deviation, margin, alpha, most=SEED_LIMIT))
    except StatisticsError:
        return f"over {SEED_LIMIT}"
