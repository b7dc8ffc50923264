"""A data set of your own as params.yaml describes it (``datasets``), and what follows in other sections."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

SOURCE = "own"
"""Name of a data set's own captions in ``data.captions``."""
FILES = ("train", "dev", "test", "captions")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDataset:
    """Files of a data set of your own; paths are relative to the folder of params.yaml, or absolute.

    ``train``, ``dev`` and ``test`` are CoNLL files, ``images`` is a folder of pictures ``<image id>.jpg``, and
    ``captions`` a file of captions by image id; the last two may be absent. ``columns`` names the columns of the
    CoNLL files where they are not word and tag, ``scheme`` the scheme of the tags where the tags do not tell it.
    ``sha256`` pins files: by ``train``, ``dev``, ``test`` or ``captions``.
    """

    train: str
    dev: str
    test: str
    images: str | None = None
    captions: str | None = None
    columns: tuple[str, ...] = ()
    scheme: str | None = None
    sha256: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.sha256.items():
            if name not in FILES or getattr(self, name) is None:
                raise ValueError(f"sha256 has {name!r}; it pins files of this entry: {', '.join(FILES)}")
            if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]{64}", value):
                raise ValueError(f"sha256.{name} is {value!r}; expected 64 hexadecimal digits")

    def file(self, name: str, root: Path) -> Path | None:
        """Path of ``train``, ``dev``, ``test``, ``captions`` or ``images``, or None where the entry has none."""
        value = getattr(self, name)
        return None if value is None else root / value

    def entry(self) -> dict[str, Any]:
        """The entry of params.yaml, without what is absent."""
        held = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in held.items() if value}


def with_own(sections: Mapping[str, Any]) -> dict[str, Any]:
    """Add the data sets of ``datasets`` to the sections that are by data set.

    Captions are the set's own or none, there are no objects and no published lists, and graphs are rebuilt. What
    params.yaml says of a data set in those sections stays.
    """
    own = sections.get("datasets", {})
    if not isinstance(own, Mapping) or not own:
        return dict(sections)
    data, relations = dict(sections["data"]), dict(sections["relations"])
    data["captions"] = {name: _captions(entry) for name, entry in own.items()} | dict(data["captions"])
    data["objects"] = dict.fromkeys(own) | dict(data["objects"])
    relations["kind"] = dict.fromkeys(own, "rebuilt") | dict(relations["kind"])
    return {**sections, "data": data, "relations": relations}


def _captions(entry: Any) -> str | None:
    return SOURCE if isinstance(entry, Mapping) and entry.get("captions") else None
