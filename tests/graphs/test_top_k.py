"""Nearest pictures: exactly what a full stable sort would say, whatever the chunks; FAISS behind the same call."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mner.data.corpus import ABSENT
from mner.graphs.relations import GraphError, Relation
from mner.graphs.top_k import nearest, recall, top_lowest_first


def by_full_sort(queries, keys, own, k, above=-math.inf) -> Relation:
    """The whole similarity matrix, sorted stably: correct by its looks, quadratic in memory."""
    similarity = queries @ keys.T
    similarity[:, keys.abs().sum(-1) == 0] = -torch.inf
    similarity[queries.abs().sum(-1) == 0] = -torch.inf
    for row, mine in enumerate(own.tolist()):
        if mine != ABSENT:
            similarity[row, mine] = -torch.inf
    rows = torch.full((len(queries), k), ABSENT)
    scores = torch.zeros(len(queries), k)
    order = similarity.sort(dim=1, descending=True, stable=True).indices[:, :k]
    best = similarity.gather(1, order)
    kept = best > above
    rows[:, : order.shape[1]] = torch.where(kept, order, ABSENT)
    scores[:, : order.shape[1]] = torch.where(kept, best, 0.0)
    return Relation(rows, scores)


def equal(found: Relation, expected: Relation) -> bool:
    return torch.equal(found.rows, expected.rows) and torch.equal(found.scores, expected.scores)


def case(seed: int, queries: int, keys: int, width: int = 3, largest: int = 2):
    """Small whole numbers: inner products are exact, ties plenty, some vectors zero."""
    generator = torch.Generator().manual_seed(seed)
    left = torch.randint(-1, largest, (queries, width), generator=generator).float()
    right = torch.randint(-1, largest, (keys, width), generator=generator).float()
    return left, right, torch.randint(-1, keys, (queries,), generator=generator)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 12),
    st.integers(1, 40),
    st.integers(1, 9),
    st.sampled_from([1, 3, 64]),
    st.sampled_from([1, 4, 7, 64]),
    st.sampled_from([-math.inf, 0.0, 1.0]),
)
def test_any_chunks_give_the_stable_sort(seed, queries, keys, k, chunk, key_chunk, above):
    left, right, own = case(seed, queries, keys)
    found = nearest(left, right, own, k, chunk=chunk, key_chunk=key_chunk, above=above)
    assert equal(found, by_full_sort(left, right, own, k, above))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("k", [1, 5, 17, 30])
def test_top_with_repair_is_the_stable_sort_of_tied_rows(seed, k):
    generator = torch.Generator().manual_seed(seed)
    similarity = torch.randint(0, 4, (9, 30), generator=generator).float()
    similarity[0] = 2.0
    similarity[1] = -torch.inf
    similarity[2, 3:] = -torch.inf
    values, columns = top_lowest_first(similarity.clone(), k)
    order = similarity.sort(dim=1, descending=True, stable=True).indices[:, :k]
    expected = similarity.gather(1, order)
    assert torch.equal(values, expected)
    there = expected > -torch.inf
    assert torch.equal(columns[there], order[there])


def test_copies_in_different_chunks_tie_to_the_lowest_row():
    generator = torch.Generator().manual_seed(0)
    distinct = torch.nn.functional.normalize(torch.randn(45, 384, generator=generator), dim=-1)
    keys = distinct.repeat(10, 1)
    queries = torch.nn.functional.normalize(torch.randn(30, 384, generator=generator), dim=-1)
    found = nearest(queries, keys, torch.full((30,), ABSENT), 10, key_chunk=64)
    best = (queries.double() @ distinct.double().T).argmax(1)
    assert torch.equal(found.rows, best[:, None] + 45 * torch.arange(10)[None, :])


def test_nobody_has_neighbours_where_there_are_no_keys():
    found = nearest(torch.ones(2, 3), torch.zeros(0, 3), torch.full((2,), ABSENT), 4)
    assert torch.equal(found.rows, torch.full((2, 4), ABSENT))
    assert torch.equal(found.scores, torch.zeros(2, 4))


def test_pictures_without_a_common_kind_are_no_neighbours_above_zero():
    keys = torch.nn.functional.normalize(torch.tensor([[1.0, 0, 0], [1, 1, 0], [0, 0, 1]]), dim=-1)
    found = nearest(keys, keys, torch.arange(3), 2, above=0.0)
    assert found.rows.tolist() == [[1, ABSENT], [0, ABSENT], [ABSENT, ABSENT]]


@pytest.mark.parametrize(
    "changes",
    [
        {"index": "exakt"},
        {"k": 0},
        {"keys": torch.ones(3, 5)},
        {"own": torch.tensor([0])},
        {"own": torch.tensor([0, 3])},
        {"keys": torch.tensor([[1.0] * 4, [math.nan] * 4, [1.0] * 4])},
        {"queries": torch.tensor([[1.0] * 4, [math.inf] * 4])},
    ],
)
def test_what_cannot_be_searched_is_refused(changes):
    arguments = {"queries": torch.ones(2, 4), "keys": torch.ones(3, 4), "own": torch.tensor([0, ABSENT]), "k": 2}
    with pytest.raises(GraphError):
        nearest(**{**arguments, **changes})


def test_recall_counts_the_exact_neighbours_that_were_found():
    exact = Relation(torch.tensor([[0, 1], [2, ABSENT]]), torch.zeros(2, 2))
    found = Relation(torch.tensor([[1, 5], [ABSENT, ABSENT]]), torch.zeros(2, 2))
    assert recall(exact, exact) == 1.0
    assert recall(found, exact) == pytest.approx(1 / 3)
    with pytest.raises(GraphError):
        recall(found, Relation(torch.full((1, 2), ABSENT), torch.zeros(1, 2)))


def vectors(count: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    made = torch.randn(count, 16, generator=generator)
    made[::50] = 0
    return torch.nn.functional.normalize(made, dim=-1)


def test_the_flat_index_of_faiss_finds_the_exact_neighbours():
    pytest.importorskip("faiss", reason="faiss-cpu is an optional package")
    keys, queries = vectors(700, 0), vectors(120, 1)
    own = torch.arange(120)
    exact = nearest(queries, keys, own, 6)
    found = nearest(queries, keys, own, 6, index="faiss-flat")
    assert torch.equal(found.rows, exact.rows)
    torch.testing.assert_close(found.scores, exact.scores)


def test_the_inverted_lists_of_faiss_are_exact_when_all_are_visited_and_close_when_some_are():
    pytest.importorskip("faiss", reason="faiss-cpu is an optional package")
    keys, queries = vectors(900, 0), vectors(100, 1)
    own = torch.full((100,), ABSENT)
    exact = nearest(queries, keys, own, 5)
    everywhere = nearest(queries, keys, own, 5, index="faiss-ivf", probes=10**6)
    assert recall(everywhere, exact) == 1.0
    few = nearest(queries, keys, own, 5, index="faiss-ivf", probes=2)
    some = nearest(queries, keys, own, 5, index="faiss-ivf", probes=40)
    assert recall(few, exact) < recall(some, exact) <= 1.0
    again = nearest(queries, keys, own, 5, index="faiss-ivf", probes=40)
    assert equal(again, some)


@pytest.mark.parametrize("index", ["faiss-flat", "faiss-ivf"])
def test_faiss_keeps_the_laws_of_the_exact_search(index):
    pytest.importorskip("faiss", reason="faiss-cpu is an optional package")
    left, right, own = case(3, 40, 25)
    found = nearest(left, right, own, 30, index=index, probes=10**6, above=0.0)
    exact = nearest(left, right, own, 30, above=0.0)
    # More places than keys: no tie is ever cut, so even FAISS must return the same rows.
    assert equal(found, exact)


@pytest.mark.slow
def test_memory_grows_with_the_number_of_vectors_and_not_with_its_square():
    def peak(count: int) -> int:
        code = (
            "import resource, torch; from mner.graphs.top_k import nearest; torch.set_num_threads(1);"
            f"v = torch.randn({count}, 32); nearest(v, v, torch.arange({count}), 5);"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        return int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)

    small, middle, large = peak(10_000), peak(40_000), peak(80_000)
    # 80,000 squared would be 25.6 GB; the vectors themselves grow by 5 MB a step of 40,000.
    assert large - middle < 2 * (middle - small) + 30_000
    assert large < small + 200_000
