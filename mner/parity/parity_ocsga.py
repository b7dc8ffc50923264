"""Parity of ``baselines/ocsga.py`` (variant ``released``) with the authors' OCSGA (golden/OLDER.md 2)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

from mner.models.system import load_system
from mner.parity import parity_ncrf as ncrf
from mner.parity.golden import Golden
from mner.parity.parity_report import ParityReport

if TYPE_CHECKING:
    from baselines.ocsga import ObjectFusion
else:  # a wheel carries these files inside the package
    _system = load_system("baselines/ocsga.py")
    ObjectFusion = _system.ObjectFusion

ATTENTION = {"linear_q": "query", "linear_k": "key", "linear_v": "value", "linear_merge": "merge"}


class Network(nn.Module):
    """The harness's blocks at the file's sizes, from numbers of words to emissions."""

    def __init__(self, golden: Golden) -> None:
        super().__init__()
        labels = golden["param/object_embeddings.weight"]
        self.text = ncrf.text_encoder(golden)
        self.labels = nn.Embedding.from_pretrained(labels, freeze=True)
        self.fusion = ObjectFusion(
            labels.shape[1],
            self.text.width,
            heads=int(ncrf.constant(golden, "heads")),
            layers=golden.layers_below("mca.enc_list."),
            dropout=0.0,
            variant="released",
        )
        self.emission = nn.Linear(self.text.width, len(golden["param/crf.transitions"]))

    def forward(self, golden: Golden) -> Tensor:
        mask, objects = golden["input/mask"], golden["input/object_ids"]
        words = self.text(ncrf.word_ids(golden), mask)
        return self.emission(self.fusion(words, mask, self.labels(objects), objects != 0))


def check(path: Path) -> ParityReport:
    """Compare every block output, both CRF runs, the loss and all gradients with the file's.

    Raises:
        ParityError: the file cannot be read as an OCSGA golden file; the message names what does not fit.
    """
    golden = Golden.read(path)
    outputs, parameters = run(golden)
    comparisons = [
        *ncrf.compare_outputs(golden, outputs),
        *ncrf.compare_gradients(golden, outputs["loss"], parameters),
    ]
    return ParityReport("ocsga", path, tuple(comparisons))


def run(golden: Golden) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Our outputs and our trained parameters, both under the file's names."""
    network = Network(golden)
    layers = len(network.fusion.attention.self_layers)
    parameters = ncrf.load(network, golden, ncrf.TEXT_NAMES | _names(layers))
    trained: dict[str, Tensor] = {name: weight for name, weight in parameters.items() if weight.requires_grad}
    square = golden["param/crf.transitions"].clone().requires_grad_()
    with ncrf.recording(network, ncrf.TEXT_OUTPUTS | _outputs(layers)) as outputs:
        emissions = network(golden)
    outputs |= ncrf.chain_outputs(golden, emissions, square)
    outputs |= ncrf.chain_outputs(golden, emissions.detach(), golden["input/alt_transitions"], "alt_")
    return outputs | {"loss": outputs["crf_nll_sum"]}, trained | {"crf.transitions": square}


def _block(theirs: str, ours: str, attentions: dict[str, str], norms: int) -> dict[str, str]:
    names = {f"{theirs}.ffn.mlp.fc.linear": f"{ours}.feedforward.inner"}
    names[f"{theirs}.ffn.mlp.linear"] = f"{ours}.feedforward.outer"
    for attention, own in attentions.items():
        names |= {f"{theirs}.{attention}.{a}": f"{ours}.{own}.{b}" for a, b in ATTENTION.items()}
    for norm in range(1, norms + 1):
        names[f"{theirs}.norm{norm}.a_2"] = f"{ours}.norm{norm}.gain"
        names[f"{theirs}.norm{norm}.b_2"] = f"{ours}.norm{norm}.shift"
    return names


def _names(layers: int) -> dict[str, str]:
    names = {"object_embeddings": "labels", "obj_feat_linear": "fusion.projection"}
    for layer in range(layers):
        names |= _block(f"mca.enc_list.{layer}", f"fusion.attention.self_layers.{layer}", {"mhatt": "own"}, 2)
        theirs = "mca.dec_last" if layer == layers - 1 else f"mca.dec_list.{layer}"
        ours = f"fusion.attention.cross_layers.{layer}"
        names |= _block(theirs, ours, {"mhatt1": "own", "mhatt2": "guided"}, 3)
    return names


def _outputs(layers: int) -> dict[str, str]:
    last = f"fusion.attention.cross_layers.{layers - 1}"
    modules = {
        "object_projected": "fusion.projection",
        "dec_last_self_norm1": f"{last}.norm1",
        "dec_last_guided_raw": f"{last}.guided",
        "dec_last_norm2": f"{last}.norm2",
        "fused_object": last,
        "att_last_self": f"{last}.own.weights",
        "att_last_guided": f"{last}.guided.weights",
    }
    for layer in range(layers):
        modules[f"mca_enc{layer}_out"] = f"fusion.attention.self_layers.{layer}"
        modules[f"att_enc{layer}"] = f"fusion.attention.self_layers.{layer}.own.weights"
    for layer in range(layers - 1):
        modules[f"mca_dec{layer}_out"] = f"fusion.attention.cross_layers.{layer}"
        modules[f"att_dec{layer}_self"] = f"fusion.attention.cross_layers.{layer}.own.weights"
        modules[f"att_dec{layer}_guided"] = f"fusion.attention.cross_layers.{layer}.guided.weights"
    return modules
