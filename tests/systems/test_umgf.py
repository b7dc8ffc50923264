"""UMGF: the authors' numbers, the equations once more by plain loops, and what its parts promise."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from support import plain_bert as plain
from torch import Tensor

from mner.data.batch import Visual
from mner.models.gated_graph import GatedGraphLayer, first_regions, pooled_regions
from mner.parity import parity_umgf as parity
from mner.parity.parity_report import ParityError, render

WIDTH, BERT_INNER, BERT_HEADS, DEPTH = 8, 12, 2, 1
MODEL, INNER, HEADS, LAYERS, VISUAL, OBJECTS = 6, 5, 3, 2, 4, 3
TAGS = ["PAD", "O", "B-PER", "I-PER", "X"]
METADATA = {
    "model": "UMGF",
    "config": {"num_attention_heads": BERT_HEADS, "n_heads": HEADS},
    "tag2idx": {tag: number for number, tag in enumerate(TAGS)},
}
NORMS = ("res4mes_x", "res4mes_o", "xgate", "ogate", "res4ffn_x", "res4ffn_o")


def shapes() -> dict[str, tuple[int, ...]]:
    found = plain.bert_shapes("bert", words=11, width=WIDTH, inner=BERT_INNER, count=DEPTH)
    linears = {
        "resnet.fc": (VISUAL, VISUAL),
        "trans_obj.0": (VISUAL, MODEL),
        "trans_obj.3": (MODEL, MODEL),
        "trans_txt": (WIDTH, MODEL),
        "hidden2tag": (WIDTH + MODEL, len(TAGS)),
    }
    for i in range(LAYERS):
        linears |= {f"mhatt_x.{i}.linears.{k}": (MODEL, MODEL) for k in range(4)}
        linears |= {f"mhatt_o.{i}.linears.{k}": (MODEL, MODEL) for k in range(2)}
        linears |= {f"{gate}.{i}": (2 * MODEL, MODEL) for gate in ("mhatt_x2o", "mhatt_o2x")}
        for net in ("ffn_x", "ffn_o"):
            linears |= {f"{net}.{i}.w_1": (MODEL, INNER), f"{net}.{i}.w_2": (INNER, MODEL)}
        for name in NORMS:
            found |= plain.norm_shapes(f"{name}.{i}.norm", MODEL)
    for name, (inputs, outputs) in linears.items():
        found |= plain.linear_shapes(name, inputs, outputs)
    return found | plain.chain_shapes("crf", len(TAGS))


def inputs(generator: torch.Generator) -> dict[str, Tensor]:
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    links = mask[:, :, None].double().expand(-1, -1, OBJECTS).clone()
    other = links.clone()
    other[0, :, 1], other[1] = 0, 0
    features = 5 * torch.randn(2, OBJECTS, VISUAL, generator=generator, dtype=torch.float64)
    return {
        "input_ids": torch.randint(1, 11, mask.shape, generator=generator) * mask,
        "token_type_ids": torch.zeros_like(mask),
        "attention_mask": mask,
        "labels": torch.randint(1, len(TAGS), mask.shape, generator=generator) * mask,
        "pooled_object_features": features.requires_grad_(),
        "inter_matrix": links,
        "variant_matrix.inter_matrix": other,
    }


def layer(p: dict[str, Tensor], i: int, x: Tensor, o: Tensor, mask: Tensor, M: Tensor) -> dict[str, Tensor]:
    """golden/README.md 4, steps 3a to 3f; pair by pair where pairs meet."""

    def added(name: str, state: Tensor, branch: Tensor) -> Tensor:
        return plain.norm(p, f"{name}.{i}.norm", state + branch, 1e-5)

    def project(name: str, k: int, states: Tensor) -> Tensor:
        return plain.linear(p, f"{name}.{i}.linears.{k}", states)

    def feedforward(name: str, states: Tensor) -> Tensor:
        inner = plain.linear(p, f"{name}.{i}.w_1", states).clamp(min=0)
        return plain.linear(p, f"{name}.{i}.w_2", inner)

    def gates(name: str) -> Tensor:
        pairs = [
            [[plain.linear(p, f"{name}.{i}", torch.cat([word, thing])) for thing in o1[b]] for word in x1[b]]
            for b in range(len(x1))
        ]
        return 1 / (1 + torch.exp(-torch.stack([torch.stack([torch.stack(r) for r in s]) for s in pairs])))

    out, every = {}, torch.ones(OBJECTS)
    attended = [
        plain.attend(*(project("mhatt_x", k, x[b]) for k in range(3)), mask[b], HEADS) for b in range(len(x))
    ]
    out["text_selfattn"] = project("mhatt_x", 3, torch.stack(attended))
    x1 = out["text_after_selfattn"] = added("res4mes_x", x, out["text_selfattn"])
    attended = [
        plain.attend(*(project("mhatt_o", k, o[b]) for k in range(2)), o[b], every, HEADS) for b in range(len(x))
    ]
    out["obj_selfattn"] = torch.stack(attended)
    o1 = out["obj_after_selfattn"] = added("res4mes_o", o, out["obj_selfattn"])
    gx, go = gates("mhatt_x2o"), gates("mhatt_o2x")
    out |= {"gate_obj_to_text": gx, "gate_text_to_obj": go.transpose(1, 2)}
    mx, mo = torch.zeros_like(x1), torch.zeros_like(o1)
    for t in range(x.shape[1]):
        for j in range(OBJECTS):
            mx[:, t] = mx[:, t].clone() + M[:, t, j, None] * gx[:, t, j] * o1[:, j]
            mo[:, j] = mo[:, j].clone() + M[:, t, j, None] * go[:, t, j] * x1[:, t]
    out |= {"message_to_text": mx, "message_to_obj": mo}
    x2 = out["text_after_exchange"] = added("xgate", x1, mx)
    o2 = out["obj_after_exchange"] = added("ogate", o1, mo)
    out["text_ffn"], out["obj_ffn"] = feedforward("ffn_x", x2), feedforward("ffn_o", o2)
    out["text_out"] = added("res4ffn_x", x2, out["text_ffn"])
    out["obj_out"] = added("res4ffn_o", o2, out["obj_ffn"])
    return out


def forward(p: dict[str, Tensor], given: dict[str, Tensor], M: Tensor) -> dict[str, Tensor]:
    """golden/README.md 4, steps 1 to 4."""
    mask, out = given["attention_mask"], {}
    vectors = p["bert.embeddings.word_embeddings.weight"][given["input_ids"]]
    out["embeddings"] = plain.embed(p, "bert", vectors, given["token_type_ids"])
    states = plain.layers(p, "bert", out["embeddings"], mask, BERT_HEADS, DEPTH)
    out |= {f"bert_layer_{number}": state for number, state in enumerate(states)}
    S = out["text_hidden"] = states[-1]
    out["resnet_fc"] = plain.linear(p, "resnet.fc", given["pooled_object_features"])
    o = plain.linear(p, "trans_obj.0", out["resnet_fc"]).clamp(min=0)
    o = out["objects_proj"] = plain.linear(p, "trans_obj.3", o).clamp(min=0)
    x = out["text_proj"] = plain.linear(p, "trans_txt", S)
    for i in range(LAYERS):
        found = layer(p, i, x, o, mask, M)
        x, o = found["text_out"], found["obj_out"]
        out |= {f"layer{i}.{name}": value for name, value in found.items()}
    out["fused"] = torch.cat([S, x], -1)
    out["emissions"] = plain.linear(p, "hidden2tag", out["fused"])
    return out


@pytest.fixture(scope="module")
def own_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    generator = torch.Generator().manual_seed(4)
    p, given = plain.random_parameters(shapes(), generator), inputs(generator)
    mask, gold = given["attention_mask"], given["labels"]
    out = forward(p, given, given["inter_matrix"])
    assert out["objects_proj"].std(1).amin(0).max() > 0.1, "objects that are all alike would test little"
    found = plain.chain(p, "crf", out["emissions"], gold, mask)
    out["decoded_tags"] = found.pop("tags")
    out |= found
    loss = out["loss"] = -found["log_likelihood"].sum()
    other = forward(p, given, given["variant_matrix.inter_matrix"])["emissions"]
    out["variant_matrix.emissions"] = other
    out["variant_matrix.decoded_tags"] = plain.chain(p, "crf", other, gold, mask)["tags"]
    targets = {name: (out | given)[name] for name in ("text_hidden", "pooled_object_features")}
    to_inputs = torch.autograd.grad(loss, list(targets.values()), retain_graph=True)
    tensors = {f"param/{name}": value for name, value in p.items()} | plain.gradients(loss, p)
    tensors |= {f"input/{name}": value for name, value in given.items()}
    tensors |= {f"output/{name}": value for name, value in out.items()}
    tensors |= {f"grad_input/{name}": value for name, value in zip(targets, to_inputs, strict=True)}
    return plain.write(tmp_path_factory.mktemp("umgf") / "case.safetensors", tensors, METADATA)


def test_authors_numbers(golden: Path) -> None:
    report = parity.check(golden / "umgf.safetensors")
    assert report.passed, render(report)
    assert len(report.comparisons) > 150


def test_plain_loops_agree(own_case: Path) -> None:
    """Other sizes, three objects, and a sentence that no object is linked to."""
    report = parity.check(own_case)
    assert report.passed, render(report)


CHANGES = (
    "param/mhatt_o.1.linears.1.weight",
    "param/mhatt_x2o.0.weight",
    "input/inter_matrix",
    "output/layer0.message_to_obj",
    "output/variant_matrix.decoded_tags",
    "grad/trans_obj.3.weight",
    "grad_input/pooled_object_features",
)


@pytest.mark.parametrize("key", CHANGES)
def test_a_changed_copy_fails(own_case: Path, tmp_path: Path, key: str) -> None:
    assert not parity.check(plain.changed(own_case, tmp_path / "changed.safetensors", key)).passed


def test_a_changed_copy_of_the_authors_numbers_fails(golden: Path, tmp_path: Path) -> None:
    copy = plain.changed(golden / "umgf.safetensors", tmp_path / "changed.safetensors", "param/trans_txt.weight")
    assert not parity.check(copy).passed


def test_gradients_that_only_one_side_has_fail(own_case: Path, tmp_path: Path) -> None:
    tensors, metadata = plain.read(own_case)
    tensors["grad/ogate.1.norm.weight"] = torch.zeros(MODEL, dtype=torch.float64)
    report = parity.check(plain.write(tmp_path / "more.safetensors", tensors, metadata))
    worst = max(report.comparisons, key=lambda comparison: comparison.error)
    assert (worst.name, worst.error) == ("grad/ogate.1.norm.weight", math.inf)
    del tensors["grad/ogate.1.norm.weight"], tensors["grad/trans_txt.bias"]
    assert not parity.check(plain.write(tmp_path / "fewer.safetensors", tensors, metadata)).passed


def test_a_file_with_a_parameter_too_many_is_refused(own_case: Path, tmp_path: Path) -> None:
    tensors, metadata = plain.read(own_case)
    tensors["param/ffn_z.weight"] = torch.zeros(2, dtype=torch.float64)
    with pytest.raises(ParityError):
        parity.check(plain.write(tmp_path / "more.safetensors", tensors, metadata))


def test_regions_are_pooled_into_runs() -> None:
    counts = torch.tensor([7, 3, 0, 1])
    mask = torch.arange(7) < counts[:, None]
    values = torch.arange(1.0, 8.0).repeat(4, 1)[..., None]
    pooled = pooled_regions(Visual(values * mask[..., None], mask), 4)
    assert pooled.mask.tolist() == [
        [True] * 4,
        [True, True, True, False],
        [False] * 4,
        [True, False, False, False],
    ]
    assert pooled.regions[..., 0].tolist() == [[1.5, 3.5, 5.5, 7], [1, 2, 3, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    gappy = pooled_regions(Visual(values[:1], torch.tensor([[False, True, False, True, True, False, True]])), 2)
    assert gappy.regions[..., 0].tolist() == [[3.0, 6.0]]


def test_crops_are_nodes_of_their_own() -> None:
    given = Visual(torch.eye(5)[None], torch.ones(1, 5, dtype=torch.bool))
    nodes = first_regions(given, 4)
    assert torch.equal(nodes.regions[0], torch.eye(5)[:4])
    assert nodes.mask.all()
    whole_alone = Visual(torch.eye(5)[None], torch.tensor([[True, False, False, False, False]]))
    assert first_regions(whole_alone, 4).mask.tolist() == [[True, False, False, False]]


def test_queries_and_keys_start_equal_where_asked_to() -> None:
    layers = {same: GatedGraphLayer(MODEL, HEADS, INNER, 0.0, same) for same in (True, False)}
    for same, made in layers.items():
        for attention in (made.word_attention, made.object_attention):
            assert torch.equal(attention.query.weight, attention.key.weight) is same
        assert not torch.equal(made.word_attention.query.weight, made.word_attention.value.weight)
