"""Generated tweets and pictures in the forms of the public files: what data preparation reads, without them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from mner.data.corpus import Sentence
from mner.data.prepare import prepare
from mner.data.sources import DATASETS, SourceFile
from support import tiny

SIZES = {"train": 60, "dev": 20, "test": 66}
"""One batch of dev for selection by 16, one of test for scoring by 64."""
LISTED = 10
THINGS = ("person", "dog", "car", "chair", "hot dog")


def sentences(split: str) -> tuple[Sentence, ...]:
    """Tagged sentences of one split; pictures are named by split and number."""
    return tiny.sentences(SIZES[split], split)


def write_pictures(folder: Path) -> None:
    """Draw a picture of noise for every tweet, each of another shape and brightness."""
    folder.mkdir(parents=True)
    for number, image in enumerate(_images()):
        shape = (60 + number % 7, 70 + number % 5, 3)
        pixels = np.random.default_rng(number).integers(0, 100 + number, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{image}.jpg")


def write_data(root: Path, sources: Path, pictures: Path) -> None:
    """Prepare both public data sets below ``root`` from generated files in ``sources``."""
    for dataset in DATASETS:
        prepare(dataset, root / "data" / dataset, fetched(sources / dataset), images=pictures)


def fetched(folder: Path) -> Callable[[SourceFile], Path]:
    """What gives the path of a source's file, written when it is asked for."""

    def fetch(source: SourceFile) -> Path:
        path = folder / source.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if source.copy == "knowledge":
            _write_knowledge(path)
        else:
            path.write_text(_text(source), encoding="utf-8")
        return path

    return fetch


def _images() -> Iterator[str]:
    for split in SIZES:
        yield from (sentence.image for sentence in sentences(split))


def _text(source: SourceFile) -> str:
    split = source.split or ""
    match source.role, source.copy:
        case "sentences", _:
            return "\n".join(_conll(sentence) for sentence in sentences(split))
        case "retrieval", _:  # the published lists of Twitter-2015 lack the last sentence of each split
            listed = sentences(split)[: -1 if source.dataset == "twitter2015" else None]
            return "".join(map(_record, listed))
        case "captions", "catr":
            return json.dumps({f"{image}.jpg": f"A picture called {image}." for image in _images()})
        case "captions", _:
            return "".join(f"{image}.jpg :a picture called {image}\n" for image in _images())
        case "objects", _:
            return "".join(f"{image}.jpg {THINGS[n % 5]} {THINGS[n % 3]} \n" for n, image in enumerate(_images()))
        case "strength", _:
            return "".join(f"{image}.jpg\t0.5\n" for image in _images())
        case "words", "faces":
            return json.dumps({f"{image}.jpg": "one person" for image in _images()})
        case "words", "owl":
            images = [sentence.image for sentence in sentences(split)] if split else list(_images())
            return "".join(f"imgid:{image}###a picture\n" for image in images)
        case "words", _:
            named = ({"image_name": f"{image}.jpg", "description": "It shows noise."} for image in _images())
            return "".join(json.dumps(one) + "\n" for one in named)
        case other:
            raise ValueError(f"no generated file has the role {other}")


def _tags(sentence: Sentence) -> list[str]:
    return [tag.replace("MISC", "OTHER") for tag in sentence.tags]


def _conll(sentence: Sentence) -> str:
    pairs = zip(sentence.words, _tags(sentence), strict=True)
    return "".join([f"IMGID:{sentence.image}\n", *(f"{word}\t{tag}\n" for word, tag in pairs)])


def _record(sentence: Sentence) -> str:
    """Seven lines: words, tags, picture, and two lists of ten pictures of the training split with their scores."""
    lists = []
    for step in (1, 7):
        scores = " ".join(f"{0.9 - place / 20:.2f}" for place in range(LISTED))
        images = [f"train{(sentence.index + step * (place + 1)) % SIZES['train']}.jpg" for place in range(LISTED)]
        lists += [scores, " ".join(images)]
    return "\n".join([" ".join(sentence.words), " ".join(_tags(sentence)), f"{sentence.image}.jpg", *lists, ""])


def _write_knowledge(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for split in SIZES:
            parts = []
            for sentence in sentences(split):
                pairs = zip(sentence.words, _tags(sentence), strict=True)
                parts += [*(f"{word}\t{tag}\n" for word, tag in pairs), "<EOS>\tX\nAn\tX\nidea\tX\n\n"]
            archive.writestr(f"{'valid' if split == 'dev' else split}.txt", "".join(parts))
