"""Features and graphs made of text are the same bytes whatever processor, threads or batches computed them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from support import tiny

from mner.base.hardware import cpu_threads
from mner.config.schema import EncoderSource
from mner.features.feature_building import caption_token_features, sentence_vectors
from mner.features.store import write_store
from mner.graphs.rebuilt_graphs import object_vectors
from mner.graphs.relations import Relation, RelationGraph, write_graph
from mner.graphs.top_k import nearest
from mner.models.encoders import TextEncoder, pretrained_model, tokenizer_of

CPU = torch.device("cpu")
KINDS = ("car", "desk", "person", "stage", "table", "trophy")


def digests(source: EncoderSource, folder: Path, batch_size: int = 16, chunk: int = 64) -> dict[str, str]:
    """SHA-256 of a store and of a graph over texts drawn from the tiny vocabulary."""
    generator = torch.Generator().manual_seed(0)
    words = sorted(word for word in tiny.vocabulary() if len(word) > 2 and word.isalpha())

    def draw(choices, least: int, most: int) -> list[str]:
        count = int(torch.randint(least, most, (1,), generator=generator))
        return [choices[i] for i in torch.randint(len(choices), (count,), generator=generator).tolist()]

    texts = [draw(words, 3, 12) for _ in range(150)]
    texts += texts[:30]  # captions that tie
    labels = [draw(KINDS, 0, 5) for _ in texts]
    tokenizer, common = tokenizer_of(source), {"batch_size": batch_size, "device": CPU}
    captions = {f"{row:03d}": " ".join(text) for row, text in enumerate(texts)}
    features = caption_token_features(
        captions, TextEncoder(pretrained_model(source)), tokenizer, max_regions=9, **common
    )
    write_store(folder / "store.safetensors", features, {})
    vectors = sentence_vectors(texts, TextEncoder(pretrained_model(source)), tokenizer, desc="", **common)
    objects = object_vectors(labels, KINDS, "count")
    own = torch.arange(len(texts))
    inter, intra = (nearest(one, one, own, 5, chunk=chunk, key_chunk=chunk) for one in (vectors, objects))
    sizes = {"train": len(texts), "dev": 0, "test": 0}
    write_graph(folder / "graph.safetensors", RelationGraph("g", tuple(captions), sizes, inter, intra, {}))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.*"))}


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> EncoderSource:
    return tiny.write_encoder(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="module")
def here(source, tmp_path_factory) -> dict[str, str]:
    with cpu_threads(1):
        made = digests(source, tmp_path_factory.mktemp("here"))
    assert set(made) == {"store.safetensors", "store.json", "graph.safetensors", "graph.json"}
    return made


@pytest.mark.parametrize("batch_size", [1, 5, 180])
def test_the_size_of_batches_changes_no_byte(source, here, tmp_path, batch_size):
    with cpu_threads(1):
        assert digests(source, tmp_path, batch_size) == here


def test_threads_and_chunks_change_no_byte(source, here, tmp_path):
    with cpu_threads(2):
        assert digests(source, tmp_path, chunk=37) == here


@pytest.mark.parametrize(
    "instructions",
    [{"ATEN_CPU_CAPABILITY": "default"}, {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "COMPATIBLE"}],
    ids=["plain", "avx2"],
)
def test_a_processor_that_sums_in_another_order_changes_no_byte(source, here, tmp_path, instructions):
    """PyTorch and its matrix library are told to compute as on an older processor."""
    packages = next(path for path in sys.path if (Path(path) / str(source.package)).is_dir())
    code = (
        "import json, runpy, sys; from pathlib import Path; sys.path.append(sys.argv[2]);"
        "from mner.config import EncoderSource; import torch; torch.set_num_threads(1);"
        "source = EncoderSource('tiny', package=sys.argv[3]);"
        "made = runpy.run_path(sys.argv[1])['digests'](source, Path(sys.argv[4]));"
        "print(json.dumps([made, torch.backends.cpu.get_cpu_capability()]))"
    )
    arguments = [sys.executable, "-c", code, __file__, packages, str(source.package), str(tmp_path)]
    paths = os.pathsep.join([str(tiny.ROOT), str(tiny.ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, **instructions, "PYTHONPATH": paths}
    done = subprocess.run(arguments, check=True, capture_output=True, text=True, env=environment)
    made, capability = json.loads(done.stdout.splitlines()[-1])
    assert capability == instructions["ATEN_CPU_CAPABILITY"].upper()
    assert made == here


def test_similarities_closer_than_a_step_tie_to_the_lower_row():
    keys = torch.tensor([[0.5, 0.0], [0.5 + 1e-8, 0.0], [0.5 + 1e-5, 0.0]], dtype=torch.float64)
    found = nearest(torch.tensor([[1.0, 0.0]]), keys, torch.tensor([-1]), 3)
    assert isinstance(found, Relation)
    assert found.rows.tolist() == [[2, 0, 1]]
    assert found.scores.tolist() == [[0.5 + 10 / 2**20, 0.5, 0.5]]
