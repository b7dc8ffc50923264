"""Batches built ahead are the batches one would build in turn."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch
from support import tiny

from mner.training import batching as prefetch
from mner.training.batching import SplitData, batches_on, one_ahead
from mner.training.experiment import prepare

CPU = torch.device("cpu")


def test_items_come_in_order_and_one_is_made_ahead() -> None:
    made: list[int] = []

    def make(item: int) -> int:
        made.append(item)
        return item * item

    seen, ahead = [], []
    for item, square in one_ahead(range(5), make):
        seen.append((item, square))
        ahead.append(len(made) - len(seen))
    assert seen == [(number, number * number) for number in range(5)]
    assert made == list(range(5))
    assert max(ahead) <= 1


def test_the_maker_works_beside_the_user() -> None:
    used = threading.Event()

    def make(item: int) -> int:
        if item == 1:
            assert used.wait(10), "the second item is made while the first is used"
        return item

    for item, _ in one_ahead([0, 1], make):
        if item == 0:
            used.set()


def test_nothing_gives_nothing_and_an_error_comes_where_its_item_would_have() -> None:
    assert list(one_ahead([], str)) == []
    items = one_ahead([2, 1, 0, 3], lambda item: 1 / item)
    assert [next(items), next(items)] == [(2, 0.5), (1, 1.0)]
    with pytest.raises(ZeroDivisionError):
        next(items)


def test_leaving_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    for item, _ in one_ahead(range(100), str):
        if item == 3:
            break
    assert threading.active_count() == before


def test_batches_for_a_gpu_are_pinned_while_the_last_one_is_used_and_moved_when_it_is_their_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []

    class Made:
        def __init__(self, rows: list[int]) -> None:
            self.rows = rows

        def to(self, device: torch.device) -> str:
            done.append(f"move {self.rows}")
            return f"{self.rows} on {device}"

    def pin(made: Made) -> Made:
        done.append(f"pin {made.rows}")
        return made

    monkeypatch.setattr(prefetch, "pinned", pin)

    class Split(SplitData):
        def __init__(self) -> None:
            object.__setattr__(self, "batch", Made)

    split, order = Split(), [[0, 1], [2]]
    on_gpu = list(batches_on(split, order, torch.device("cuda")))
    assert on_gpu == [([0, 1], "[0, 1] on cuda"), ([2], "[2] on cuda")]
    assert sorted(done) == ["move [0, 1]", "move [2]", "pin [0, 1]", "pin [2]"]
    assert all(done.index(f"pin {rows}") < done.index(f"move {rows}") for rows in order)
    done.clear()
    assert list(batches_on(split, order, CPU)) == [([0, 1], "[0, 1] on cpu"), ([2], "[2] on cpu")]
    assert done == ["move [0, 1]", "move [2]"]


def test_batches_are_those_of_the_split(tmp_path: Path) -> None:
    tiny.make_world(tmp_path)
    split = prepare(tiny.cell_of(tmp_path, "rgcn"), CPU).data.splits["train/own"]
    order = [[0, 3, 5], [1], [2, 4]]
    made = list(batches_on(split, order, CPU))
    assert [rows for rows, _ in made] == order
    for rows, batch in made:
        assert torch.equal(batch.index, split.batch(rows).index)
        assert torch.equal(batch.inter.regions, split.batch(rows).inter.regions)
