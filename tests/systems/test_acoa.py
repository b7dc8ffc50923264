"""ACOA: equal to the port on its golden file; what an absent picture, padding and the two score forms mean."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from baselines.acoa import Network, Trace
from mner.data.batch import Visual
from mner.models.cards import ContractError
from mner.models.coattention import AdditiveAttention, masked_softmax
from mner.models.recurrent import ParallelCharCNN
from mner.parity import parity_acoa as parity
from mner.parity.golden import Golden
from mner.parity.parity_report import ParityError

WORDS, CHARACTERS, LABELS, VISUAL, HIDDEN, LENGTH, REGIONS = 15, 9, 6, 5, 8, 11, 3
WIDTHS = (2, 3)
CHAIN = {"start_transitions": (LABELS,), "end_transitions": (LABELS,), "transitions": (LABELS, LABELS)}
LENGTHS = torch.tensor([4, 2])
MASK = torch.arange(4) < LENGTHS[:, None]


def network(scores: str = "separate", seed: int = 0) -> Network:
    torch.manual_seed(seed)
    spelling = ParallelCharCNN(CHARACTERS, 4, 3, WIDTHS, 10, 6, LENGTH)
    words = nn.Embedding(WORDS, 7, padding_idx=0)
    model = Network(words, 7, spelling, visual_size=VISUAL, hidden=HIDDEN, labels=LABELS, scores=scores)
    return model.double().eval()


def given(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "word_ids": torch.randint(1, WORDS, (2, 4), generator=generator) * MASK,
        "char_ids": torch.randint(1, CHARACTERS, (2, 4, LENGTH), generator=generator) * MASK[..., None],
        "img_feature": torch.randn(2, REGIONS, VISUAL, generator=generator, dtype=torch.float64),
        "label_ids": torch.randint(0, LABELS, (2, 4), generator=generator) * MASK,
        "mask": MASK.long(),
        "lengths": LENGTHS,
    }


def traced(model: Network, inputs: dict[str, Tensor], region_mask: Tensor | None = None) -> Trace:
    everything = torch.ones(2, REGIONS, dtype=torch.bool)
    image = Visual(inputs["img_feature"], everything if region_mask is None else region_mask)
    return model(inputs["word_ids"], inputs["char_ids"], MASK, image)


@pytest.mark.parametrize("scores", ["separate", "interacting"])
def test_any_picture_adds_much_the_same_and_none_adds_nothing(scores: str):
    """Why the card excuses it on the negative control: absence is a larger change than another picture."""
    model, usual = network(scores), 3 * torch.ones(2, REGIONS, VISUAL, dtype=torch.float64)
    noise = {seed: given(seed)["img_feature"] / 10 for seed in (1, 2)}
    own, other = (traced(model, {**given(), "img_feature": usual + noise[seed]}).emissions for seed in (1, 2))
    nothing = torch.zeros(2, REGIONS, dtype=torch.bool)
    none = traced(model, {**given(), "img_feature": usual}, nothing).emissions
    by_absence, by_swap = ((own - seen).abs()[MASK].mean() for seen in (none, other))
    assert by_absence > 5 * by_swap > 0


def write_own_golden(path: Path) -> None:
    """A file of the port's layout at other sizes, convolution widths and labels, filled by our own program."""
    theirs = {ours: name for name, ours in parity.NAMES.items()}
    state = network().state_dict()
    torch.manual_seed(1)
    tensors = {f"input/{name}": value for name, value in given().items()}
    tensors |= {f"param/{_their_name(name, theirs)}": torch.randn_like(value) for name, value in state.items()}
    tensors |= {f"param/crf.{name}": torch.randn(*shape, dtype=torch.float64) for name, shape in CHAIN.items()}
    golden = Golden(path, tensors, {}, 1e-9)
    model = parity.build(golden)
    trace, likelihood, loss, tags = parity.run(golden, model)
    results = parity.outputs(golden, model, trace)
    results |= {"log_likelihood": likelihood, "loss": loss, "decoded_tags": tags}
    loss.backward()
    tensors |= {f"output/{name}": value.detach() for name, value in results.items()}
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    for key in [key for key in tensors if key.startswith("param/")]:
        tensors[key.replace("param/", "grad/")] = gradients[parity.our_name(key)]
    save({key: value.contiguous().clone() for key, value in tensors.items()}, path)


def save(tensors: dict[str, Tensor], path: Path) -> None:
    save_file(tensors, path, {"model": "ACOA"})


def _their_name(ours: str, theirs: dict[str, str]) -> str:
    module, _, parameter = ours.rpartition(".")
    if module.startswith("characters.convolutions."):
        return f"lstm.char_cnn.convs.{module.rpartition('.')[2]}.0.{parameter}"
    return f"{theirs[module]}.{parameter}"


