"""The authors' R-GCN golden file as our objects: parameters by name, the batch, the tagger that holds them.

Reads any file of the layout in golden/R_GCN.md 2; every size comes from its tensors or metadata.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from mner.data.batch import Batch, Neighbours, TextInput, Visual
from mner.models.encoders import TextEncoder
from mner.models.system import BuildContext
from mner.parity.bert_golden import bert_of
from mner.parity.golden import read_tensors
from mner.parity.parity_report import ParityError
from mner.systems.rgcn_released import Tagger

DENSE = ("query", "key", "value", "inner", "outer")
"""Our names of an attention block's ``dense``, ``dense_1`` ... ``dense_4`` (golden/R_GCN.md 5)."""


@dataclass(frozen=True, slots=True)
class RgcnGolden:
    """The tensors of one file, floating point ones in float64, and its metadata."""

    path: Path
    tensors: dict[str, Tensor]
    metadata: dict[str, str]

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.tensors:
            raise ParityError(f"{self.path}: no tensor {name!r}; is this an R-GCN golden file?")
        return self.tensors[name]

    def setting(self, name: str) -> str:
        if name not in self.metadata:
            raise ParityError(f"{self.path}: metadata lacks {name!r}; is this an R-GCN golden file?")
        return self.metadata[name]

    def below(self, prefix: str) -> dict[str, Tensor]:
        """Tensors whose name starts with ``prefix``, without it."""
        return {name.removeprefix(prefix): t for name, t in self.tensors.items() if name.startswith(prefix)}


def read_golden(path: Path) -> RgcnGolden:
    """Read a safetensors file, floating point in float64.

    Raises:
        ParityError: as :func:`mner.parity.golden.read_tensors`.
    """
    tensors, metadata = read_tensors(path)
    double = {name: t.double() if t.is_floating_point() else t for name, t in tensors.items()}
    return RgcnGolden(path, double, metadata)


def build(golden: RgcnGolden) -> Tagger:
    """The released tagger in float64, evaluation mode, with the file's parameters."""
    labels = golden["param/crf_loss/transitions"].shape[0]
    build = BuildContext(
        labels=tuple(f"label-{index}" for index in range(labels - 1)),
        encoder=lambda: TextEncoder(_bert(golden)),
        visual_size=golden["input/picture_id"].shape[-1],
    )
    regions = golden["input/picture_id"].shape[1]
    tagger = Tagger(build, regions=regions, heads=int(golden.setting("multi_heads"))).double().eval()
    load(paired(tagger), golden.below("param/"), "param/")
    return tagger


def _bert(golden: RgcnGolden) -> BertModel:
    """Google's BERT: its "gelu" is the tanh form, its LayerNorm epsilon 1e-12 (golden/R_GCN.md 3.1)."""
    settings = json.loads(golden.setting("bert_config"))
    settings.update(hidden_act="gelu_pytorch_tanh", layer_norm_eps=1e-12, attn_implementation="sdpa")
    return BertModel(BertConfig(**settings))


def name_map(layers: int) -> dict[str, str]:
    """The code's variable name -> ours. Names ending in ``.weight`` of a linear layer are stored transposed."""
    names = {
        "w_gcn_pt": "inter.projection.weight",
        "b_gcn_pt": "inter.shift",
        "w_gcn_pp": "intra.projection.weight",
        "b_gcn_pp": "intra.shift",
        "image_to_text": "image_to_text.weight",
        "gate_weight_pt_image": "inter_gate.of_states.weight",
        "gate_weight_pp_image": "intra_gate.of_states.weight",
        "final_output_layer/output_w": "output.weight",
        "final_output_layer/output_b": "output_shift",
        "crf_loss/transitions": "transitions",
    }
    scopes = {"self_multihead_sen": "self_text", "self_multihead_imag": "self_image", "cross_multihead": "cross"}
    for scope, ours in scopes.items():
        names |= {f"{scope}/{theirs}": f"{ours}.{name}" for theirs, name in block_names().items()}
    return names | _bert_names(layers)


