"""UMT: the authors' numbers, the equations once more in plain arithmetic, and what its parts promise."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support import plain_bert as plain
from torch import Tensor

from baselines.umt import conversion_matrix, span_label
from mner.data.corpus import LABELS
from mner.parity import parity_umt as parity
from mner.parity.parity_report import ParityError, render

WIDTH, INNER, HEADS, DEPTH, VISUAL, GRID = 8, 12, 2, 2, 6, 2
STACKS = {"txt2img": 2, "img2txt": 1, "txt2txt": 3}
LABEL_NAMES = ["PAD", "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "X"]
SPANS = ["PAD", "O", "B", "I", "X"]
SHARES = {"PAD": ["PAD"], "O": ["O"], "B": ["B-PER", "B-LOC"], "I": ["I-PER", "I-LOC"], "X": ["X"]}
METADATA = {
    "model": "UMT",
    "config": {"num_attention_heads": HEADS},
    "labels": LABEL_NAMES,
    "auxlabels": SPANS,
}


def shapes() -> dict[str, tuple[int, ...]]:
    found = plain.bert_shapes("bert", words=11, width=WIDTH, inner=INNER, count=DEPTH)
    for root in ("self_attention.layer.0", "self_attention_v2.layer.0"):
        found |= plain.block_shapes(root, WIDTH, INNER)
    for stack, count in STACKS.items():
        for number in range(count):
            found |= plain.block_shapes(f"{stack}_attention.layer.{number}", WIDTH, INNER)
    for name, inputs, outputs in (
        ("vismap2text", VISUAL, WIDTH),
        ("vismap2text_v2", VISUAL, WIDTH),
        ("gate", 2 * WIDTH, WIDTH),
        ("classifier", 2 * WIDTH, len(LABEL_NAMES)),
        ("aux_classifier", WIDTH, len(SPANS)),
    ):
        found |= plain.linear_shapes(name, inputs, outputs)
    return found | plain.chain_shapes("crf", len(LABEL_NAMES)) | plain.chain_shapes("aux_crf", len(SPANS))


def inputs(generator: torch.Generator) -> dict[str, Tensor]:
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    labels = torch.randint(1, len(LABEL_NAMES), mask.shape, generator=generator) * mask
    spans = [[SPANS.index(span_label(LABEL_NAMES[label])) for label in row] for row in labels.tolist()]
    matrix = [[(label in SHARES[s]) / len(SHARES[s]) for label in LABEL_NAMES] for s in SPANS]
    regions = GRID * GRID
    hidden = torch.ones(2, regions + 4, dtype=torch.long)
    hidden[0, :2] = 0
    hidden[1, :regions] = 0
    return {
        "input_ids": torch.randint(1, 11, mask.shape, generator=generator) * mask,
        "segment_ids": torch.zeros_like(mask),
        "input_mask": mask,
        "labels": labels,
        "auxlabels": torch.tensor(spans),
        "visual_feature_map": torch.randn(
            2, VISUAL, GRID, GRID, generator=generator, dtype=torch.float64
        ).requires_grad_(),
        "added_attention_mask": torch.ones(2, regions + 4, dtype=torch.long),
        "variant_imgmask.added_attention_mask": hidden,
        "trans_matrix": torch.tensor(matrix, dtype=torch.float64),
    }


def forward(p: dict[str, Tensor], given: dict[str, Tensor], added: Tensor) -> dict[str, Tensor]:
    """golden/README.md 3, steps 1 to 9."""
    mask, out = given["input_mask"], {}
    out["embeddings"] = plain.embed(
        p, "bert", p["bert.embeddings.word_embeddings.weight"][given["input_ids"]], given["segment_ids"]
    )
    states = plain.layers(p, "bert", out["embeddings"], mask, HEADS, DEPTH)
    out |= {f"bert_layer_{number}": state for number, state in enumerate(states)}
    S = out["text_hidden"] = states[-1]
    out["pooled_output"] = torch.tanh(plain.linear(p, "bert.pooler.dense", S[:, 0]))
    out["aux_text"] = plain.block(p, "self_attention.layer.0", S, S, mask, HEADS)
    aux = out["aux_emissions"] = plain.linear(p, "aux_classifier", out["aux_text"])
    C = out["main_text"] = plain.block(p, "self_attention_v2.layer.0", S, S, mask, HEADS)
    U = torch.stack([given["visual_feature_map"][:, :, r // GRID, r % GRID] for r in range(GRID * GRID)], 1)
    R = added[:, : GRID * GRID]
    U1, q = plain.linear(p, "vismap2text", U), plain.linear(p, "vismap2text_v2", U)
    out |= {"vis_proj_v1": U1, "vis_proj_v2": q}
    v = a = C
    for i in range(STACKS["txt2img"]):
        v = out[f"txt2img_layer_{i}"] = plain.block(p, f"txt2img_attention.layer.{i}", v, U1, R, HEADS)
    for i in range(STACKS["img2txt"]):
        q = out[f"img2txt_layer_{i}"] = plain.block(p, f"img2txt_attention.layer.{i}", q, C, mask, HEADS)
    for i in range(STACKS["txt2txt"]):
        a = out[f"txt2txt_layer_{i}"] = plain.block(p, f"txt2txt_attention.layer.{i}", a, q, R, HEADS)
    out["gate_preact"] = plain.linear(p, "gate", torch.cat([a, v], -1))
    g = out["gate"] = 1 / (1 + torch.exp(-out["gate_preact"]))
    out["fused"] = torch.cat([a, g * v], -1)
    out["main_emissions"] = plain.linear(p, "classifier", out["fused"])
    out["aux_emissions_converted"] = aux @ given["trans_matrix"]
    out["final_emissions"] = 0.5 * out["main_emissions"] + 0.5 * out["aux_emissions_converted"]
    return out


@pytest.fixture(scope="module")
def own_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    generator = torch.Generator().manual_seed(3)
    p, given = plain.random_parameters(shapes(), generator), inputs(generator)
    out = forward(p, given, given["added_attention_mask"])
    mask = given["input_mask"]
    main = plain.chain(p, "crf", out["final_emissions"], given["labels"], mask)
    aux = plain.chain(p, "aux_crf", out["aux_emissions"], given["auxlabels"], mask)
    out["decoded_tags"], out["aux_decoded_tags"] = main.pop("tags"), aux.pop("tags")
    out |= {f"main_{name}": value for name, value in main.items()}
    out |= {f"aux_{name}": value for name, value in aux.items()}
    out["main_loss"], out["aux_loss"] = -main["log_likelihood"].mean(), -aux["log_likelihood"].mean()
    loss = out["loss"] = out["main_loss"] + 0.5 * out["aux_loss"]
    other = forward(p, given, given["variant_imgmask.added_attention_mask"])["final_emissions"]
    out["variant_imgmask.final_emissions"] = other
    out["variant_imgmask.decoded_tags"] = plain.chain(p, "crf", other, given["labels"], mask)["tags"]
    targets = {"text_hidden": out["text_hidden"], "visual_feature_map": given["visual_feature_map"]}
    to_inputs = torch.autograd.grad(loss, list(targets.values()), retain_graph=True)
    tensors = {f"param/{name}": value for name, value in p.items()} | plain.gradients(loss, p)
    tensors |= {f"input/{name}": value for name, value in given.items()}
    tensors |= {f"output/{name}": value for name, value in out.items()}
    tensors |= {f"grad_input/{name}": value for name, value in zip(targets, to_inputs, strict=True)}
    return plain.write(tmp_path_factory.mktemp("umt") / "case.safetensors", tensors, METADATA)


def test_authors_numbers(golden: Path) -> None:
    report = parity.check(golden / "umt.safetensors")
    assert report.passed, render(report)
    assert len(report.comparisons) > 150


def test_plain_arithmetic_agrees(own_case: Path) -> None:
    """Other sizes, other stack heights, and one sentence whose regions are all hidden."""
    report = parity.check(own_case)
    assert report.passed, render(report)


CHANGES = (
    "param/gate.weight",
    "param/txt2txt_attention.layer.2.attention.self.value.weight",
    "param/aux_crf.transitions",
    "output/img2txt_layer_0",
    "output/decoded_tags",
    "output/variant_imgmask.final_emissions",
    "grad/vismap2text.weight",
    "grad_input/text_hidden",
)


@pytest.mark.parametrize("key", CHANGES)
def test_a_changed_copy_fails(own_case: Path, tmp_path: Path, key: str) -> None:
    assert not parity.check(plain.changed(own_case, tmp_path / "changed.safetensors", key)).passed


@pytest.mark.parametrize(("amount", "passes"), [(5e-10, True), (2e-9, False)])
def test_the_tolerance_is_a_billionth(own_case: Path, tmp_path: Path, amount: float, passes: bool) -> None:
    copy = plain.changed(own_case, tmp_path / "changed.safetensors", "output/final_emissions", amount)
    assert parity.check(copy).passed is passes


def test_a_changed_copy_of_the_authors_numbers_fails(golden: Path, tmp_path: Path) -> None:
    copy = plain.changed(golden / "umt.safetensors", tmp_path / "changed.safetensors", "param/gate.weight")
    assert not parity.check(copy).passed


def test_files_that_cannot_be_checked_are_refused(own_case: Path, tmp_path: Path) -> None:
    with pytest.raises(ParityError):
        parity.check(tmp_path / "nothing.safetensors")
    other = plain.write(tmp_path / "other.safetensors", {"param/x": torch.zeros(1)}, {"model": "UMGF"})
    with pytest.raises(ParityError):
        parity.check(other)
    few = plain.write(tmp_path / "few.safetensors", {"input/input_ids": torch.zeros(1, 1)}, METADATA)
    with pytest.raises(ParityError):
        parity.check(few)


def test_span_scores_are_shared_evenly_among_what_they_can_stand_for() -> None:
    matrix = conversion_matrix(LABELS, ["O", "B", "I"])
    assert matrix.sum(1).tolist() == [1.0, 1.0, 1.0]
    assert matrix[1].tolist() == [0.25 * label.startswith("B-") for label in LABELS]
    assert matrix[0, 0] == 1
