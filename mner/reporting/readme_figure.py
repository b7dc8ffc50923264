"""Draw the README's figure and print its table from the kept results.

``python -m mner.reporting.readme_figure`` writes ``docs/images/printed-and-ours.svg``; ``--table`` prints the
README's table, and by how much R-GCN's scorer raises F1, instead.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from mner.evaluation.paper import Paper
from mner.evaluation.paper_reading import load_paper
from mner.evaluation.rescored_results import RescoredResults
from mner.evaluation.result_files import FILES, read_results
from mner.evaluation.score_results import OWN, ScoreResults
from mner.reporting import charts as svg

FIGURE = Path("docs/images/printed-and-ours.svg")
DATASETS = {"twitter2017": "Twitter-2017", "twitter2015": "Twitter-2015"}
PROFILES = {"quick": "4 of 6 layers frozen", "full": "all layers trained"}
SYSTEMS = {"bert-crf": "BERT-CRF", "ita-all-cva": "ITA", "rgcn": "R-GCN"}
SCORER = "rgcn-64"  # R-GCN's, over batches of 64 sentences as its test program has them
OUR_VERSION = "umt"

WIDTH, PANEL, LEFT, TOP, ROW = 860, 330, 110, 64, 46
HEIGHT = TOP + len(SYSTEMS) * ROW + 84
LOWEST, HIGHEST = {"twitter2017": 78, "twitter2015": 67}, {"twitter2017": 91, "twitter2015": 80}
STYLE = """
svg { background: #ffffff; font: 13px system-ui, sans-serif }
text { fill: #24292f } .title { font-weight: 600; font-size: 15px } .small { fill: #57606a; font-size: 12px }
.grid { stroke: #e4e7eb } .printed { fill: #ffffff; stroke: #b3261e; stroke-width: 2 }
.quick { fill: #7fb0dc; stroke: #7fb0dc; stroke-width: 2 }
.full { fill: #0b5394; stroke: #0b5394; stroke-width: 2 }
"""


@dataclass(frozen=True, slots=True)
class Ours:
    """F1 of one cell in percent: mean and standard deviation over ``seeds`` runs (None with one run)."""

    mean: float
    sd: float | None
    seeds: int

    def __str__(self) -> str:
        return f"{self.mean:.2f}" if self.sd is None else f"{self.mean:.2f} ± {self.sd:.2f}"


def kept_f1(results: Path, profile: str, dataset: str, system: str) -> Ours | None:
    """Test F1 (conlleval) of a cell of ``reports/results``, recomputed from its runs; None where none is kept."""
    runs = read_results(ScoreResults, results / profile / FILES[ScoreResults]).runs
    values = [
        run.views[OWN].f1 for run in runs if (run.dataset, run.system, run.status) == (dataset, system, "finished")
    ]
    if not values:
        return None
    return Ours(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))


def printed_f1(paper: Paper, dataset: str, system: str) -> list[tuple[float, str]]:
    """Every F1 printed for a system, with the mark of its row; highest first."""
    rows = [row for _, row in paper.rows_for(dataset, system)]
    figures = [(figure.value, row.mark) for row in rows if (figure := row.figure(dataset, "F1")) is not None]
    return sorted(set(figures), reverse=True)


def scorer_gains(results: Path, dataset: str) -> list[float]:
    """Points of F1 that R-GCN's scorer adds to conlleval, one per kept run of every profile on a data set."""
    gains = []
    for file in sorted(results.glob(f"*/{FILES[RescoredResults]}")):
        for run in read_results(RescoredResults, file).runs:
            if run.dataset == dataset:
                scores = run.versions[OUR_VERSION][OWN]
                theirs, standard = scores[SCORER].f1, scores["conlleval"].f1
                if theirs is not None and standard is not None:
                    gains.append(theirs - standard)
    return gains


def table(results: Path, paper: Paper) -> str:
    """The README's table in Markdown."""
    lines = ["| system | data set | ours, 4 of 6 layers frozen | ours, all layers trained | printed |"]
    lines.append("|---|---|---:|---:|---:|")
    for dataset, title in DATASETS.items():
        for system in SYSTEMS:
            ours = [str(kept_f1(results, profile, dataset, system) or "not run") for profile in PROFILES]
            printed = ", ".join(f"{value:.2f}" for value, _ in printed_f1(paper, dataset, system))
            lines.append(f"| `{system}` | {title} | {' | '.join(ours)} | {printed} |")
    return "\n".join(lines)


def figure(results: Path, paper: Paper) -> str:
    """The whole SVG file: printed F1 as open diamonds, ours as dots with one standard deviation to each side."""
    parts = [part for place, name in enumerate(DATASETS) for part in _panel(results, paper, name, place)]
    label = "Printed F1 and ours on Twitter-2017 and Twitter-2015"
    head = Markup('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" width="{0}" role="img" ')
    head += Markup('aria-label="{2}"><title>{2}</title><style>{3}</style>')
    body = Markup("\n").join([*parts, *_legend()])
    return f"{head.format(WIDTH, HEIGHT, label, Markup(STYLE))}\n{body}\n</svg>\n"


def _panel(results: Path, paper: Paper, dataset: str, place: int) -> Iterator[Markup]:
    def across(f1: float) -> float:
        share = (f1 - LOWEST[dataset]) / (HIGHEST[dataset] - LOWEST[dataset])
        return LEFT + place * (PANEL + 50) + share * PANEL

    bottom = TOP + len(SYSTEMS) * ROW - 12
    yield svg.text(across(LOWEST[dataset]), 30, f"{DATASETS[dataset]}, test F1", "title")
    for tick in range(LOWEST[dataset], HIGHEST[dataset] + 1, 2):
        yield svg.line(across(tick), TOP - 18, across(tick), bottom, "grid")
        yield svg.text(across(tick), bottom + 18, str(tick), "small", "middle")
    for row, (system, title) in enumerate(SYSTEMS.items()):
        height = TOP + row * ROW + 6
        if place == 0:
            yield svg.text(LEFT - 16, height + 5, title, anchor="end")
        for f1, mark in printed_f1(paper, dataset, system):
            yield _diamond(across(f1), height, f"{title}{mark} printed: {f1:.2f}")
        for shift, profile in zip((-7, 7), PROFILES, strict=True):
            ours = kept_f1(results, profile, dataset, system)
            if ours is not None:
                sd = ours.sd or 0.0
                ends = across(ours.mean - sd), across(ours.mean + sd)
                yield svg.line(ends[0], height + shift, ends[1], height + shift, profile)
                yield svg.dot(across(ours.mean), height + shift, profile, f"{title}, {PROFILES[profile]}: {ours}")


def _legend() -> Iterator[Markup]:
    height = HEIGHT - 22
    yield _diamond(LEFT + 5, height, "printed")
    yield svg.text(LEFT + 18, height + 4, "printed")
    for left, (profile, words) in zip((LEFT + 90, LEFT + 415), PROFILES.items(), strict=True):
        yield svg.line(left - 10, height, left + 10, height, profile)
        yield svg.dot(left, height, profile, words)
        yield svg.text(left + 18, height + 4, f"ours, mean ± s.d.: MiniLM, {words}")


def _diamond(x: float, y: float, title: str) -> Markup:
    shape = '<path d="M{:.1f} {:.1f}l6 6l-6 6l-6 -6z" class="printed"><title>{}</title></path>'
    return Markup(shape).format(x, y - 6, title)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the figure, or print the table and the gains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true", help="print the README's table, and the scorer's gains")
    results, paper = Path("reports/results"), load_paper(Path("reports/paper.yaml"))
    if not parser.parse_args(arguments).table:
        FIGURE.parent.mkdir(parents=True, exist_ok=True)
        FIGURE.write_text(figure(results, paper), encoding="utf-8")
        return
    print(table(results, paper))
    for dataset, title in DATASETS.items():
        gains = scorer_gains(results, dataset)
        print(f"R-GCN's scorer adds {min(gains):.2f} to {max(gains):.2f} points on {title} ({len(gains)} runs)")


if __name__ == "__main__":
    main()
