"""Names of an extraction's results, whether one stands already, and the findings written beside it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mner.data.picture_file import Refusal
from mner.features.store import FeatureError, read_store
from mner.files import write_json_atomically

REGION_KINDS: tuple[str, ...] = ("grid", "crops")


def result_path(folder: Path, kind: str) -> Path:
    """Where a kind's result lies: a feature store for region kinds, one JSON file for the others."""
    return folder / f"{kind}{'.safetensors' if kind in REGION_KINDS else '.json'}"


def findings_path(folder: Path, kind: str) -> Path:
    """Where the masked pictures of a kind are listed."""
    return folder / f"{kind}.findings.json"


def stands(folder: Path, kind: str, identity_sha256: str) -> bool:
    """Whether the result and its findings are there, whole, and made in the way ``identity_sha256`` names."""
    path = result_path(folder, kind)
    try:
        provenance = (
            read_store(path).provenance
            if kind in REGION_KINDS
            else json.loads(path.read_text(encoding="utf-8"))["provenance"]
        )
        read_refused(folder, kind)
        return provenance["identity_sha256"] == identity_sha256
    except (FeatureError, OSError, ValueError, KeyError, TypeError):
        return False


def write_findings(folder: Path, kind: str, wanted: int, refused: Mapping[str, Refusal]) -> None:
    """List every masked picture with kind and sentence, in order of ids, and how many there are of each kind."""
    findings = [
        {"image": image, "kind": refused[image].kind, "what": refused[image].sentence} for image in sorted(refused)
    ]
    counts = Counter(one["kind"] for one in findings)
    content: dict[str, Any] = {
        "pictures_wanted": wanted,
        "pictures_masked": len(findings),
        "masked_by_kind": dict(sorted(counts.items())),
        "findings": findings,
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
