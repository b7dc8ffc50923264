"""Whether an encoder made the published lists, as a Markdown table."""

from __future__ import annotations

from pathlib import Path

from mner.config import Config
from mner.data.corpus import read_corpus
from mner.devices import device_of
from mner.files import read_json
from mner.graphs.identify import EXACT, NEAR, Identified, identify, layer_means
from mner.models.encoders import TextEncoder, pretrained_model, tokenizer_of
from mner.reporting.graph_tables import markdown
from mner.threads import cpu_threads

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