def read(path: Path) -> dict[str, Tensor]:
    with safe_open(str(path), "pt") as opened:
        return {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118


def test_equal_to_the_port(golden: Path) -> None:
    report = parity.check(golden / "acoa.safetensors")
    assert report.passed
    assert len(report.comparisons) == 67
    assert max(comparison.error for comparison in report.comparisons) < 1e-12


def test_other_sizes_pass_and_every_change_fails(tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    write_own_golden(path)
    assert parity.check(path).passed
    tensors = read(path)
    for key in sorted(tensors):
        if not key.startswith(("output/", "grad/")):
            continue
        changed = tensors[key].clone()
        changed.view(-1)[-1] += 1 if not changed.is_floating_point() else 1e-6 * max(1, float(changed.abs().max()))
        save({**tensors, key: changed}, path)
        report = parity.check(path)
        assert not report.passed
        assert [comparison.name for comparison in report.comparisons if not comparison.passed] == [key]


@pytest.mark.parametrize("key", ["param/region", "param/gmf.gate_linear.bias", "input/img_feature"])
def test_a_changed_parameter_or_input_fails(tmp_path: Path, key: str) -> None:
    path = tmp_path / "own.safetensors"
    write_own_golden(path)
    tensors = read(path)
    key = key.replace("region", "dim_match.0.weight")
    save({**tensors, key: tensors[key] + 1e-6}, path)
    assert not parity.check(path).passed


def test_incomplete_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.safetensors"
    with pytest.raises(ParityError):
        parity.check(path)
    write_own_golden(path)
    tensors = read(path)
    for change in (
        {"output/surprise": torch.zeros(1)},
        {"param/surprise.weight": torch.zeros(1)},
        {"param/gmf.gate_linear.bias": torch.zeros(2, dtype=torch.float64)},
    ):
        save({**tensors, **change}, path)
        with pytest.raises(ParityError):
            parity.check(path)
    for missing in ("output/loss", "param/gmf.gate_linear.bias", "input/mask"):
        save({key: value for key, value in tensors.items() if key != missing}, path)
        with pytest.raises(ParityError):
            parity.check(path)
    path.write_bytes(b"not tensors")
    with pytest.raises(ParityError):
        parity.check(path)


def test_separate_scores_make_all_words_attend_alike() -> None:
    """The degenerate form of golden/OLDER.md 1, Q1; the interacting one is not."""
    for scores, alike in (("separate", True), ("interacting", False)):
        attended = traced(network(scores), given()).attended
        for weights in (attended.visual_attention, attended.textual_attention):
            spread = (weights[0] - weights[0, :1]).abs().max()
            assert spread < 1e-14 if alike else spread > 1e-6


def test_attention_written_out() -> None:
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(1, 2, 3, generator=generator, dtype=torch.float64)
    keys = torch.randn(1, 4, 5, generator=generator, dtype=torch.float64)
    mask = torch.tensor([[True, True, False, True]])
    for scores in ("separate", "interacting"):
        attention = AdditiveAttention(3, 5, 6, scores).double()
        attended, weights = attention(queries, keys, mask)
        for t in range(2):
            query, projected = attention.query(queries[0, t]), attention.key(keys[0, mask[0]])
            if scores == "separate":
                hidden = torch.cat([query.expand_as(projected), projected], dim=-1).tanh()
            else:
                hidden = (query + projected).tanh()
            expected = attention.score(hidden).squeeze(-1).softmax(-1)
            torch.testing.assert_close(weights[0, t, mask[0]], expected, rtol=0, atol=1e-14)
            torch.testing.assert_close(attended[0, t], expected @ keys[0, mask[0]], rtol=0, atol=1e-14)
        assert not weights[..., 2].any()
    with pytest.raises(ContractError):
        AdditiveAttention(3, 5, 6, "dot")


def test_softmax_over_nothing_is_zero_and_has_a_gradient() -> None:
    scores = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    weights = masked_softmax(scores, torch.tensor([[True, False, True], [False, False, False]]))
    torch.testing.assert_close(weights.sum(-1).detach(), torch.tensor([1.0, 0.0], dtype=torch.float64))
    weights.square().sum().backward()
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()
    assert not scores.grad[1].any()


@pytest.mark.parametrize("scores", ["separate", "interacting"])
def test_an_absent_picture_adds_nothing(scores: str) -> None:
    model, inputs = network(scores), given()
    absent = torch.tensor([[True] * REGIONS, [False] * REGIONS])
    trace = traced(model, inputs, absent)
    text_alone = model.emission(torch.cat([trace.text, torch.zeros_like(trace.text)], dim=-1))
    torch.testing.assert_close(trace.emissions[1], text_alone[1], rtol=0, atol=0)
    assert not torch.equal(trace.emissions[0], text_alone[0])
    other = {**inputs, "img_feature": inputs["img_feature"] * torch.tensor([1.0, -7.0])[:, None, None]}
    assert torch.equal(traced(model, other, absent).emissions, trace.emissions)
    trace.emissions.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("scores", ["separate", "interacting"])
def test_padding_is_not_read(scores: str) -> None:
    model, inputs = network(scores), given()
    partial = torch.tensor([[True, True, False], [True, False, False]])
    trace = traced(model, inputs, partial)
    noisy = {
        **inputs,
        "word_ids": torch.where(MASK, inputs["word_ids"], 3),
        "img_feature": inputs["img_feature"] + 9 * (~partial)[..., None],
    }
    torch.testing.assert_close(
        traced(model, noisy, partial).emissions[MASK], trace.emissions[MASK], rtol=0, atol=1e-14
    )
    assert not trace.attended.visual_attention[0, :, 2].any()
    assert not trace.attended.textual_attention[1, :, 2:].any()


def test_perturbed_reference_file_fails(golden: Path, tmp_path: Path) -> None:
    tensors, key = read(golden / "acoa.safetensors"), "param/co_attention.img_linear_1.weight"
    path = tmp_path / "perturbed.safetensors"
    save({**tensors, key: tensors[key] * (1 + 1e-6)}, path)
    report = parity.check(path)
    assert not report.passed
    assert "output/visual_attention" in {c.name for c in report.comparisons if not c.passed}