def block_names() -> dict[str, str]:
    """Variables of one attention block, relative to its scope; β precedes γ (golden/R_GCN.md 5)."""
    names = {"ln/Variable": "shift", "ln/Variable_1": "gain"}
    for number, ours in enumerate(DENSE):
        scope = f"dense_{number}" if number else "dense"
        names |= {f"{scope}/kernel": f"{ours}.weight", f"{scope}/bias": f"{ours}.bias"}
    return names


def _bert_names(layers: int) -> dict[str, str]:
    names = {
        f"bert/embeddings/{table}_embeddings": f"encoder.bert.embeddings.{table}_embeddings.weight"
        for table in ("word", "position", "token_type")
    }
    parts: dict[str, tuple[str, ...]] = {"embeddings": ("LayerNorm",), "pooler": ("dense",)}
    for layer in range(layers):
        parts[f"encoder/layer_{layer}"] = (
            *(f"attention/self/{name}" for name in ("query", "key", "value")),
            "attention/output/dense", "attention/output/LayerNorm", "intermediate/dense", "output/dense",
            "output/LayerNorm",
        )  # fmt: skip
    for scope, modules in parts.items():
        for module in modules:
            normalises = module.endswith("LayerNorm")
            ours = f"encoder.bert.{scope}.{module}".replace("layer_", "layer.").replace("/", ".")
            names[f"bert/{scope}/{module}/{'gamma' if normalises else 'kernel'}"] = f"{ours}.weight"
            names[f"bert/{scope}/{module}/{'beta' if normalises else 'bias'}"] = f"{ours}.bias"
    return names


def paired(tagger: Tagger) -> dict[str, nn.Parameter]:
    """The code's variable name -> our parameter."""
    parameters = dict(tagger.named_parameters())
    names = name_map(len(bert_of(tagger.encoder).encoder.layer))
    return {theirs: parameters[ours] for theirs, ours in names.items()}


def as_theirs(name: str, ours: Tensor) -> Tensor:
    """Kernels are [in, out] there, [out, in] here; embedding tables and transitions are alike."""
    alike = "_embeddings" in name or name.endswith("transitions") or ours.dim() < 2
    return ours if alike else ours.mT


@torch.no_grad()
def load(parameters: dict[str, nn.Parameter], values: dict[str, Tensor], where: str) -> None:
    """Copy the code's ``values`` into our ``parameters``, both under the code's names.

    Raises:
        ParityError: a variable is missing, unknown or of another shape.
    """
    unequal = sorted(set(parameters) ^ set(values))
    if unequal:
        raise ParityError(f"{where}: variables missing here or in the file: {', '.join(unequal[:5])}")
    for name, parameter in parameters.items():
        target = as_theirs(name, parameter)
        if target.shape != values[name].shape:
            raise ParityError(f"{where}{name}: shape {list(values[name].shape)}, expected {list(target.shape)}")
        target.copy_(values[name])


def read_batch(golden: RgcnGolden) -> Batch:
    """The file's inputs as the batch our tagger receives; its label ids are in ``input/label_ids``.

    Raises:
        ParityError: segment ids other than 0, which the released reader never makes.
    """
    if golden["input/segment_ids"].any():
        raise ParityError(f"{golden.path}: input/segment_ids are not all 0, as the released reader makes them")
    ids = golden["input/input_ids"].long()
    no_words = torch.full((len(ids), 1), -1)
    picture = golden["input/picture_id"]
    return Batch(
        index=torch.arange(len(ids)),
        words=((),) * len(ids),
        word_mask=no_words >= 0,
        tags=None,
        text=TextInput(ids, golden["input/input_masks"].bool(), no_words),
        image=Visual(picture, torch.ones(picture.shape[:2], dtype=torch.bool)),
        inter=_neighbours(golden, "pt"),
        intra=_neighbours(golden, "pp"),
    )


def _neighbours(golden: RgcnGolden, relation: str) -> Neighbours:
    regions = golden[f"input/{relation}_image_id"]
    return Neighbours(regions, torch.ones(regions.shape[:3], dtype=torch.bool), golden[f"input/{relation}_scores"])
