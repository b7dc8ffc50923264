"""The profiles of the package: composed from small files, and written to params.yaml.

A file of ``files/`` names in ``defaults`` what it builds on, in Hydra's notation, of which two forms are read
here: ``_self_`` and ``/FILE``. So DVC composes the same (``dvc exp run -S profile=NAME``).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mner.base.files import write_text_atomically
from mner.config.strict import EachKeyOnce, known

FILES = Path(__file__).with_name("files")
NO_PROFILE = "active"
"""A file among the profiles that stands for params.yaml as it is (``dvc exp run`` without a profile)."""
LINE = 110
FIRST = ("name", "note", "datasets", "systems", "seeds", "encoder")
"""What a reader of params.yaml looks for first in its profile."""
HEADER = """\
# The active profile: what is run, and the recipe of all its rows. `mner profile NAME` writes another one here.
# The sections below `active` change what the package declares (mner/config/files); `systems` also adds rows.
"""


@functools.cache
def names() -> tuple[str, ...]:
    """Every profile of the package, in alphabetical order."""
    return tuple(sorted(path.stem for path in (FILES / "profile").glob("*.yaml") if path.stem != NO_PROFILE))


def declared(file: str) -> dict[str, Any]:
    """Content of one file of the package, such as ``systems``."""
    return yaml.load((FILES / f"{file}.yaml").read_text(encoding="utf-8"), EachKeyOnce)


def composed(name: str) -> dict[str, Any]:
    """What params.yaml holds when a profile is active and nothing else was changed.

    Raises:
        ConfigError: no such profile; the message names the nearest.
    """
    known(name, names(), "profiles")
    whole = _composed(f"profile/{name}")
    active = whole["active"]
    return {**whole, "active": {**{key: active[key] for key in FIRST if key in active}, **active}}


def _composed(file: str) -> dict[str, Any]:
    content = declared(file)
    whole: dict[str, Any] = {}
    for part in content.pop("defaults", ["_self_"]):
        whole = merged(whole, content if part == "_self_" else _composed(part.removeprefix("/")))
    return whole


def merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with the entries of ``change``; mappings within are merged too."""
    whole = dict(base)
    for key, value in change.items():
        below = whole.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = merged(below, value)
        whole[key] = value
    return whole


def switched(raw: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The content of params.yaml with another profile: its recipe and cells are replaced, its sections kept."""
    profile = composed(name)
    return {**profile, **{key: value for key, value in raw.items() if key not in ("recipe", "active")}}


def is_as_declared(raw: Any) -> bool:
    """Whether recipe and cells are those of the package's profile of that name."""
    active = raw.get("active") if isinstance(raw, Mapping) else None
    name = active.get("name") if isinstance(active, Mapping) else None
    if name not in names():
        return False
    profile = composed(name)
    return all(raw.get(key) == profile[key] for key in ("recipe", "active"))


def write(path: Path, raw: Mapping[str, Any]) -> bool:
    """Write params.yaml; returns whether the file had to change."""
    text = rendered(raw)
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    write_text_atomically(path, text)
    return True


def rendered(raw: Mapping[str, Any]) -> str:
    """params.yaml as text: the active profile, its recipe, then the sections."""
    order = [key for key in ("active", "recipe") if key in raw]
    order += [key for key in raw if key not in order]
    return HEADER + "\n" + "".join(_block(key, raw[key], 0) for key in order)


def _block(key: str, value: Any, depth: int) -> str:
    """One entry: on one line where it fits, else a line for each of its own entries."""
    pad = "  " * depth
    line = f"{pad}{_flow(key)}: {_flow(value)}\n"
    if isinstance(value, list) and len(line) > LINE:
        return f"{pad}{_flow(key)}:\n" + "".join(f"{pad}  - {_flow(item)}\n" for item in value)
    if isinstance(value, Mapping) and value and (depth == 0 or len(line) > LINE):
        return f"{pad}{_flow(key)}:\n" + "".join(_block(*entry, depth + 1) for entry in value.items())
    return line


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), sort_keys=False, allow_unicode=True)
    return text.removesuffix("...\n").strip()
