"""The regions and options that a profile gives to one row leave the runs of other rows as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import tiny

from mner.tracking.identity import UnknownIdentityError, identity_of
from mner.training.runs import missing_seeds


@pytest.mark.parametrize("change", [{"regions": {"rgcn": "grid"}}, {"options": {"rgcn": {"heads": 2}}}])
def test_other_rows_have_nothing_to_train(world: Path, change: dict[str, Any]) -> None:
    tiny.train(world, "bert-crf")
    before = {system: identity_of(tiny.cell_of(world, system)).key(1) for system in tiny.SYSTEMS}
    tiny.change_parameters(world, lambda raw: raw["active"].update(change))
    others = [system for system in tiny.SYSTEMS if system != "rgcn"]
    for system in others:
        assert identity_of(tiny.cell_of(world, system)).key(1) == before[system]
    trained = tiny.cell_of(world, "bert-crf")
    assert missing_seeds(trained, identity_of(trained)) == []
    changed = tiny.cell_of(world, "rgcn")
    if "regions" in change:
        assert changed.visual_input().startswith("grid:")
        with pytest.raises(
            UnknownIdentityError
        ) as caught:  # its regions are not built yet, nobody else's are asked for
            identity_of(changed)
        assert caught.value.not_built == Path("features/toy/grid.safetensors")
    else:
        assert identity_of(changed).key(1) != before["rgcn"]
