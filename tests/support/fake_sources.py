"""Small files of our own in every form of the public sources."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

from mner.data.sources import SourceFile


def fake_sources(folder: Path) -> Callable[[SourceFile], Path]:
    """Small files of our own in every form of Twitter-2015's sources."""
    words = {"train": "alpha", "dev": "beta", "test": "gamma"}
    ten = " ".join(f"{number}.jpg" for number in range(10))
    scores = " ".join(["0.5"] * 10)

    def fetch(source: SourceFile) -> Path:
        word = words.get(source.split or "", "")
        text = {
            "sentences": f"IMGID:{word}1\nin\tO\n{word}\tB-OTHER",
            "retrieval": f"in {word}\nO B-OTHER\n{word}1.jpg\n{scores}\n{ten}\n{scores}\n{ten}\n",
            "captions": '{"alpha1.jpg": "A dog."}' if source.copy == "catr" else "alpha1.jpg :a dog\n",
            "objects": "alpha1.jpg hot dog dog \nbeta1.jpg \n",
            "words": {
                "faces": '{"alpha1.jpg": "one person"}',
                "owl": f"imgid:{word}1###a {word}\n",
                "descriptions": '{"image_name": "alpha1.jpg", "description": "It shows a dog."}\n',
            }.get(source.copy),
            "strength": f"{word}1.jpg\t0.5\n",
        }[source.role]
        path = folder / source.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if source.copy == "knowledge":
            with zipfile.ZipFile(path, "w") as archive:
                for split, word in words.items():
                    name = {"dev": "valid"}.get(split, split)
                    archive.writestr(f"{name}.txt", f"in\tO\n{word}\tB-OTHER\n<EOS>\tX\nAn\tX\n{word}\tX\n\n")
            return path
        path.write_text(text, encoding="utf-8")
        return path

    return fetch
