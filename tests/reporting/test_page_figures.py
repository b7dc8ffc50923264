"""What the figures of the page show: gains over text, orders that lenses turn round, named frontiers, one axis."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from markupsafe import Markup
from support import fabricated_runs
from support.drawing import Drawing
from support.filled_results import changed, filled

from mner.evaluation.rescored_results import Rescored, RescoredResults
from mner.evaluation.result_files import as_json
from mner.evaluation.score_results import OWN
from mner.evaluation.statistics_results import Pair, TestedPair, UntestedPair
from mner.reporting.cells import Cited, State, with_minus
from mner.reporting.cost_tables import MOST_NAMES, CostPoint, cost_chart, cost_points, cost_table, frontier
from mner.reporting.page import MOST_FIGURES, Figure, Part
from mner.reporting.results import Results
from mner.reporting.scorer_tables import figure_by_scorer, shown_orders, tables_by_scorer, turned_round, under
from mner.reporting.statistics_figures import MOST_PAIRS, statistics_figures
from mner.reporting.text_only import PROBES, text_only_baselines

FABRICATED = vars(fabricated_runs)

DATASETS = ("twitter2017", "twitter2015")
SYSTEMS = ("bilstm-crf", "bert-crf", "ita-text", "umt", "rgcn", "iaik", "ita-all")
ACTIVE = FABRICATED["Active"]("tiny", DATASETS, SYSTEMS, (1, 2))


def _wrong(dataset: str, system: str, seed: int, view: str) -> float | None:
    if system in FABRICATED["TEXT_SYSTEMS"] and view != "own":
        return None
    lost = 0.0 if view == "own" else {"twitter2017": 0.05, "twitter2015": 0.2}[dataset]
    return 0.1 + 0.03 * SYSTEMS.index(system) + 0.01 * seed + lost


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    root = tmp_path_factory.mktemp("results")
    FABRICATED["make_runs"](root, ACTIVE, _wrong)
    return FABRICATED["evaluated"](root, ACTIVE)


def _labels(drawing: str) -> list[str]:
    return re.findall(r'class="label"[^>]*>([^<]+)<', drawing)


def test_many_pairs_are_drawn_as_gains_over_the_best_text_only_row_and_the_rest_is_counted(
    results: Results,
) -> None:
    for dataset, (_, compared) in statistics_figures(results).items():
        cells = [cell for cell in results.scores.cells if cell.dataset == dataset]
        wanted = [f"{c.system} − {name}" for c in cells if (name := text_only_baselines(c, cells).best.system)]
        assert _labels(compared.drawing) == wanted
        assert len(wanted) == 4, "every row that reads pictures"
        assert {label.split(" − ")[1] for label in wanted} == {"bilstm-crf"}, "the best of three"
        pairs = len(results.statistics.datasets[dataset].comparisons)
        assert pairs > MOST_PAIRS
        assert compared.note.startswith(f"{len(wanted)} of {pairs} pairs")
        assert f"other {pairs - len(wanted)} " in compared.note


def test_few_pairs_are_all_drawn(results: Results) -> None:
    few = results.statistics.datasets["twitter2017"].comparisons[:3]
    _, compared = statistics_figures(_compared(results, few))["twitter2017"]
    assert _labels(compared.drawing) == [f"{one.a} − {one.b}" for one in few]
    assert "table only" not in compared.note


def _compared(results: Results, pairs: Sequence[Pair], **held: Any) -> Results:
    """The same results with other comparisons on every data set."""
    datasets = {
        name: replace(one, comparisons=tuple(pairs), **held) for name, one in results.statistics.datasets.items()
    }
    return replace(results, statistics=replace(results.statistics, datasets=datasets))


def _untested(one: Pair) -> UntestedPair:
    return UntestedPair(one.a, one.b, one.records, "no gold tags")


def test_pairs_are_drawn_one_by_one_as_long_as_they_are_few_and_were_tested(results: Results) -> None:
    pairs = results.statistics.datasets["twitter2017"].comparisons
    untested = [_untested(one) for one in pairs]
    few = [*pairs[:MOST_PAIRS], *untested[MOST_PAIRS:]]
    _, compared = statistics_figures(_compared(results, few))["twitter2017"]
    assert len(_labels(compared.drawing)) == MOST_PAIRS
    many = [*untested[:1], *pairs[1:]]
    dropped = f"{pairs[0].a} − {pairs[0].b}"
    _, compared = statistics_figures(_compared(results, many))["twitter2017"]
    assert dropped not in _labels(compared.drawing)
    assert f"of {len(pairs) - 1} pairs are drawn" in compared.note
    (reliance,) = statistics_figures(_compared(results, untested))["twitter2017"]
    assert reliance.title.startswith("Image reliance")
    assert statistics_figures(_compared(results, [], image_sensitivity=())) == dict.fromkeys(DATASETS, ())


def test_a_pair_that_was_not_tested_is_no_gain_over_text(results: Results) -> None:
    pairs = [
        _untested(one) if {one.a, one.b} == {"umt", "bilstm-crf"} else one
        for one in results.statistics.datasets["twitter2017"].comparisons
    ]
    _, compared = statistics_figures(_compared(results, pairs))["twitter2017"]
    assert len(_labels(compared.drawing)) == 3
    assert "umt − bilstm-crf" not in _labels(compared.drawing)


def test_each_probe_has_its_colour_its_number_and_room_on_the_axis(results: Results) -> None:
    for dataset, (figure, _) in statistics_figures(results).items():
        drawn = Drawing(figure.drawing)
        assert drawn.root.attrib["aria-label"] == f"image reliance on {dataset}"
        assert [text for text, *_ in drawn.texts("head")] == list(PROBES.values())
        entries = results.statistics.datasets[dataset].image_sensitivity
        for place, view in enumerate(PROBES):
            wanted = [
                f"{with_minus(format(one.views[view].difference, '+.2f'))} "
                for one in entries
                if view in one.views
            ]
            titles = [one["title"] for one in drawn.shapes("circle", f"series{place}") if one["title"]]
            assert [title.startswith(number) for title, number in zip(titles, wanted, strict=True)] == [
                True
            ] * len(wanted)
        assert [text for text, *_ in drawn.texts("label")] == [one.system for one in entries]
        width, _ = drawn.size()
        ends = [float(one[key]) for one in drawn.shapes("line", "interval") for key in ("x1", "x2")]
        assert all(0 < end < width - 150 for end in ends), "where the numbers stand"


def test_every_source_of_the_intervals_is_named_once_above_the_figure(results: Results) -> None:
    few, sources = results.statistics.datasets["twitter2017"].comparisons[:3], ("seeds", "sample", "seeds")
    pairs = [replace(one, source=source) for one, source in zip(few, sources, strict=True)]
    _, compared = statistics_figures(_compared(results, pairs))["twitter2017"]
    assert compared.title == "Systems compared, with 95 % interval (sample, seeds)"


def test_data_sets_share_the_axis_of_a_forest(results: Results) -> None:
    def axis(drawing: str) -> dict[str, str]:
        return {text: x for x, text in re.findall(r'<text x="([\d.]+)"[^>]*class="under"[^>]*>([^<]+)<', drawing)}

    drawn = statistics_figures(results)
    for one, other in zip(drawn["twitter2017"], drawn["twitter2015"], strict=True):
        assert axis(one.drawing) == axis(other.drawing)
        assert len(axis(one.drawing)) > 3


def _f1(value: float) -> Cited:
    return Cited(value, ("runs/x/record.json",), (value,))


def test_only_an_order_that_the_test_shows_can_be_turned_round(results: Results) -> None:
    pairs = results.statistics.datasets["twitter2017"].comparisons
    shown = shown_orders(results, "twitter2017")
    assert 0 < len(shown) < len(pairs)
    best, worst = SYSTEMS[0], SYSTEMS[-1]
    assert (best, worst) in shown, "the one ahead comes first"
    standard = {system: _f1(90.0 - place) for place, system in enumerate(SYSTEMS)}
    assert turned_round(shown, standard) == []
    assert turned_round(shown, standard | {worst: _f1(99.0)}) == [pair for pair in shown if pair[1] == worst]
    close = next((one.a, one.b) for one in pairs if (one.a, one.b) not in shown)
    assert close not in turned_round(shown, standard | {close[1]: _f1(99.0)})


def test_without_a_shown_order_the_lenses_say_that_ranks_mean_nothing(results: Results) -> None:
    alike = _compared(results, [])
    said = "No pair differs significantly (Holm), so changes of rank mean nothing."
    assert figure_by_scorer(alike, "twitter2017").note.endswith(said)


def test_an_order_needs_a_difference_that_holds_after_adjustment_and_falls_only_below(results: Results) -> None:
    pairs = [
        {"a": "a", "b": "b", "difference": 1.0, "p": 0.001, "holm": 0.05},
        {"a": "a", "b": "c", "difference": -1.0, "p": 0.001, "holm": 0.001},
        {"a": "a", "b": "d", "difference": 1.0, "p": 0.001, "holm": 0.051},
        {"a": "a", "b": "e", "difference": 0.0, "p": 0.001, "holm": 0.001},
    ]
    tested = [filled(TestedPair, {name: value for name, value in one.items() if name != "p"}) for one in pairs]
    pairs = [*tested, UntestedPair("a", "f", (), "no gold tags")]
    assert shown_orders(_compared(results, pairs), "twitter2017") == [("a", "b"), ("c", "a")]
    assert turned_round([("a", "b")], {"a": _f1(70.0), "b": _f1(70.0)}) == []
    assert turned_round([("a", "b")], {"a": _f1(70.0), "b": State("does not apply")}) == []


def test_without_runs_there_are_no_lenses_and_without_an_order_none_to_turn(results: Results) -> None:
    assert figure_by_scorer(results, "elsewhere") is None
    note = figure_by_scorer(_compared(results, []), "twitter2017").note
    assert note.endswith("so changes of rank mean nothing.")


def test_the_note_of_the_lenses_counts_what_is_marked(results: Results) -> None:
    figure = figure_by_scorer(results, "twitter2017")
    assert f"Of the {len(shown_orders(results, 'twitter2017'))} orders" in figure.note
    assert "no scorer turns one round" in figure.note
    assert "▲" not in figure.drawing
    assert "▼" not in figure.drawing
    cells = re.findall(r'width="([\d.]+)"[^>]*class="cell"', figure.drawing)
    below = re.findall(r'class="(?:under|moved)"[^>]*>([^<]*#[^<]*)<', figure.drawing)
    assert len(below) == len(cells) > 0
    assert all(6 * len(text) < float(width) for text, width in zip(below, cells, strict=True)), "they fit"


def _with_entry(results: Results, system: str, scorer: str, entry: Rescored) -> RescoredResults:
    """The runs of a system on Twitter-2017 with other scores of their test tags under one scorer."""

    def put(rescored: dict[str, Any]) -> None:
        for run in rescored["runs"]:
            if (run["dataset"], run["system"]) == ("twitter2017", system):
                run["copies"][run["data_copy"]][OWN][scorer] = as_json(entry)

    return changed(results.rescored, put)


def test_a_turned_order_is_marked_in_both_rows_and_counted(results: Results) -> None:
    """One lens scores the worst row far above all others; every shown order with it is turned there."""
    last, lens = SYSTEMS[-1], "umt"
    better = replace(results, rescored=_with_entry(results, last, lens, Rescored(f1=99.0)))
    figure = figure_by_scorer(better, "twitter2017")
    beaten = [ahead for ahead, behind in shown_orders(better, "twitter2017") if behind == last]
    assert f"{len(beaten)} turned round under UMT" in figure.note
    assert figure.note.count("turned round") == 1
    shift = 99.0 - under(results, "twitter2017", last, results.rescored.standard).value
    assert figure.drawing.count(f">+{shift:.2f} · #1 ▲{len(beaten)}<") == 1
    assert f"(+{shift:.2f}" in figure.drawing
    against = replace(better, rescored=replace(better.rescored, standard=lens))
    assert f">−{shift:.2f} · #" in figure_by_scorer(against, "twitter2017").drawing, (
        "the standard is the one that is named"
    )
    assert figure.drawing.count(" ▼1<") == len(beaten)


def test_a_lens_is_named_shortly_and_one_that_cannot_score_a_run_leaves_its_cell_empty(results: Results) -> None:
    entry = Rescored(state="no subwords")
    unscored = replace(results, rescored=_with_entry(results, "umt", results.rescored.standard, entry))
    assert under(unscored, "twitter2017", "umt", results.rescored.standard) == State(
        "does not apply", "no subwords"
    )
    assert tables_by_scorer(unscored, "twitter2017")[0].notes[1:] == ("does not apply: no subwords",)
    drawn = Drawing(figure_by_scorer(unscored, "twitter2017").drawing)
    heads = [text for text, *_ in drawn.texts("head")]
    assert len(heads) == len(results.rescored.scorers)
    assert not [text for text in heads if "(standard)" in text or "batches of" in text]
    assert len(drawn.shapes("rect", "void")) == len(heads), (
        "without the standard there is nothing to hold it against"
    )


def test_costs_of_a_data_set_are_of_its_own_runs(results: Results) -> None:
    for dataset in DATASETS:
        ((device, points),) = cost_points(results, dataset).items()
        assert [one.label for one in points] == list(SYSTEMS)
        assert all(
            f"/{dataset}/" in record for one in points for record in (*one.f1.records, *one.minutes.records)
        )
        assert [row.id for row in cost_table(results, dataset).rows] == [f"{name}@{device}" for name in SYSTEMS]


def _points(count: int) -> list[CostPoint]:
    """Many systems of nearly the same cost and F1, some of which nothing cheaper beats."""
    made = []
    for place in range(count):
        record = (f"runs/{place}/record.json",)
        minutes, f1 = 1.0 + 0.05 * place, 70.0 + 0.1 * (place % 7) + 0.001 * place
        made.append(CostPoint(f"system-{place}", Cited(minutes, record, (minutes,)), Cited(f1, record, (f1,))))
    return made


@pytest.mark.parametrize("count", [3, MOST_NAMES, 29])
def test_names_of_the_cost_chart_are_whole_and_cover_no_other(count: int) -> None:
    points = _points(count)
    drawing = str(cost_chart("cost", points))
    named = re.findall(r'<text x="([\d.-]+)" y="([\d.-]+)" class="label"[^>]*>([^<]+)<', drawing)
    wanted = points if count <= MOST_NAMES else frontier(points)
    assert {name for _, _, name in named} == {point.label for point in wanted}
    width, height = map(float, re.search(r'viewBox="0 0 (\d+) (\d+)"', drawing).groups())
    places = [(float(x), float(y), 6.0 * len(name)) for x, y, name in named]
    assert all(x >= 0 and x + wide <= width and 10 <= y <= height for x, y, wide in places)
    for i, (x, y, wide) in enumerate(places):
        assert not any(abs(y - v) < 12 and x < u + other and u < x + wide for u, v, other in places[i + 1 :]), (
            "no name covers another"
        )
    assert all(point.hover().split(":")[0] in drawing for point in points), "pointing at a dot names it"


def test_minus_signs_stand_before_numbers_and_nowhere_else() -> None:
    assert with_minus("gain -2.17, [-3, +1]") == "gain −2.17, [−3, +1]"
    for text in ("ita-all-cva", "2026-11-22", "glove-6b-50d", "runs/x/-1", "twitter2017-rgcn"):
        assert with_minus(text) == text


def test_figures_that_are_too_many_are_folded_and_a_table_stands_open_in_their_place() -> None:
    figure = Figure("one", "", Markup("<svg/>"))
    assert not Part("twitter2017", (figure,) * MOST_FIGURES, ()).folded
    assert (
        Part("twitter2017", (figure,) * (MOST_FIGURES + 1), ()).folded
        == "Twitter-2017: 9 figures, one a printed row"
    )
