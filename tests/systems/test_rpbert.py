"""RpBERT: the authors' numbers, the equations once more in plain arithmetic, and what its parts promise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support import plain_bert as plain
from torch import Tensor
from torch.nn.functional import pad
from transformers import BertConfig, BertModel

from baselines.rpbert import RelationBert
from mner.data.batch import TextInput, Visual
from mner.models.cards import ContractError
from mner.models.encoders import TextEncoder
from mner.models.joint_bert import PLACEMENTS, POSITIONS, JointBert, mean_piece_vectors
from mner.parity import parity_rpbert as parity
from mner.parity.parity_report import ParityError, render

WIDTH, INNER, HEADS, DEPTH, VISUAL, REGIONS, STATIC, HIDDEN, TAGS = 8, 12, 2, 1, 5, 3, 2, 3, 4
METADATA = {"model": "RpBERT (2022 rewrite)", "constants": {"heads": HEADS}}
WORDS = torch.tensor([[-1, 0, 1, 1, 2, -1], [-1, 0, 0, -1, -1, -1]])


def shapes() -> dict[str, tuple[int, ...]]:
    found = plain.bert_shapes("encoder_t", words=11, width=WIDTH, inner=INNER, count=DEPTH)
    for name, inputs, outputs in (
        ("proj", VISUAL, WIDTH),
        ("aux_head", WIDTH, 2),
        ("head", 2 * HIDDEN, TAGS),
    ):
        found |= plain.linear_shapes(name, inputs, outputs)
    for number, width in enumerate((WIDTH + STATIC, 2 * HIDDEN)):
        for ending in ("", "_reverse"):
            found |= {f"rnn.weight_ih_l{number}{ending}": (4 * HIDDEN, width)}
            found |= {f"rnn.weight_hh_l{number}{ending}": (4 * HIDDEN, HIDDEN)}
            found |= {f"rnn.bias_{side}_l{number}{ending}": (4 * HIDDEN,) for side in ("ih", "hh")}
    return found | plain.chain_shapes("crf", TAGS)


def inputs(generator: torch.Generator) -> dict[str, Tensor]:
    attention = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
    mask = torch.tensor([[True, True, True], [True, False, False]])

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return {
        "input_ids": torch.randint(1, 11, attention.shape, generator=generator) * attention,
        "attention_mask": attention,
        "token_type_ids": torch.zeros_like(attention),
        "word_index": WORDS,
        "visual": random(2, REGIONS, VISUAL),
        "static_embeddings": random(2, 3, STATIC),
        "label_ids": torch.randint(0, TAGS, mask.shape, generator=generator) * mask,
        "mask": mask,
        "relation_labels": torch.tensor([1, 0]),
    }


def one_pass(p: dict[str, Tensor], given: dict[str, Tensor], r: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """golden/OLDER.md 4, step 1."""
    visual = r[:, None, None] * plain.linear(p, "proj", given["visual"])
    words = p["encoder_t.embeddings.word_embeddings.weight"][given["input_ids"]]
    vectors = torch.cat([words, visual], 1)
    ones = torch.ones(len(r), REGIONS, dtype=torch.long)
    embedded = plain.embed(p, "encoder_t", vectors, torch.cat([given["token_type_ids"], ones], 1))
    mask = torch.cat([given["attention_mask"], ones], 1)
    return vectors, embedded, plain.layers(p, "encoder_t", embedded, mask, HEADS, DEPTH)[-1]


def recurrent(p: dict[str, Tensor], words: Tensor) -> Tensor:
    """Two bidirectional layers over one sentence without padding."""
    for number in range(2):
        sides = []
        for ending, order in (("", 1), ("_reverse", -1)):
            name = f"l{number}{ending}"
            h = c = torch.zeros(HIDDEN, dtype=torch.float64)
            states = []
            for word in words if order == 1 else words.flip(0):
                total = p[f"rnn.weight_ih_{name}"] @ word + p[f"rnn.bias_ih_{name}"]
                i, f, g, o = (total + p[f"rnn.weight_hh_{name}"] @ h + p[f"rnn.bias_hh_{name}"]).chunk(4)
                c = f.sigmoid() * c + i.sigmoid() * g.tanh()
                h = o.sigmoid() * c.tanh()
                states.append(h)
            sides.append(torch.stack(states[::order]))
        words = torch.cat(sides, -1)
    return words


def forward(p: dict[str, Tensor], given: dict[str, Tensor]) -> dict[str, Tensor]:
    """golden/OLDER.md 4, steps 1 to 4."""
    out, names = {}, ("bert_inputs_embeds", "bert_embedding_output", "bert_last_hidden")
    passed = one_pass(p, given, torch.ones(2, dtype=torch.float64))
    out |= {f"{name}_pass1": value for name, value in zip(names, passed, strict=True)}
    out["relation_logits"] = plain.linear(p, "aux_head", passed[2][:, 0])
    exponent = torch.exp(out["relation_logits"])
    out["relation_probabilities"] = exponent / exponent.sum(1, keepdim=True)
    out["gate"] = out["relation_probabilities"][:, 1]
    passed = one_pass(p, given, out["gate"])
    out |= {f"{name}_pass2": value for name, value in zip(names, passed, strict=True)}
    features, states = [], []
    for b, length in enumerate(given["mask"].sum(1).tolist()):
        means = [passed[2][b, :6][WORDS[b] == w].mean(0) for w in range(length)]
        read = torch.cat([torch.stack(means), given["static_embeddings"][b, :length]], -1)
        features.append(pad(read, (0, 0, 0, 3 - length)))
        states.append(pad(recurrent(p, read), (0, 0, 0, 3 - length)))
    out["word_features"] = torch.stack(features)
    out["rnn_output"] = out["head_input"] = torch.stack(states)
    out["emissions"] = plain.linear(p, "head", out["head_input"])
    return out


@pytest.fixture(scope="module")
def own_case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    generator = torch.Generator().manual_seed(5)
    p, given = plain.random_parameters(shapes(), generator), inputs(generator)
    out = forward(p, given)
    found = plain.chain(p, "crf", out["emissions"], given["label_ids"], given["mask"].long())
    out["log_likelihood"], out["decoded_tags"] = found["log_likelihood"], found["tags"]
    out["loss"] = -out["log_likelihood"].mean()
    logits = out["itr_logits"] = out["relation_logits"]
    chosen = logits[torch.arange(2), given["relation_labels"]]
    out["itr_loss"] = (torch.log(torch.exp(logits).sum(1)) - chosen).mean()
    out["itr_pred"] = (logits[:, 1] > logits[:, 0]).long()
    tensors = {f"param/{name}": value for name, value in p.items()}
    tensors |= plain.gradients(out["loss"], p) | plain.gradients(out["itr_loss"], p, "grad/relation_task/")
    tensors |= {f"input/{name}": value for name, value in given.items()}
    tensors |= {f"output/{name}": value for name, value in out.items()}
    return plain.write(tmp_path_factory.mktemp("rpbert") / "case.safetensors", tensors, METADATA)


def test_authors_numbers(golden: Path) -> None:
    report = parity.check(golden / "rpbert.safetensors")
    assert report.passed, render(report)
    assert len(report.comparisons) > 120


def test_plain_arithmetic_agrees(own_case: Path) -> None:
    report = parity.check(own_case)
    assert report.passed, render(report)


CHANGES = (
    "param/aux_head.weight",
    "param/rnn.weight_hh_l1_reverse",
    "input/static_embeddings",
    "output/bert_inputs_embeds_pass2",
    "output/itr_pred",
    "grad/proj.weight",
    "grad/relation_task/aux_head.bias",
)


@pytest.mark.parametrize("key", CHANGES)
def test_a_changed_copy_fails(own_case: Path, tmp_path: Path, key: str) -> None:
    assert not parity.check(plain.changed(own_case, tmp_path / "changed.safetensors", key)).passed


def test_a_changed_copy_of_the_authors_numbers_fails(golden: Path, tmp_path: Path) -> None:
    copy = plain.changed(golden / "rpbert.safetensors", tmp_path / "changed.safetensors", "param/proj.weight")
    assert not parity.check(copy).passed


def test_pieces_out_of_order_are_refused(own_case: Path, tmp_path: Path) -> None:
    tensors, metadata = plain.read(own_case)
    tensors["input/word_index"] = torch.tensor([[-1, 1, 0, 0, 2, -1], [-1, 0, 0, -1, -1, -1]])
    with pytest.raises(ParityError):
        parity.check(plain.write(tmp_path / "order.safetensors", tensors, metadata))


def encoder(types: int = 2) -> TextEncoder:
    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=20, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12,
        max_position_embeddings=14, type_vocab_size=types, attn_implementation="sdpa", initializer_range=0.5,
    )  # fmt: skip
    return TextEncoder(BertModel(config, add_pooling_layer=False))


def joint(placement: str = "projection", positions: str = "padded") -> JointBert:
    return JointBert(encoder(), VISUAL, placement, positions).double().eval()


def tweet(padding: int = 0) -> TextInput:
    """``[CLS] one two ##two [SEP]``; its second word has no piece."""
    ids = torch.tensor([[2, 7, 8, 9, 3] + [0] * padding])
    return TextInput(ids, ids > 0, torch.tensor([[1, -1, 2]]))


