"""Write a small data set of your own to a folder: ``python docs/your_data_example.py my-files``.

Everything is invented and drawn here: sentences with three types of entities, pictures of most, captions.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

from PIL import Image, ImageDraw

SIZES = {"train": 60, "dev": 20, "test": 20}
NAMES = {
    "athlete": ("Ada Brook", "Ben", "Cleo Marsh", "Dov"),
    "team": ("Falcons", "River Wolves", "Comets"),
    "city": ("Oslo", "New Haven", "Lima", "Turin"),
}
TEMPLATES = (
    (("athlete", "joins", "team", "in", "city"), "a player with a ball"),
    (("team", "play", "in", "city", "tonight"), "a stadium with lights"),
    (("rain", "in", "city", "again"), "a wet street"),
    (("athlete", "scores", "twice", "!"), "a person who runs"),
    (("no", "news", "today"), "an empty room"),
)


def main(folder: Path) -> None:
    """Write ``train.txt``, ``dev.txt``, ``test.txt``, ``images/`` and ``captions.json`` below ``folder``."""
    rng = random.Random(1)
    (folder / "images").mkdir(parents=True, exist_ok=True)
    captions = {}
    for split, size in SIZES.items():
        lines: list[str] = []
        for number in range(size):
            image, (template, caption) = f"{split}{number:03d}", rng.choice(TEMPLATES)
            lines += [f"IMGID:{image}", *_tagged(template, rng), ""]
            if number % 7 == 6:
                continue  # this tweet has lost its picture
            captions[image] = caption
            _draw(folder / "images" / f"{image}.png", rng)
        (folder / f"{split}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "captions.json").write_text(json.dumps(captions, indent=1), encoding="utf-8")


def _tagged(template: tuple[str, ...], rng: random.Random) -> list[str]:
    lines = []
    for part in template:
        words = rng.choice(NAMES[part]).split() if part in NAMES else [part]
        for place, word in enumerate(words):
            tag = f"{'I' if place else 'B'}-{part}" if part in NAMES else "O"
            lines.append(f"{word}\t{tag}")
    return lines


def _draw(path: Path, rng: random.Random) -> None:
    picture = Image.new("RGB", (48, 48), rng.choice(("navy", "darkgreen", "maroon")))
    ImageDraw.Draw(picture).ellipse((8, 8, 40, 40), fill=rng.choice(("gold", "white", "orange")))
    picture.save(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
