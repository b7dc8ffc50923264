"""Fabricate a folder with many runs, or with many sentences, in which ``mner score`` and ``mner verify`` work.

``PYTHONPATH=tests python -m support.fabricated_load FOLDER --runs 1000 --rows 30 --sentences 700`` writes it.

Dev F1
in every record is what the run's dev tags reach, so that each check of evidence has all of its work to do.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mner.base.files import sha256_of, sha256_of_text
from mner.data.corpus import TYPES, Sentence, write_sentences
from mner.tracking.record import Record
from support.fabricated_runs import record_fields
from support.made_record import with_own_key
from support.profile_settings import settings, write_profile

ROOT = Path(__file__).resolve().parents[2]
DATASET, PROFILE = "twitter2017", "quick"
SHARE_MISSED = 0.2
POOL = 500
"""Distinct sentences; they repeat."""


def make_load(folder: Path, *, runs: int, rows: int, sentences: int, views: tuple[str, ...] = ("own",)) -> None:
    """Write params.yaml, data, the paper's table and ``runs`` finished runs of ``rows`` systems.

    Args:
        folder: Where; what ``mner`` calls the current folder.
        runs: How many runs, spread evenly over the rows as seeds 1, 2, ...
        rows: How many of the systems of params.yaml.
        sentences: In the dev and in the test split.
        views: The test predictions of every run.
    """
    systems = list(settings(PROFILE).systems)[:rows]
    seeds = list(range(1, -(-runs // rows) + 1))
    write_profile(
        folder, PROFILE, lambda raw: raw["active"].update(systems=systems, datasets=[DATASET], seeds=seeds)
    )
    (folder / "reports").mkdir(exist_ok=True)
    shutil.copy(ROOT / "reports" / "paper.yaml", folder / "reports")
    shutil.copytree(ROOT / "reports" / "templates", folder / "reports" / "templates", dirs_exist_ok=True)
    gold = _write_data(folder / "data" / DATASET, sentences)
    inputs = {
        f"data/{DATASET}/corpus/{name}": sha256_of(folder / "data" / DATASET / "corpus" / name)
        for name in ("train.jsonl", "dev.jsonl", "test.blind.jsonl")
    }
    places = [(system, seed) for seed in seeds for system in systems][:runs]
    for number, (system, seed) in enumerate(places):
        _write_run(folder, gold, inputs, system, seed, views, number)


def _write_data(folder: Path, sentences: int) -> list[list[str]]:
    made = [sentence for _, sentence in zip(range(sentences), _sentences(), strict=False)]
    for name, held in (("train", made[:POOL]), ("dev", made), ("test.blind", [one.blind() for one in made])):
        write_sentences(folder / "corpus" / f"{name}.jsonl", held)
    write_sentences(folder / "gold" / "test.jsonl", made)
    return [list(one.tags or ()) for one in made]


def _sentences() -> Iterator[Sentence]:
    """Each holds two entities of two words, and seven to sixteen words."""
    index = 0
    while True:
        kinds = TYPES[index % 4], TYPES[index // 4 % 4]
        tags = (
            "O",
            f"B-{kinds[0]}",
            f"I-{kinds[0]}",
            "O",
            f"B-{kinds[1]}",
            f"I-{kinds[1]}",
            "O",
            *["O"] * (index % 10),
        )
        yield Sentence(
            index, f"image{index}", tuple(f"w{(index + place) % POOL}" for place in range(len(tags))), tags
        )
        index += 1


def _write_run(
    folder: Path,
    gold: list[list[str]],
    inputs: dict[str, str],
    system: str,
    seed: int,
    views: tuple[str, ...],
    number: int,
) -> None:
    place = folder / "runs" / PROFILE / DATASET / system / str(seed)
    place.mkdir(parents=True)
    right = [json.dumps(row) for row in gold]
    wrong = [json.dumps(["O"] * len(row)) for row in gold]
    missed = round(SHARE_MISSED * len(gold)) + number % 7
    hashes = {}
    for name in ("dev.own", *(f"test.{view}" for view in views)):
        lines = list(right)
        for index in random.Random(f"{number} {name}").sample(range(len(gold)), missed):
            lines[index] = wrong[index]
        text = "\n".join(lines) + "\n"
        (place / f"{name}.jsonl").write_text(text, encoding="utf-8")
        hashes[name] = sha256_of_text(text)
    found = len(gold) - missed
    fields: dict[str, Any] = record_fields(PROFILE, DATASET, system, seed, hashes)
    fields |= {"inputs": inputs, "dev_f1": [1.0, 100 * 2 * found / (found + len(gold))]}
    with_own_key(Record(**fields)).sealed({}).write(place / "record.json")


def main() -> None:
    """Write the folder that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=30)
    parser.add_argument("--sentences", type=int, default=700)
    parser.add_argument("--views", nargs="*", default=["own"])
    options = parser.parse_args()
    options.folder.mkdir(parents=True)
    size = {"runs": options.runs, "rows": options.rows, "sentences": options.sentences}
    make_load(options.folder, **size, views=tuple(options.views))


if __name__ == "__main__":
    main()