def picture(regions: int = 2) -> Visual:
    generator = torch.Generator().manual_seed(2)
    values = torch.randn(1, regions, VISUAL, generator=generator, dtype=torch.float64)
    return Visual(values, torch.ones(1, regions, dtype=torch.bool))


def test_words_are_the_means_of_their_pieces() -> None:
    pieces = torch.arange(7.0)[None, :, None]
    text = replace(tweet(2), first_piece=torch.tensor([[1, -1, 2, -1]]))
    assert mean_piece_vectors(pieces, text)[0, :, 0].tolist() == [1.0, 0.0, 2.5, 0.0]


@torch.no_grad()
@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("positions", POSITIONS)
def test_padding_matters_only_where_positions_count_it(placement: str, positions: str) -> None:
    model, image = joint(placement, positions), picture()
    scale = torch.tensor([0.3], dtype=torch.float64)
    expected, padded = (model(tweet(padding), image, scale)[:, :5] for padding in (0, 3))
    assert torch.allclose(expected, padded, atol=1e-12) is (positions == "packed")


@torch.no_grad()
def test_a_gate_of_zero_leaves_other_traces_in_each_placement() -> None:
    """Scaled before position and type, a region becomes any other region; scaled after them, nothing at all."""
    zero, image = torch.zeros(1, dtype=torch.float64), picture()
    other = replace(image, regions=-3 * image.regions)
    for placement in PLACEMENTS:
        model = joint(placement)
        model.projection.bias.fill_(0.7)
        assert torch.equal(model(tweet(), image, zero), model(tweet(), other, zero))
        assert not torch.allclose(model(tweet(), image), model(tweet(), other))
    embedded = joint("embedding")._embedded(tweet(), image, zero)
    assert not embedded[:, 5:].any()
    assert joint("projection")._embedded(tweet(), image, zero)[:, 5:].any()


def test_the_gate_is_trained_by_what_the_words_are_for() -> None:
    model = RelationBert(joint())
    model.double()(tweet(), picture()).square().sum().backward()
    assert model.relation.weight.grad.abs().max() > 0


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ContractError):
        joint(placement="before")
    with pytest.raises(ContractError):
        JointBert(encoder(types=1), VISUAL, "projection", "padded")
    with pytest.raises(ContractError):
        joint()(tweet(), picture(10))
