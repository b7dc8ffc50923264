"""Suspected labels as a patch to a gold file: entities to remove and to add, by sentence and word positions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mner.evaluation.spans import Entity, TagError, entities


def patch_entry(suspect: Mapping[str, Any]) -> dict[str, Any]:
    """One suspect of ``errors.json`` as a change: what to ``remove`` and to ``add``, and how sure the runs are."""
    spurious = suspect["kind"] == "spurious label"
    return {
        **{name: suspect[name] for name in ("sentence", "image", "kind", "share", "systems")},
        "remove": [suspect["entity"]] if spurious else list(suspect["gold"]),
        "add": [] if spurious else [suspect["entity"]],
    }


def apply_patch(tags: Sequence[Sequence[str]], changes: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """Gold tags with the changes a reader has accepted.

    Raises:
        TagError: an entity to remove that is not there, or one to add that overlaps another: a patch for another
            copy of the data, or two changes that exclude each other.
    """
    patched = [list(row) for row in tags]
    found = entities(tags)
    for change in changes:
        sentence = change["sentence"]
        if not 0 <= sentence < len(patched):
            raise TagError(f"sentence {sentence}: the file has {len(patched)}; is the patch of another copy?")
        removed = [Entity(**entity) for entity in change["remove"]]
        for entity in removed:
            if entity not in found[sentence] or patched[sentence][entity.first] == "O":
                raise TagError(f"sentence {sentence}: no {entity.kind} at {entity.first}-{entity.last} to remove")
            patched[sentence][entity.first : entity.last + 1] = ["O"] * (entity.last - entity.first + 1)
        for entity in (Entity(**entity) for entity in change["add"]):
            place = slice(entity.first, entity.last + 1)
            if set(patched[sentence][place]) != {"O"} or entity.last >= len(patched[sentence]):
                raise TagError(
                    f"sentence {sentence}: {entity.kind} at {entity.first}-{entity.last} overlaps an entity"
                )
            patched[sentence][place] = [f"B-{entity.kind}", *[f"I-{entity.kind}"] * (entity.last - entity.first)]
    return patched
