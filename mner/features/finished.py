"""Names of an extraction's results, whether one stands already, and the findings written beside it."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mner.data.picture_file import Refusal
from mner.features.store import FeatureError, read_store
from mner.files import sha256_of, write_json_atomically

REGION_KINDS: tuple[str, ...] = ("grid", "crops")


def result_path(folder: Path, kind: str) -> Path:
    """Where a kind's result lies: a feature store for region kinds, one JSON file for the others."""
    return folder / f"{kind}{'.safetensors' if kind in REGION_KINDS else '.json'}"


def findings_path(folder: Path, kind: str) -> Path:
    """Where the masked pictures of a kind are listed."""
    return folder / f"{kind}.findings.json"


def stands(folder: Path, kind: str, identity_sha256: str) -> bool:
    """Whether the result and its findings are there, as written, and made as ``identity_sha256`` says.

    A result that was changed since is announced.
    """
    path = result_path(folder, kind)
    if not path.is_file():
        return False
    try:
        provenance = (
            read_store(path).provenance
            if kind in REGION_KINDS
            else json.loads(path.read_text(encoding="utf-8"))["provenance"]
        )
        read_refused(folder, kind)
        if provenance["identity_sha256"] != identity_sha256:
            return False
        recorded = json.loads(findings_path(folder, kind).read_text(encoding="utf-8"))["result_sha256"]
    except (FeatureError, OSError, ValueError, KeyError, TypeError):
        return False
    changed = sorted(name for name, sha256 in _hashes(folder, kind).items() if recorded.get(name) != sha256)
    if changed:
        print(f"{folder / changed[0]}: not as it was written; {kind} is extracted again", file=sys.stderr)
    return not changed


def _hashes(folder: Path, kind: str) -> dict[str, str]:
    """SHA-256 of each file of a kind's result, by name."""
    path = result_path(folder, kind)
    return {file.name: sha256_of(file) for file in sorted({path, path.with_suffix(".json")})}


def write_findings(folder: Path, kind: str, wanted: int, refused: Mapping[str, Refusal], *, made: bool) -> None:
    """List every masked picture with kind and sentence, and what files of the result they go with, by hash.

    The result stands only once this was called after it was ``made``.
    """
    findings = [
        {"image": image, "kind": refused[image].kind, "what": refused[image].sentence} for image in sorted(refused)
    ]
    counts = Counter(one["kind"] for one in findings)
    content: dict[str, Any] = {
        "pictures_wanted": wanted,
        "pictures_masked": len(findings),
        "masked_by_kind": dict(sorted(counts.items())),
        "findings": findings,
        "result_sha256": _hashes(folder, kind) if made else {},
    }
    write_json_atomically(findings_path(folder, kind), content)


def read_refused(folder: Path, kind: str) -> dict[str, Refusal]:
    """The masked pictures of a kind by id.

    Raises:
        FeatureError: no findings are there, or not as :func:`write_findings` wrote them.
    """
    path = findings_path(folder, kind)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {one["image"]: Refusal(one["kind"], one["what"]) for one in content["findings"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FeatureError(
            f"{path}: no list of masked pictures ({error}); extract the kind {kind} again"
        ) from error
