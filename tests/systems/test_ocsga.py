"""OCSGA: the authors' numbers, the CRF's border states, and what a picture's words may and may not do."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support import ncrf_cases as cases
from torch import Tensor

from baselines import ocsga
from mner.data.batch import Batch, TextInput
from mner.data.corpus import LABELS
from mner.data.side_data import ImageText
from mner.models.cards import ContractError
from mner.models.decoders import CRFDecoder
from mner.models.system import BuildContext, load_system
from mner.models.word_object_attention import DeviationNorm, GuidedAttention, MaskedBatchNorm
from mner.parity import parity_ncrf as ncrf
from mner.parity import parity_ocsga as parity
from mner.parity.golden import Golden
from mner.parity.parity_report import ParityError, render

HIDDEN, OBJECTS, OBJECT_SIZE = 8, 6, 5
OPTIONS = {
    "variant": "released", "reader": cases.READER,
    "max_objects": 4, "heads": 2, "layers": 1, "attention_dropout": 0.0,
}  # fmt: skip
SENTENCES = cases.SENTENCES
PICTURES = (("person", "potted plant", "person", "pizza"), (), ("dog",))


def shapes(layers: int) -> cases.Shapes:
    result = cases.text_shapes(HIDDEN)
    result |= {"object_embeddings.weight": (OBJECTS, OBJECT_SIZE)}
    result |= cases.linear("obj_feat_linear", HIDDEN, OBJECT_SIZE)
    blocks = {f"mca.enc_list.{layer}": (("mhatt",), 2) for layer in range(layers)}
    blocks |= {f"mca.dec_list.{layer}": (("mhatt1", "mhatt2"), 3) for layer in range(layers - 1)}
    blocks["mca.dec_last"] = (("mhatt1", "mhatt2"), 3)
    for block, (attentions, norms) in blocks.items():
        for attention, part in itertools.product(attentions, ("q", "k", "v", "merge")):
            result |= cases.linear(f"{block}.{attention}.linear_{part}", HIDDEN, HIDDEN)
        result |= cases.linear(f"{block}.ffn.mlp.fc.linear", 4 * HIDDEN, HIDDEN)
        result |= cases.linear(f"{block}.ffn.mlp.linear", HIDDEN, 4 * HIDDEN)
        result |= {f"{block}.norm{i}.{part}_2": (HIDDEN,) for i in range(1, norms + 1) for part in "ab"}
    return result


def own_golden(path: Path, layers: int) -> Path:
    generator = torch.Generator().manual_seed(layers)
    tensors = cases.parameters(shapes(layers), generator) | cases.text_inputs(generator)
    tensors["input/object_ids"] = torch.tensor([[3, 5, 0, 0], [0, 0, 0, 0], [1, 2, 2, 4]])
    metadata = {"constants": '{"heads": 4}'}
    outputs, weights = parity.run(Golden(path, tensors, metadata, 0.0))
    tensors |= {f"output/{name}": values for name, values in outputs.items()}
    return cases.save(path, tensors | cases.gradients(outputs["loss"], weights), metadata)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_golden(tmp_path_factory.mktemp("golden") / "own.safetensors", 3)


def build() -> BuildContext:
    def no_encoder():
        raise AssertionError("OCSGA has no pretrained encoder")

    return BuildContext(LABELS, no_encoder, None, {"train": SENTENCES, "dev": (), "test": ()})


def tagger(**options) -> ocsga.Tagger:
    torch.manual_seed(0)
    return ocsga.Tagger(build(), **(OPTIONS | options))


def batch(pictures=PICTURES, sentences=SENTENCES) -> Batch:
    lengths = torch.tensor([len(words) for words in sentences])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    pieces = TextInput(mask.long(), mask, torch.full(mask.shape, -1))
    tags = torch.arange(mask.numel()).view_as(mask.long()) % len(LABELS) * mask
    return Batch(
        torch.arange(len(sentences)), tuple(sentences), mask, tags, pieces,
        image_text=tuple(ImageText(objects=labels) for labels in pictures),
    )  # fmt: skip


def scores(model: ocsga.Tagger, given: Batch) -> Tensor:
    with torch.no_grad():
        return model.eval()(given).scores * given.word_mask[..., None]


@pytest.mark.parametrize("file", ["ocsga", "ocsga_2layers"])
def test_the_authors_numbers_are_met(golden: Path, file: str) -> None:
    path = golden / f"{file}.safetensors"
    report = parity.check(path)
    assert report.passed, render(report)
    stored, _ = cases.load(path)
    expected = {name for name in stored if name.startswith(("output/", "grad/"))}
    assert expected == {comparison.name for comparison in report.comparisons}
    assert any(name.startswith("output/alt_") for name in expected)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("param/mca.dec_last.norm2.a_2", cases.nudge),
        ("param/crf.transitions", cases.shift),
        ("input/alt_transitions", cases.shift),
    ],
)
def test_parameters_off_by_a_millionth_fail(golden: Path, tmp_path: Path, name: str, change) -> None:
    path = cases.changed(golden / "ocsga.safetensors", tmp_path / "changed.safetensors", name, change)
    assert not parity.check(path).passed


def test_a_file_of_other_sizes_and_depth_is_read_and_a_change_in_it_fails(own: Path, tmp_path: Path) -> None:
    report = parity.check(own)
    assert report.passed, render(report)
    assert "output/att_dec1_guided" in {comparison.name for comparison in report.comparisons}
    for name in ("param/mca.dec_list.1.mhatt2.linear_v.weight", "grad/char_lstm.weight_hh_l0_reverse"):
        assert not parity.check(cases.changed(own, tmp_path / "nudged", name, cases.nudge)).passed, name
    for name in ("output/decoded_tags", "output/alt_decoded_tags_raw"):
        report = parity.check(cases.changed(own, tmp_path / "flipped", name, cases.flip))
        assert [c.name for c in report.comparisons if not c.passed] == [name]


def test_files_that_cannot_be_checked_say_why(own: Path, tmp_path: Path) -> None:
    with pytest.raises(ParityError):
        parity.check(tmp_path / "absent.safetensors")
    (tmp_path / "text").write_text("not tensors at all")
    with pytest.raises(ParityError):
        parity.check(tmp_path / "text")
    tensors, metadata = cases.load(own)

    def without(name: str) -> Path:
        return cases.save(tmp_path / "short", {k: v for k, v in tensors.items() if k != name}, metadata)

    with pytest.raises(ParityError):
        parity.check(without("param/cat_bn.running_mean"))
    with pytest.raises(ParityError):
        parity.check(without("grad/hidden2tag.bias"))
    with pytest.raises(ParityError):
        parity.check(without("output/loss"))
    with pytest.raises(ParityError):
        parity.check(cases.save(tmp_path / "more", tensors | {"param/second_lstm.bias": torch.ones(2)}, metadata))
    with pytest.raises(ParityError):
        parity.check(cases.save(tmp_path / "bare", tensors, {"constants": "{}"}))


def test_border_states_stay_inside_the_chain() -> None:
    """All paths over all states, START, STOP and padding among them, written out."""
    generator = torch.Generator().manual_seed(3)
    states, words = 4, 3
    square, emissions = cases.normal(generator, states, states), cases.normal(generator, 1, words, states)
    sentence = {"input/label_ids": torch.tensor([[1, 1, 1]]), "input/mask": torch.ones(1, 3).bool()}
    golden = Golden(Path("none"), sentence, {}, 0.0)
    paths = list(itertools.product(range(states), repeat=words))
    totals = torch.stack([
        square[-2, p[0]] + sum(emissions[0, t, tag] for t, tag in enumerate(p))
        + square[p[0], p[1]] + square[p[1], p[2]] + square[p[2], -1]
        for p in paths
    ])  # fmt: skip
    ours = ncrf.chain_outputs(golden, emissions, square)
    gold = totals[paths.index((1, 1, 1))]
    torch.testing.assert_close(ours["crf_log_partition_sum"], totals.logsumexp(0))
    torch.testing.assert_close(ours["crf_nll_sum"], totals.logsumexp(0) - gold)
    assert tuple(ours["decoded_tags"][0].tolist()) == paths[int(totals.argmax())]


def test_norm_and_attention_are_their_formulas() -> None:
    rows = torch.tensor([[1.0, 2.0, 6.0]])
    torch.testing.assert_close(DeviationNorm(3)(rows), (rows - 3.0) / (7.0**0.5 + 1e-6))
    torch.manual_seed(1)
    attention = GuidedAttention(4, 2, 0.0).double()
    queries, keys = torch.randn(1, 2, 4).double(), torch.randn(1, 3, 4).double()
    mask = torch.tensor([[True, True, False]])
    parts = []
    for head in (slice(0, 2), slice(2, 4)):
        query, key, value = (
            part(x)[0][:, head]
            for part, x in ((attention.query, queries), (attention.key, keys), (attention.value, keys))
        )
        weights = (query @ key[:2].T / 2**0.5).softmax(-1)
        parts.append(weights @ value[:2])
    torch.testing.assert_close(attention(queries, keys, mask)[0], attention.merge(torch.cat(parts, -1)))
    uniform = attention(queries, keys, torch.zeros(1, 3).bool())
    torch.testing.assert_close(uniform[0], attention.merge(attention.value(keys)[0].mean(0)).expand(2, -1))


def test_masked_batch_statistics_ignore_padding_and_one_row_is_no_error() -> None:
    torch.manual_seed(0)
    states, mask = torch.randn(2, 3, 4), torch.tensor([[True, True, False], [True, False, False]])
    real = MaskedBatchNorm(4)(states[mask])
    masked = MaskedBatchNorm(4)
    torch.testing.assert_close(masked(states, mask)[mask], real)
    assert not masked(states, mask)[~mask].any()
    assert not torch.allclose(MaskedBatchNorm(4)(states)[mask], real)
    before = masked.running_mean.clone()
    for rows in (states[:1, :1], states[:0]):
        assert torch.isfinite(masked(rows)).all()
    assert torch.equal(masked.running_mean, before)


def test_label_words_are_the_first_four_in_order_with_repetitions() -> None:
    model = tagger()
    ids, known = model._objects(batch()), model.label_words.words
    assert ids.tolist()[0] == [known[word] for word in ("person", "potted", "plant", "person")]
    assert ids.tolist()[1:] == [[0, 0, 0, 0], [known["dog"], 0, 0, 0]]
    assert not model.labels.table.weight.requires_grad
    same = batch(pictures=(("person", "potted plant", "person", "giraffe"), *PICTURES[1:]))
    assert torch.equal(scores(model, batch()), scores(model, same))


def test_a_picture_without_objects_adds_a_constant_or_nothing() -> None:
    """Released: the same vector to every word of every such sentence. Paper: words alone."""
    given = batch(pictures=((), (), ()))
    added = {}
    for variant in ("released", "paper"):
        model = tagger(variant=variant).eval()
        captured: list[Tensor] = []
        model.fusion.norm.register_forward_hook(lambda module, inputs, output, to=captured: to.append(inputs[0]))
        model.fusion.attention.cross_layers[0].norm3.shift.data += 1.0
        with torch.no_grad():
            model(given)
            words = model.text(model.vocabulary.encode(given), given.word_mask)
        added[variant] = (captured[0] - words)[given.word_mask]
    torch.testing.assert_close(added["released"], added["released"][:1].expand_as(added["released"]))
    assert added["released"][0].abs().max() > 0.1
    assert torch.equal(added["paper"], torch.zeros_like(added["paper"]))


@pytest.mark.parametrize("variant", ["released", "paper"])
def test_only_the_own_picture_and_sentence_count_and_gradients_are_finite(variant: str) -> None:
    model, given = tagger(variant=variant, layers=2), batch()
    expected = scores(model, given)
    swapped = scores(model, batch(pictures=(("car",), *PICTURES[1:])))
    assert not torch.allclose(swapped[0], expected[0])
    assert torch.equal(swapped[1:], expected[1:])
    alone = scores(model, batch(pictures=PICTURES[1:2], sentences=SENTENCES[1:2]))
    torch.testing.assert_close(alone[0], expected[1, :2])
    decoder = CRFDecoder(len(LABELS))
    decoder.nll(model.train()(given), given.tags).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("variant", ["released", "paper"])
def test_a_tag_that_only_the_objects_tell_is_learned(variant: str) -> None:
    """Planted truth: the same sentence with a dog or with a car."""
    sentences = (SENTENCES[0],) * 4
    given = batch(pictures=(("dog",), ("car",), ("dog",), ("car",)), sentences=sentences)
    tags = torch.tensor([1, 3, 1, 3])[:, None].expand(4, 4)
    model = tagger(variant=variant)
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-2)
    for _ in range(20):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model.train()(given).scores.flatten(0, 1), tags.flatten()).backward()
        optimiser.step()
    assert torch.equal(scores(model, given).argmax(-1), tags)


@pytest.mark.parametrize("variant", ["released", "paper"])
def test_mixed_precision_trains_to_nearly_the_same_numbers(variant: str) -> None:
    model, given = tagger(variant=variant).train(), batch()
    exact = model(given).scores
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = model(given).scores
    rough.float().sum().backward()
    torch.testing.assert_close(rough.float(), exact, rtol=0, atol=0.1)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_the_contract_is_kept_and_bad_options_are_refused() -> None:
    module = load_system("baselines/ocsga.py")
    assert module.CARD.needs == ("objects",)
    assert set(module.CARD.variants) == {"released", "paper"}
    with pytest.raises(ContractError):
        tagger(variant="best")
    with pytest.raises(ContractError):
        tagger(layers=0)
    with pytest.raises(ContractError):
        tagger(heads=3)
    with pytest.raises(ContractError):
        tagger()(replace(batch(), image_text=None))
