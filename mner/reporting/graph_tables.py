"""Relation graphs as Markdown tables: their agreement, and whether an encoder made the published lists."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mner.base.files import read_json
from mner.base.hardware import cpu_threads, device_of
from mner.base.terminal import markdown_table
from mner.config import Config
from mner.data.corpus import read_corpus
from mner.graphs.graph_agreement import Agreement, Comparison, Hubness
from mner.graphs.list_identification import EXACT, NEAR, Identified, identify, layer_means
from mner.graphs.published_lists import published_facts
from mner.models.encoders import TextEncoder, pretrained_model, tokenizer_of

SIDE = ("retrieval", "captions", "objects")
PUBLISHED_NOTE = (
    "A class is a set of pictures joined by scores of exactly 1; its size counts tweets' own pictures. No count "
    "here needs an encoder or a detector."
)

AGREEMENT_NOTE = (
    "overlap: pictures shared by the first k places, of k; chance: of two random lists; exchanged: with another "
    "sentence's list of B, what common hubs alone explain; excess: overlap − exchanged in standard deviations of "
    "the latter; first: share of lists with the same first picture; ρ: Spearman's correlation of mean scores."
)
HUBNESS_NOTE = (
    "top: share of lists that hold the most frequent picture; top 100: share of places held by the hundred most "
    "frequent; test: share of places held by pictures of the test split, over all and over training sentences."
)


def tables(comparison: Comparison) -> str:
    """Both tables of a comparison, at all its places."""
    pairs = [(label, relation, found[-1]) for (label, relation), found in comparison.agreements.items()]
    spread = [(name, relation, found) for (name, relation), found in comparison.hubness.items()]
    name = comparison.dataset
    return agreement_table(f"{name}: agreement", pairs) + "\n" + hubness_table(f"{name}: hubness", spread)


def published_table(dataset: str, folder: Path) -> str:
    """What the published lists in data/<dataset> tell of how they were made."""
    side = {name: read_json(folder / "side" / f"{name}.json") for name in SIDE}
    labels = next(iter(side["objects"].values()), None)
    corpus = read_corpus(folder / "corpus", dataset)
    facts = published_facts(corpus, side["retrieval"], side["captions"], labels)
    body = [[fact.what, fact.value] for fact in facts]
    return markdown(f"{dataset}: published lists", ["what", "count"], body, words=2, note=PUBLISHED_NOTE)


def agreement_table(title: str, rows: Sequence[tuple[str, str, Agreement]]) -> str:
    """Markdown; one row a pair of graphs and relation (label, relation, agreement)."""
    header = ["A against B", "relation", "lists", "k", "overlap", "chance", "exchanged", "excess", "first", "ρ"]
    body = [
        [
            label,
            relation,
            str(one.lists),
            str(one.k),
            f"{one.overlap:.3f}",
            f"{one.chance:.3f}",
            f"{one.exchanged:.3f}",
            f"{one.excess:+.1f} s.d.",
            f"{100 * one.first:.1f} %",
            "–" if one.scores is None else f"{one.scores:+.2f}",
        ]
        for label, relation, one in rows
    ]
    return markdown(title, header, body, words=2, note=AGREEMENT_NOTE)


def hubness_table(title: str, rows: Sequence[tuple[str, str, Hubness]]) -> str:
    """Markdown; one row a graph and relation."""
    header = ["graph", "relation", "lists", "places", "distinct", "top", "top 100", "test", "test in train"]
    body = [
        [
            label,
            relation,
            str(one.lists),
            str(one.places),
            str(one.distinct),
            *(f"{100 * share:.1f} %" for share in (one.top, one.top_hundred, one.test, one.test_in_train)),
        ]
        for label, relation, one in rows
    ]
    return markdown(title, header, body, words=2, note=HUBNESS_NOTE)


def markdown(
    title: str, header: Sequence[str], body: Sequence[Sequence[str]], *, words: int, note: str = ""
) -> str:
    """A table aligned in the source; the first ``words`` columns are flush left, numbers flush right."""
    lines = [f"### {title}", "", *markdown_table(header, body, range(words, len(header)))]
    return "\n".join([*lines, "", note]) + "\n"


def figure(comparison: Comparison) -> str:
    """An SVG of two panels: overlap by number of places, and hubness curves. The same input gives the same bytes.

    A hubness curve is the share of all places that the n most frequent pictures hold.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "mner", "svg.fonttype": "none", "font.size": 9}):
        drawing = Figure(figsize=(9.5, 3.6), layout="constrained")
        left, right = drawing.subplots(1, 2)
        for (label, relation), found in comparison.agreements.items():
            ks = [one.k for one in found]
            shares = [one.overlap / one.k for one in found]
            (drawn,) = left.plot(ks, shares, marker="o", markersize=3, label=f"{relation}: {label}")
            by_chance = [one.exchanged / one.k for one in found]
            left.plot(ks, by_chance, linestyle=":", linewidth=1, color=drawn.get_color())
        left.set(xlabel="first k places", ylabel="share in common (dotted: exchanged)", ylim=(0, None))
        left.xaxis.get_major_locator().set_params(integer=True)
        for (name, relation), spread in comparison.hubness.items():
            held = np.cumsum(spread.held) / max(1, spread.places)
            right.plot(range(1, len(held) + 1), held, label=f"{relation}: {name}")
        right.set(xscale="log", xlabel="n most frequent pictures", ylabel="share of all places", ylim=(0, 1))
        for panel in (left, right):
            panel.legend(frameon=False, fontsize=6, loc="upper left")
        drawing.suptitle(comparison.dataset)
        out = io.StringIO()
        drawing.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


NOTE = (
    f"exact, near: lists whose ten scores some tweet reproduces within {EXACT:g} and {NEAR:g}; own: near ones "
    "whose tweet is the own; deviation: median over lists of the largest difference of scores, of the best tweet "
    "and of the own one; overlap: pictures of a list among as many nearest to its own tweet."
)


def identified(config: Config, dataset: str, encoder: str, root: Path = Path()) -> str:
    """Embed tweets and captions of a data set and hold its published lists against them."""
    folder = root / "data" / dataset
    source = config.encoders[encoder]
    device = device_of()
    model, tokenizer = TextEncoder(pretrained_model(source)), tokenizer_of(source)
    with cpu_threads(config.recipe["threads"]):
        found = identify(
            read_corpus(folder / "corpus", dataset),
            read_json(folder / "side" / "retrieval.json"),
            read_json(folder / "side" / "captions.json"),
            lambda texts, desc: layer_means(
                texts, model, tokenizer, batch_size=config.features.batch_size, device=device, desc=desc
            ),
        )
    return identify_table(f"{dataset}: published lists and encoder {encoder}", found)


def identify_table(title: str, rows: list[Identified]) -> str:
    """One row a source of captions and layer."""
    header = ["captions", "layer", "lists", "exact", "near", "own", "deviation", "of own", "overlap", "says"]
    body = [
        [
            *(one.captions, one.layer),
            *(str(count) for count in (one.lists, one.exact, one.near, one.own)),
            *(f"{one.deviation:.4f}", f"{one.own_deviation:.4f}", f"{one.overlap:.2f}", one.says),
        ]
        for one in rows
    ]
    return markdown(title, header, body, words=2, note=NOTE)
