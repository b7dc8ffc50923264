"""BERT, its layer and a CRF once more in plain tensor arithmetic, and golden files of our own making from them.

Written from golden/README.md 1 and 2 with nothing of the package's models: best paths are found by trying all.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

Parameters = dict[str, Tensor]
LINEARS = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense")


def linear(p: Parameters, name: str, x: Tensor) -> Tensor:
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def norm(p: Parameters, name: str, x: Tensor, epsilon: float = 1e-12) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    scale = ((centred**2).mean(-1, keepdim=True) + epsilon).sqrt()
    return centred / scale * p[f"{name}.weight"] + p[f"{name}.bias"]


def attend(query: Tensor, key: Tensor, value: Tensor, key_mask: Tensor, heads: int) -> Tensor:
    """One sentence, head by head; hidden keys get -10000 as in the released programs."""
    width = query.shape[-1] // heads
    hidden = (1 - key_mask.double()) * -10000.0
    parts = []
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        scores = query[:, part] @ key[:, part].T / math.sqrt(width) + hidden
        parts.append(scores.softmax(-1) @ value[:, part])
    return torch.cat(parts, -1)


def block(p: Parameters, root: str, queries: Tensor, keys: Tensor, key_masks: Tensor, heads: int) -> Tensor:
    rows = []
    for q, k, mask in zip(queries, keys, key_masks, strict=True):
        projected = (linear(p, f"{root}.{LINEARS[i]}", x) for i, x in enumerate((q, k, k)))
        attended = linear(p, f"{root}.{LINEARS[3]}", attend(*projected, mask, heads))
        y = norm(p, f"{root}.attention.output.LayerNorm", attended + q)
        inner = linear(p, f"{root}.intermediate.dense", y)
        inner = inner / 2 * (1 + torch.erf(inner / math.sqrt(2)))
        rows.append(norm(p, f"{root}.output.LayerNorm", linear(p, f"{root}.output.dense", inner) + y))
    return torch.stack(rows)


def embed(p: Parameters, root: str, vectors: Tensor, types: Tensor) -> Tensor:
    tables = {name: p[f"{root}.embeddings.{name}_embeddings.weight"] for name in ("position", "token_type")}
    total = vectors + tables["position"][: vectors.shape[1]] + tables["token_type"][types]
    return norm(p, f"{root}.embeddings.LayerNorm", total)


def layers(p: Parameters, root: str, states: Tensor, mask: Tensor, heads: int, count: int) -> list[Tensor]:
    found = []
    for number in range(count):
        states = block(p, f"{root}.encoder.layer.{number}", states, states, mask, heads)
        found.append(states)
    return found


def chain(p: Parameters, root: str, e: Tensor, gold: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Gold scores, log partitions and best paths, over every path of every sentence."""
    start, end = p[f"{root}.start_transitions"], p[f"{root}.end_transitions"]
    moves, tags = p[f"{root}.transitions"], e.shape[-1]
    scores, partitions, best = [], [], torch.full(mask.shape, -1)
    for row, length in enumerate(mask.sum(1).tolist()):
        paths = torch.tensor(list(itertools.product(range(tags), repeat=length)))
        of_path = start[paths[:, 0]] + end[paths[:, -1]]
        of_path = of_path + sum(e[row, t, paths[:, t]] for t in range(length))
        of_path = of_path + sum(moves[paths[:, t], paths[:, t + 1]] for t in range(length - 1))
        index = sum(gold[row, t] * tags ** (length - 1 - t) for t in range(length))
        scores.append(of_path[index])
        partitions.append(of_path.logsumexp(0))
        best[row, :length] = paths[of_path.argmax()]
    score, partition = torch.stack(scores), torch.stack(partitions)
    return {"gold_score": score, "log_partition": partition, "log_likelihood": score - partition, "tags": best}


def bert_shapes(root: str, *, words: int, width: int, inner: int, count: int) -> dict[str, tuple[int, ...]]:
    tables = {"word": words, "position": 24, "token_type": 2}
    shapes: dict[str, tuple[int, ...]] = {
        f"{root}.embeddings.{table}_embeddings.weight": (rows, width) for table, rows in tables.items()
    }
    shapes |= norm_shapes(f"{root}.embeddings.LayerNorm", width) | linear_shapes(
        f"{root}.pooler.dense", width, width
    )
    for number in range(count):
        shapes |= block_shapes(f"{root}.encoder.layer.{number}", width, inner)
    return shapes


def block_shapes(root: str, width: int, inner: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for name in LINEARS:
        shapes |= linear_shapes(f"{root}.{name}", width, width)
    for name in ("attention.output.LayerNorm", "output.LayerNorm"):
        shapes |= norm_shapes(f"{root}.{name}", width)
    shapes |= linear_shapes(f"{root}.intermediate.dense", width, inner)
    return shapes | linear_shapes(f"{root}.output.dense", inner, width)


def linear_shapes(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def norm_shapes(name: str, width: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def chain_shapes(root: str, tags: int) -> dict[str, tuple[int, ...]]:
    vectors = {f"{root}.{end}_transitions": (tags,) for end in ("start", "end")}
    return vectors | {f"{root}.transitions": (tags, tags)}


def random_parameters(shapes: Mapping[str, tuple[int, ...]], generator: torch.Generator) -> Parameters:
    """Normal with deviation 0.4; gains of norms around 1, so that what they pass on keeps its differences."""
    values = {name: 0.4 * torch.randn(s, generator=generator, dtype=torch.float64) for name, s in shapes.items()}
    for name in values:
        if name.lower().endswith("norm.weight"):
            values[name] += 1
    return {name: value.requires_grad_() for name, value in values.items()}


def gradients(loss: Tensor, p: Parameters, prefix: str = "grad/") -> dict[str, Tensor]:
    """As the authors' files hold them: none where there is none, zero for the padding row of a word table."""
    found = torch.autograd.grad(loss, list(p.values()), retain_graph=True, allow_unused=True)
    stored = {f"{prefix}{name}": value for name, value in zip(p, found, strict=True) if value is not None}
    for name, value in stored.items():
        if name.endswith("word_embeddings.weight"):
            value[0] = 0
    return stored


def write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, object]) -> Path:
    plain = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    text = {name: value if isinstance(value, str) else json.dumps(value) for name, value in metadata.items()}
    save_file(plain, path, text)
    return path


def read(source: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safe_open(source, "pt") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys()}, opened.metadata()  # noqa: SIM118


def changed(source: Path, target: Path, key: str, amount: float = 1e-4) -> Path:
    """A copy of a golden file whose tensor ``key`` differs in one entry (by one, for whole numbers)."""
    tensors, metadata = read(source)
    flat = tensors[key].clone().view(-1)
    position = int(flat.double().abs().argmax())
    flat[position] += amount if flat.is_floating_point() else 1
    return write(target, {**tensors, key: flat.view_as(tensors[key])}, metadata)
