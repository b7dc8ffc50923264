"""The row in docs/graphs.md runs one of PyTorch Geometric's convolutions on a batch's graph."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import torch
from transformers import BertConfig, BertModel

from mner.data.batch import Batch, Neighbours, TextInput
from mner.data.corpus import LABELS
from mner.models.encoders import TextEncoder
from mner.models.model import Model, make_model
from mner.models.system import BuildContext

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "graphs.md"
VISUAL, K, REGIONS = 6, 3, 2


def encoder() -> TextEncoder:
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    return TextEncoder(BertModel(BertConfig(vocab_size=9, attn_implementation="sdpa", **sizes)))


def model() -> Model:
    (source,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.S)
    module = ModuleType("graph_attention")
    exec(compile(source, "graph_attention.py", "exec"), module.__dict__)
    torch.manual_seed(0)
    return make_model(module, BuildContext(LABELS, encoder, VISUAL), {"heads": 2}).eval()


def batch() -> Batch:
    """Two tweets; the second one has no neighbour."""
    mask = torch.ones(2, K, REGIONS, dtype=torch.bool)
    mask[1] = False
    scores = torch.tensor([[0.9, 0.8, 0.7], [0.0, 0.0, 0.0]])
    first = torch.tensor([[1, 2, 3], [1, 2, -1]])
    text = TextInput(torch.full((2, 5), 4), torch.ones(2, 5, dtype=torch.bool), first)
    words = (("alice", "visits", "rome"), ("acme", "opens"))
    generator = torch.Generator().manual_seed(1)
    inter = Neighbours(torch.randn(2, K, REGIONS, VISUAL, generator=generator), mask, scores)
    tags = torch.zeros(2, 3, dtype=torch.long)
    return Batch(torch.arange(2), words, first >= 0, tags, text, inter=inter)


def test_it_trains_and_reads_the_neighbours_of_the_tweets_that_have_any() -> None:
    row, one = model(), batch()
    loss = row.loss(one)
    loss.backward()
    assert all(parameter.grad.any() for parameter in row.tagger.convolution.parameters())
    assert [len(tags) for tags in row.decode(one)] == [3, 2]
    other = replace(one, inter=replace(one.inter, regions=one.inter.regions + 1))
    with torch.no_grad():
        before, after = row.tagger(one).scores, row.tagger(other).scores
    assert not torch.allclose(before[0], after[0])
    assert torch.equal(before[1], after[1])
