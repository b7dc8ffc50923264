"""Compare two relation graphs of a data set, or say how the published one relates to every rebuilt one."""

from __future__ import annotations

import argparse
from pathlib import Path

from mner.base.escaping import show
from mner.cli import settings
from mner.cli.argument_types import positive
from mner.config.names import require_dataset

GROUP, EXAMPLE = "data", "mner graphs twitter2015 --published"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset")
    parser.add_argument(
        "graphs",
        nargs="*",
        metavar="GRAPH",
        help="two of: a name in graphs/<dataset>/, or what one is made of, such as rebuilt+captions-catr; "
        "default: released against every way to rebuild it",
    )
    parser.add_argument("--k", type=positive, default=5, help="places compared (default 5, those R-GCN reads)")
    parser.add_argument(
        "--published",
        action="store_true",
        help="say what the published lists tell of how they were made, and stop",
    )
    parser.add_argument(
        "--identify",
        metavar="ENCODER",
        help="say whether an encoder of params.yaml made the published text-to-picture lists, and stop",
    )
    parser.add_argument("--to", type=Path, help="folder for the tables and the figure; default: print the tables")


def run(options: argparse.Namespace) -> None:
    from mner.base.files import write_text_atomically
    from mner.base.terminal import with_notes_wrapped
    from mner.config import Places
    from mner.config.strict import known
    from mner.graphs.graph_agreement import compare_graphs
    from mner.graphs.graph_building import opener
    from mner.graphs.relations import GraphError
    from mner.reporting.graph_tables import figure, identified, published_table, tables

    config = settings()
    require_dataset(options.dataset, config)
    if not (lists := Path("data") / options.dataset / "side" / "retrieval.json").is_file():
        raise GraphError(f"{lists} is missing; run `dvc repro data@{options.dataset}` first")
    if options.published:
        show(with_notes_wrapped(published_table(options.dataset, Path("data") / options.dataset)))
        return
    if options.identify is not None:
        known(options.identify, config.encoders, "mner graphs --identify")
        print(with_notes_wrapped(identified(config, options.dataset, options.identify)))
        return
    pictures = opener(Path("data") / options.dataset / "side", Places.from_environment().images)
    compared = compare_graphs(config, options.dataset, Path(), options.graphs, options.k, pictures)
    text = tables(compared)
    show(with_notes_wrapped(text))
    if options.to is not None:
        name = f"graphs-{options.dataset}"
        write_text_atomically(options.to / f"{name}.md", text)
        write_text_atomically(options.to / f"{name}.svg", figure(compared))
        show(f"\nwritten: {options.to / name}.md and .svg")
