"""A patch of suspected labels names entities by position and applies to the gold it was made from alone."""

from __future__ import annotations

import pytest
from support.messages import names

from mner.data.spans import entities
from mner.data.tag_codes import TagError
from mner.evaluation.error_counts import suspect_label
from mner.evaluation.rescoring import apply_patch, patch_entry
from mner.evaluation.run_agreement import suspects

GOLD = [["B-PER", "I-PER", "O", "O"], ["O", "O", "B-LOC", "O"], ["B-ORG", "O", "O", "O"]]
READ = [["O", "O", "O", "O"], ["O", "B-MISC", "I-MISC", "O"], ["B-ORG", "O", "B-PER", "I-PER"]]


def _changes() -> list[dict]:
    found = suspects(GOLD, {"a": [READ, READ], "b": [READ, READ]})
    return [patch_entry(suspect_label(one, f"{one.sentence}.jpg")) for one in found]


def test_a_patch_turns_gold_into_what_the_runs_agree_on() -> None:
    changes = _changes()
    assert {change["kind"] for change in changes} == {"spurious label", "missing label", "other label"}
    assert entities(apply_patch(GOLD, changes)) == entities(READ)
    assert GOLD[0] == ["B-PER", "I-PER", "O", "O"]
    assert not any("word" in name for change in changes for name in change)


def test_a_patch_for_another_copy_is_refused() -> None:
    changes = _changes()
    with pytest.raises(TagError, match=r"sentence 0: no PER at 0-1 to remove"):
        apply_patch([["O"] * 4] * 3, [change for change in changes if change["sentence"] == 0])
    with pytest.raises(TagError, match="sentence 2: PER at 2-3 overlaps"):
        apply_patch([*GOLD[:2], ["B-ORG", "O", "B-PER", "O"]], [c for c in changes if c["sentence"] == 2])
    longer = [change for change in changes if change["sentence"] == 2]
    with pytest.raises(TagError, match="sentence 2: PER at 2-3 overlaps"):
        apply_patch([*GOLD[:2], ["B-ORG", "O", "O"]], longer)
    with pytest.raises(TagError, match=names("1")):
        apply_patch(GOLD[:1], changes)
