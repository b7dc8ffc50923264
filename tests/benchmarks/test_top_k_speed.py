"""Time and peak memory of neighbour search over generated vectors, exact and by FAISS.

Run: ``pytest tests/benchmarks/test_top_k_speed.py -m slow --benchmark-only -s``. Each case runs on one thread in a
process of its own, so that its peak memory is its own: vectors, index and search count, the base (Python and
torch) does not. 10,000 vectors are all queried; of more, 1,000 are. Columns of time: clock, processor, and the
processor's for one query; they contain making the index.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

WIDTH, K, QUERIES, CLUSTERS = 384, 5, 1000, 1000

PROGRAM = """
import json, resource, sys, time
import torch
from mner.graphs.top_k import nearest, recall
count, index, queries, width, k, clusters = int(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])
torch.set_num_threads(1)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
generator = torch.Generator().manual_seed(0)
if index != "exact":
    import faiss
    faiss.omp_set_num_threads(1)
base = peak()
centres = torch.randn(clusters, width, generator=generator)
vectors = torch.empty(count, width)
for start in range(0, count, 10000):
    part = vectors[start : start + 10000]
    torch.randn(part.shape, generator=generator, out=part)
    part += centres[torch.randint(clusters, (len(part),), generator=generator)]
    part /= part.norm(dim=1, keepdim=True)
asked = torch.arange(count) if count <= 10000 else torch.randperm(count, generator=generator)[:queries]
started, worked = time.perf_counter(), time.process_time()
found = nearest(vectors[asked], vectors, asked, k, index=index)
seconds, cpu = time.perf_counter() - started, time.process_time() - worked
peaked = peak()
sample = slice(0, 1000)
share = 1.0
if index != "exact":
    first = type(found)(found.rows[sample], found.scores[sample])
    share = recall(first, nearest(vectors[asked[sample]], vectors, asked[sample], k))
times = {"seconds": seconds, "cpu": cpu, "queries": len(asked)}
print(json.dumps({**times, "base": base, "peak": peaked, "recall": share}))
"""


def search(count: int, index: str) -> dict[str, float]:
    """Seconds by clock and processor, queries, peak MiB and that of the base, and recall of one search."""
    arguments = [str(count), index, *map(str, (QUERIES, WIDTH, K, CLUSTERS))]
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("index", ["exact", "faiss-flat", "faiss-ivf"])
@pytest.mark.parametrize("count", [10_000, 100_000, 1_000_000])
def test_search(benchmark, count, index):
    if index != "exact":
        pytest.importorskip("faiss", reason="faiss-cpu is an optional package")
    found = benchmark.pedantic(search, (count, index), rounds=1)
    own = count * WIDTH * 4 / 2**20
    benchmark.extra_info.update(found, vectors=own)
    used = found["peak"] - found["base"]
    print(
        f"\n| {count:>9,} | {index:<10} | {found['queries']:>6,} | {found['seconds']:8.2f} s |"
        f" {found['cpu']:8.2f} s | {1000 * found['cpu'] / found['queries']:7.2f} ms |"
        f" {own:7.0f} MiB | {used:7.0f} MiB | {100 * found['recall']:6.2f} % |"
    )
    # Vectors, a mask, an index of their size, and a block: linear. A square at 100,000 would be 37 GiB.
    assert used < 3.2 * own + 400
    assert found["recall"] > (0.6 if index == "faiss-ivf" else 0.999)
