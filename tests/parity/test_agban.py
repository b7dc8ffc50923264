"""Object-AGBAN: the authors' numbers, the adversary's laws, and what padding and absent pictures may do."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support import ncrf_cases as cases
from support.messages import names
from torch import Tensor

from baselines import object_agban
from mner.data.batch import Batch, TextInput, Visual
from mner.data.corpus import LABELS
from mner.models.adversary import OBJECT, ModalityAdversary, object_share, reversal_strength
from mner.models.cards import ContractError
from mner.models.decoders import CRFDecoder
from mner.models.system import BuildContext, load_system
from mner.models.word_object_attention import BilinearAttention
from mner.parity import parity_agban as parity
from mner.parity.golden import Golden
from mner.parity.parity_report import ParityError, render

HIDDEN, VISUAL, SLOTS = 6, 5, 2
METADATA = {"constants": '{"glimpse": 1, "lv": 1.0, "lt": 1.0}'}
OPTIONS = {
    "variant": "released", "reader": cases.READER,
    "max_objects": 3, "object_hidden": [7], "adversary_hidden": [6, 5], "dropout": 0.0, "input_dropout": 0.0,
}  # fmt: skip
SENTENCES = cases.SENTENCES
COUNTS = (4, 0, 2)
VARIANTS = ("released", "paper")


def shapes() -> cases.Shapes:
    result = cases.text_shapes(HIDDEN)
    for name, sizes in (("map_to_text", (VISUAL, 9, 7, HIDDEN)), ("modal_clf", (HIDDEN, 5, 3, 2))):
        for index, (layer, norm) in enumerate(((0, 1), (3, 4), (6, None))):
            result |= cases.linear(f"{name}.{layer}", sizes[index + 1], sizes[index])
            result |= {} if norm is None else cases.batch_norm(f"{name}.{norm}", sizes[index + 1])
    for name, outputs, inputs in (
        ("v_att.logits.v_net.main.1", 3 * HIDDEN, HIDDEN),
        ("v_att.logits.q_net.main.1", 3 * HIDDEN, HIDDEN),
        ("b_net.0.main.1", HIDDEN, HIDDEN),
        ("g_t_prj.0.main.0", HIDDEN, HIDDEN),
        ("g_v_prj.0.main.0", HIDDEN, HIDDEN),
        ("g_prj.0.main.0", HIDDEN, 2 * HIDDEN),
    ):
        result |= {f"{name}.weight_g": (), f"{name}.weight_v": (outputs, inputs), f"{name}.bias": (outputs,)}
    result |= {"v_att.logits.h_mat_g": (), "v_att.logits.h_mat_v": (1, 1, 1, 3 * HIDDEN)}
    return result | {"v_att.logits.h_bias": (1, 1, 1, 1), "modal_clf_loss.weight": (2,)}


def own_golden(path: Path) -> Path:
    generator = torch.Generator().manual_seed(2)
    tensors = cases.parameters(shapes(), generator) | cases.text_inputs(generator)
    tensors["param/modal_clf_loss.weight"] = torch.tensor([0.7, 0.3], dtype=torch.float64)
    for name in tensors:
        if name.endswith("_g"):
            tensors[name] = torch.tensor(1.7, dtype=torch.float64)
    seen = torch.tensor([[True, True], [True, False], [False, False]])
    tensors["input/visual_mask"] = seen
    tensors["input/visual"] = cases.normal(generator, 3, SLOTS, VISUAL) * seen[..., None]
    tensors["input/visual_modality_label"] = torch.where(seen.flatten(), 0, -1)
    tensors["input/text_modality_label"] = torch.where(tensors["input/mask"].flatten(), 1, -1)
    tensors["input/alpha"] = torch.tensor(0.6, dtype=torch.float64)
    outputs, weights, adversary = parity.run(Golden(path, tensors, METADATA, 0.0))
    tensors |= {f"output/{name}": values for name, values in outputs.items()}
    tensors |= cases.gradients(outputs["loss"], weights)
    tensors |= cases.gradients(adversary, weights, "grad/adversary_only/")
    return cases.save(path, tensors, METADATA)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_golden(tmp_path_factory.mktemp("golden") / "own.safetensors")


def build(visual_size: int | None = VISUAL) -> BuildContext:
    def no_encoder():
        raise AssertionError("Object-AGBAN has no pretrained encoder")

    return BuildContext(LABELS, no_encoder, visual_size, {"train": SENTENCES, "dev": (), "test": ()})


def tagger(**options) -> object_agban.Tagger:
    torch.manual_seed(0)
    return object_agban.Tagger(build(), **(OPTIONS | options))


def batch(counts=COUNTS, sentences=SENTENCES, extra: int = 0) -> Batch:
    """Sentences padded to the longest and ``extra`` words more."""
    lengths = torch.tensor([len(words) for words in sentences])
    mask = torch.arange(int(lengths.max()) + extra) < lengths[:, None]
    pieces = TextInput(mask.long(), mask, torch.full(mask.shape, -1))
    tags = torch.arange(mask.numel()).view_as(mask.long()) % len(LABELS) * mask
    seen = torch.arange(max(counts)) < torch.tensor(counts)[:, None]
    regions = torch.randn(len(counts), max(counts), VISUAL, generator=torch.Generator().manual_seed(5))
    number = torch.arange(len(sentences))
    return Batch(number, tuple(sentences), mask, tags, pieces, image=Visual(regions, seen))


def scores(model: object_agban.Tagger, given: Batch) -> Tensor:
    with torch.no_grad():
        return model.eval()(given).scores * given.word_mask[..., None]


def test_the_authors_numbers_are_met(golden: Path) -> None:
    path = golden / "agban.safetensors"
    report = parity.check(path)
    assert report.passed, render(report)
    stored, _ = cases.load(path)
    expected = {name for name in stored if name.startswith(("output/", "grad/"))}
    assert expected == {comparison.name for comparison in report.comparisons}
    assert {name.split("/")[1] for name in expected if name.count("/") == 2} == {"adversary_only"}
    assert any(name.startswith("output/alt_") for name in expected)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("param/g_prj.0.main.0.weight_g", cases.nudge),
        ("param/modal_clf.0.weight", cases.nudge),
        ("input/alpha", cases.nudge),
        ("input/alt_transitions", cases.shift),
    ],
)
def test_numbers_off_by_a_millionth_fail(golden: Path, tmp_path: Path, name: str, change) -> None:
    path = cases.changed(golden / "agban.safetensors", tmp_path / "changed.safetensors", name, change)
    assert not parity.check(path).passed


def test_a_file_of_other_sizes_is_read_and_a_change_in_it_fails(own: Path, tmp_path: Path) -> None:
    report = parity.check(own)
    assert report.passed, render(report)
    for name in ("param/map_to_text.4.running_var", "grad/adversary_only/word_lstm.weight_hh_l0"):
        assert not parity.check(cases.changed(own, tmp_path / "nudged", name, cases.nudge)).passed, name
    report = parity.check(cases.changed(own, tmp_path / "flipped", "output/alt_decoded_tags", cases.flip))
    assert [c.name for c in report.comparisons if not c.passed] == ["output/alt_decoded_tags"]


def test_files_that_cannot_be_checked_say_why(own: Path, tmp_path: Path) -> None:
    tensors, metadata = cases.load(own)
    with pytest.raises(ParityError, match="several glimpses"):
        parity.check(cases.save(tmp_path / "two", tensors, {"constants": '{"glimpse": 2}'}))
    with pytest.raises(ParityError, match="text_modality_label does not follow from input/mask"):
        parity.check(cases.changed(own, tmp_path / "labels", "input/text_modality_label", torch.ones_like))
    turned = tensors | {"param/modal_clf.3.weight": tensors["param/modal_clf.3.weight"].mT}
    with pytest.raises(ParityError, match=names("modal_clf.3.bias", "3", "5")):
        parity.check(cases.save(tmp_path / "turned", turned, metadata))
    short = {name: values for name, values in tensors.items() if name != "grad/adversary_only/modal_clf.6.bias"}
    with pytest.raises(ParityError, match=names("grad/adversary_only", "modal_clf.6")):
        parity.check(cases.save(tmp_path / "short", short, metadata))


@pytest.mark.parametrize("frozen", [False, True])
def test_reversal_turns_the_gradient_and_freezing_stops_the_classifier_alone(frozen: bool) -> None:
    torch.manual_seed(0)
    adversary = ModalityAdversary(4, (5, 3), 0.8).double().eval()
    states, mask = torch.randn(2, 3, 4).double(), torch.tensor([[True, True, False], [True, False, False]])
    straight = states.clone().requires_grad_()
    logits = adversary.classifier(straight)
    plain = adversary.loss(logits, mask, OBJECT)
    expected = -0.8 * logits[mask].log_softmax(-1)[:, OBJECT].sum()
    torch.testing.assert_close(plain, expected, rtol=1e-6, atol=0)  # the class weights are stored in float32
    plain.backward()
    given = states.clone().requires_grad_()
    adversary.zero_grad()
    adversary.loss(adversary.logits(given, 0.25, frozen=frozen), mask, OBJECT).backward()
    torch.testing.assert_close(given.grad, -0.25 * straight.grad)
    assert not given.grad[~mask].any()
    assert all((p.grad is None) == frozen for p in adversary.classifier.parameters())


def test_strength_and_class_weight_are_their_formulas() -> None:
    assert [reversal_strength(p) for p in (0.0, 0.1, 1.0)] == pytest.approx([0, math.tanh(0.5), math.tanh(5)])
    sentences = [("w",) * 16] * 3999 + [("w",) * (64439 - 16 * 3999)]
    assert object_share(sentences, 3) == 64439 / (64439 + 4000 * 3)


def test_no_loss_where_nothing_is_visible() -> None:
    words, objects, none = torch.randn(2, 2, 4), torch.randn(2, 3, 4), torch.zeros(2, 3).bool()
    losses = ModalityAdversary(4, (3,), 0.5)(words, torch.ones(2, 2).bool(), objects, none, strength=1.0)
    assert losses.objects == 0
    assert losses.words > 0


def test_attention_is_one_distribution_over_the_visible_pairs() -> None:
    torch.manual_seed(0)
    attention = BilinearAttention(4, 0.0, 0.0).double()
    words, objects = torch.randn(3, 5, 4).double(), torch.randn(3, 2, 4).double()
    visible = torch.rand(3, 2, 5) < 0.5
    visible[1] = False
    shares = attention(words, objects, visible)
    torch.testing.assert_close(shares.sum((1, 2)), torch.tensor([1.0, 0.0, 1.0]).double())
    assert not shares[~visible].any()
    asked = attention.of_objects(objects).relu()[0, 1] * attention.of_words(words).relu()[0, 3]
    score = (attention.pooling.weight[0] * asked).sum() + attention.pooling.bias[0]
    torch.testing.assert_close(attention.scores(words, objects, visible | True)[0, 1, 3], score)


def test_padding_moves_the_released_tags_and_not_the_papers() -> None:
    for variant in VARIANTS:
        model = tagger(variant=variant)
        few, many = scores(model, batch()), scores(model, batch(extra=4))[:, :4]
        assert torch.allclose(few[0], many[0], atol=1e-5) == (variant == "paper")
        torch.testing.assert_close(few[1], many[1])  # no object, no attention
        model.train()
        with torch.no_grad():
            few, many = (model(batch(extra=extra)).scores[0, :4] for extra in (0, 4))
        assert torch.allclose(few, many, atol=1e-5) == (variant == "paper")


@pytest.mark.parametrize("variant", VARIANTS)
def test_without_its_picture_a_sentence_is_its_words(variant: str) -> None:
    model, given = tagger(variant=variant).eval(), batch(counts=(1, 0, 0))
    with torch.no_grad():
        words = model.text(model.vocabulary.encode(given), given.word_mask)
        plain = model.emission(model.fusion.norm(words))
    ours = scores(model, given)
    torch.testing.assert_close(ours[1:], (plain * given.word_mask[..., None])[1:])
    assert not torch.allclose(ours[0], plain[0])


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_first_objects_count_and_what_is_masked_does_not(variant: str) -> None:
    model, given = tagger(variant=variant), batch()
    regions = given.image.regions.masked_fill(~given.image.mask[..., None], math.nan).clone()
    regions[:, 3] = 7.0
    assert torch.equal(
        scores(model, replace(given, image=replace(given.image, regions=regions))), scores(model, given)
    )
    regions = given.image.regions.clone()
    regions[0, 2] += 1.0
    changed = scores(model, replace(given, image=replace(given.image, regions=regions)))
    assert not torch.allclose(changed[0], scores(model, given)[0])
    assert torch.equal(changed[1:], scores(model, given)[1:])


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_loss_is_the_crfs_plus_the_adversarys_a_sentence(variant: str) -> None:
    model, decoder, given = tagger(variant=variant).eval(), CRFDecoder(len(LABELS)), batch()
    with pytest.raises(ContractError, match="call begin_update"):
        model.loss(given, decoder)
    model.begin_update(50, 100)
    words, objects = model.states(given)
    adversary = model.adversary(words, given.word_mask, objects.regions, objects.mask, strength=0.0)
    expected = decoder.nll(model(given), given.tags) + (adversary.objects + adversary.words) / 3
    torch.testing.assert_close(model.loss(given, decoder), expected)
    for update, learns in ((6, True), (7, False), (8, True)):
        model.train().zero_grad()
        model.begin_update(update, 100)
        model.loss(given, decoder).backward()
        assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
        assert all((p.grad is not None) == learns for p in model.adversary.classifier.parameters())
        assert model.projection.linears[0].weight.grad.any()


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_tag_that_only_the_objects_tell_is_learned(variant: str) -> None:
    """Planted truth: the same sentence, the sign of the regions decides."""
    given = batch(counts=(3, 3, 3, 3), sentences=(SENTENCES[0],) * 4)
    sign = torch.tensor([1.0, -1.0, 1.0, -1.0])
    given = replace(given, image=replace(given.image, regions=sign[:, None, None].expand(4, 3, VISUAL)))
    tags = torch.where(sign > 0, 1, 3)[:, None].expand(4, 4)
    model = tagger(variant=variant)
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-2)
    for _ in range(20):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model.train()(given).scores.flatten(0, 1), tags.flatten()).backward()
        optimiser.step()
    assert torch.equal(scores(model, given).argmax(-1), tags)


@pytest.mark.parametrize("variant", VARIANTS)
def test_mixed_precision_trains_to_nearly_the_same_loss(variant: str) -> None:
    model, decoder, given = tagger(variant=variant).train(), CRFDecoder(len(LABELS)), batch()
    model.begin_update(50, 100)
    exact = model.loss(given, decoder)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = model.loss(given, decoder)
    rough.backward()
    torch.testing.assert_close(rough, exact, rtol=0.05, atol=0)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_the_contract_is_kept_and_bad_options_are_refused() -> None:
    module = load_system("baselines/object_agban.py")
    assert module.CARD.needs == ("regions",)
    assert set(module.CARD.variants) == set(VARIANTS)
    with pytest.raises(ContractError, match=names("'best'", "released", "paper")):
        tagger(variant="best")
    with pytest.raises(ContractError, match="this data set has none"):
        object_agban.Tagger(build(None), **OPTIONS)
    with pytest.raises(ContractError, match=names("batch.image")):
        tagger()(replace(batch(), image=None))
