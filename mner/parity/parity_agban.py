"""Parity of ``baselines/object_agban.py`` (variant ``released``) with the authors' program (golden/OLDER.md 3)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mner.models.adversary import OBJECT, WORD, ModalityAdversary
from mner.models.system import load_system
from mner.models.word_object_attention import MaskedStack
from mner.parity import parity_ncrf as ncrf
from mner.parity.golden import Golden
from mner.parity.parity_report import ParityError, ParityReport

if TYPE_CHECKING:
    from baselines.object_agban import ObjectFusion
else:  # a wheel carries these files inside the package
    _system = load_system("baselines/object_agban.py")
    ObjectFusion = _system.ObjectFusion

STACK = {"0": "linears.0", "1": "norms.0", "3": "linears.1", "4": "norms.1", "6": "linears.2"}
NORMED = {
    "v_att.logits.v_net.main.1": "fusion.attention.of_objects",
    "v_att.logits.q_net.main.1": "fusion.attention.of_words",
    "b_net.0.main.1": "fusion.value",
    "g_t_prj.0.main.0": "fusion.gate.of_words",
    "g_v_prj.0.main.0": "fusion.gate.of_objects",
    "g_prj.0.main.0": "fusion.gate.joint",
}
GAIN, DIRECTION = "parametrizations.weight.original0", "parametrizations.weight.original1"
NAMES = {
    **{f"map_to_text.{theirs}": f"projection.{ours}" for theirs, ours in STACK.items()},
    **{f"modal_clf.{theirs}": f"adversary.classifier.{ours}" for theirs, ours in STACK.items()},
    **{f"{theirs}.weight_g": f"{ours}.linear.{GAIN}" for theirs, ours in NORMED.items()},
    **{f"{theirs}.weight_v": f"{ours}.linear.{DIRECTION}" for theirs, ours in NORMED.items()},
    **{f"{theirs}.bias": f"{ours}.linear.bias" for theirs, ours in NORMED.items()},
    "modal_clf_loss.weight": "adversary.weights",
    "v_att.logits.h_mat_g": f"fusion.attention.pooling.{GAIN}",
    "v_att.logits.h_mat_v": f"fusion.attention.pooling.{DIRECTION}",
    "v_att.logits.h_bias": "fusion.attention.pooling.bias",
}
OUTPUTS = {
    "visual_features": "projection",
    "b_net0_out": "fusion.value",
    "gate_logits0": "fusion.gate.joint",
}


class Network(nn.Module):
    """The harness's blocks at the file's sizes, from numbers of words and object vectors to emissions."""

    def __init__(self, golden: Golden) -> None:
        super().__init__()
        sizes = [golden[f"param/map_to_text.{layer}.weight"].shape for layer in (0, 3, 6)]
        hidden = [len(golden[f"param/modal_clf.{layer}.weight"]) for layer in (0, 3)]
        self.text = ncrf.text_encoder(golden)
        self.projection = MaskedStack((sizes[0][1], *(outputs for outputs, _ in sizes)))
        self.adversary = ModalityAdversary(self.text.width, tuple(hidden), object_share=0.5)
        self.fusion = ObjectFusion(self.text.width, input_dropout=0.0, dropout=0.0, variant="released")
        self.emission = nn.Linear(self.text.width, len(golden["param/crf.transitions"]))

    def forward(self, golden: Golden) -> tuple[Tensor, Tensor, Tensor]:
        """Emissions, word states, projected objects."""
        mask = golden["input/mask"]
        words = self.text(ncrf.word_ids(golden), mask)
        objects = self.projection(golden["input/visual"])
        return self.emission(self.fusion(words, mask, objects, golden["input/visual_mask"])), words, objects

    def attention_outputs(self, golden: Golden, words: Tensor, objects: Tensor) -> dict[str, Tensor]:
        """Scores and shares of all pairs, with the axis of the single glimpse."""
        attention = self.fusion.attention
        visible = self.fusion.visible(golden["input/mask"], golden["input/visual_mask"])
        return {
            "attention_logits_masked": attention.scores(words, objects, visible)[:, None],
            "attention": attention(words, objects, visible)[:, None],
        }

    def adversary_outputs(self, golden: Golden, words: Tensor, objects: Tensor) -> dict[str, Tensor]:
        """Logits of every row, padding included, and the two losses over real rows."""
        strength = golden["input/alpha"].item()
        outputs = {}
        for name, states, mask, kind in (
            ("text", words, golden["input/mask"], WORD),
            ("visual", objects, golden["input/visual_mask"], OBJECT),
        ):
            logits = self.adversary.logits(states, strength)
            outputs[f"{name}_modality_logits"] = logits.flatten(0, 1)
            outputs[f"{name}_modality_loss"] = self.adversary.loss(logits, mask, kind)
        return outputs


def check(path: Path) -> ParityReport:
    """Compare every block output, both CRF runs, all losses and the gradients of both with the file's.

    Raises:
        ParityError: the file cannot be read as an Object-AGBAN golden file, or its settings are not those that the
            released program trains with.
    """
    golden = Golden.read(path)
    outputs, parameters, adversary = run(golden)
    comparisons = [
        *ncrf.compare_outputs(golden, outputs),
        *ncrf.compare_gradients(golden, outputs["loss"], parameters),
        *ncrf.compare_gradients(golden, adversary, parameters, "grad/adversary_only/"),
    ]
    return ParityReport("object-agban", path, tuple(comparisons))


def run(golden: Golden) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
    """Our outputs and parameters under the file's names, and the adversary's weighted loss.

    Raises:
        ParityError: the file's settings are not those that the released program trains with.
    """
    if ncrf.constant(golden, "glimpse") != 1:
        raise ParityError(f"{golden.file}: several glimpses; the released configuration has one")
    _labels_are_masks(golden)
    network = Network(golden)
    parameters = ncrf.load(network, golden, ncrf.TEXT_NAMES | NAMES)
    square = golden["param/crf.transitions"].clone().requires_grad_()
    with ncrf.recording(network, ncrf.TEXT_OUTPUTS | OUTPUTS) as outputs:
        emissions, words, objects = network(golden)
    outputs |= network.attention_outputs(golden, words, objects)
    outputs |= network.adversary_outputs(golden, words, objects)
    outputs |= ncrf.chain_outputs(golden, emissions, square)
    outputs |= ncrf.chain_outputs(golden, emissions.detach(), golden["input/alt_transitions"], "alt_")
    outputs["b_net0_out"] = torch.relu(outputs["b_net0_out"])
    outputs["gate0"] = torch.sigmoid(outputs["gate_logits0"])
    outputs["ner_loss"] = outputs["crf_nll_sum"]
    adversary = (
        ncrf.constant(golden, "lv") * outputs["visual_modality_loss"]
        + ncrf.constant(golden, "lt") * outputs["text_modality_loss"]
    )
    outputs["loss"] = outputs["ner_loss"] + adversary
    return outputs, parameters | {"crf.transitions": square}, adversary


def _labels_are_masks(golden: Golden) -> None:
    """The file's modality labels are -1 on padding and the class elsewhere, as our masks say."""
    for name, mask, kind in (("text", "input/mask", WORD), ("visual", "input/visual_mask", OBJECT)):
        expected = torch.where(golden[mask].flatten(), kind, -1)
        if not torch.equal(golden[f"input/{name}_modality_label"], expected):
            raise ParityError(f"{golden.file}: input/{name}_modality_label does not follow from {mask}")
