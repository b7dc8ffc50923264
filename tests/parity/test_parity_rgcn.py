"""The released variant against the authors' numbers, and whether the comparison would notice a mistake."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from support.messages import names
from torch import Tensor, nn

from mner.parity import parity_rgcn as parity
from mner.parity.parity_report import Comparison, ParityError, ParityReport, compare, render
from mner.parity.rgcn_golden import RgcnGolden, as_theirs, block_names, build, name_map, paired, read_batch
from mner.systems.rgcn_released import AttentionBlock, star_adjacency
from mner.training.optimisers import BertAdam, LookupGradients, by_decay, clip_gradients, is_decayed

REGIONS, VISUAL, TEXT, LABELS, NEIGHBOURS, HEADS, WORDS = 3, 8, 12, 5, 2, 2, 30
METADATA = {
    "multi_heads": str(HEADS),
    "train": "2 updates, init_lr=1e-2, num_train_steps=4, num_warmup_steps=1",
    "bert_config": json.dumps(
        {
            "vocab_size": WORDS,
            "hidden_size": TEXT,
            "num_hidden_layers": 1,
            "num_attention_heads": 3,
            "intermediate_size": 20,
            "max_position_embeddings": 16,
            "type_vocab_size": 2,
        }
    ),
}


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safe_open(str(path), "pt") as opened:
        return {name: opened.get_tensor(name) for name in opened.keys()}, opened.metadata()  # noqa: SIM118


def inputs(generator: torch.Generator) -> dict[str, Tensor]:
    lengths, pieces = torch.tensor([6, 3, 2, 5]), 2 * REGIONS
    mask = torch.arange(pieces) < lengths[:, None]
    batch = len(lengths)
    tensors = {
        "input_ids": torch.randint(1, WORDS, (batch, pieces), generator=generator) * mask,
        "input_masks": mask,
        "segment_ids": torch.zeros(batch, pieces),
        "label_ids": torch.randint(0, LABELS, (batch, pieces), generator=generator),
        "sequence_len": lengths,
    }
    tensors = {name: tensor.to(torch.int32) for name, tensor in tensors.items()}
    tensors["picture_id"] = torch.randn(batch, REGIONS, VISUAL, generator=generator)
    for relation in ("pt", "pp"):
        shape = (batch, NEIGHBOURS, REGIONS, VISUAL)
        tensors[f"{relation}_image_id"] = torch.randn(shape, generator=generator)
        scores = torch.rand(batch, NEIGHBOURS, generator=generator).sort(descending=True).values
        tensors[f"{relation}_scores"] = scores
        tensors[f"{relation}_simi_score_id"] = star_adjacency(scores)
    return {f"input/{name}": tensor for name, tensor in tensors.items()}


def random_parameters(generator: torch.Generator) -> dict[str, Tensor]:
    """Every variable of the layout at the small sizes."""
    shapes = {
        "w_gcn_pt": (VISUAL, VISUAL), "b_gcn_pt": (VISUAL,), "w_gcn_pp": (VISUAL, VISUAL), "b_gcn_pp": (VISUAL,),
        "image_to_text": (VISUAL // 2, TEXT), "gate_weight_pt_image": (TEXT, TEXT),
        "gate_weight_pp_image": (VISUAL, VISUAL), "final_output_layer/output_w": (TEXT, LABELS),
        "final_output_layer/output_b": (LABELS,), "crf_loss/transitions": (LABELS, LABELS),
    }  # fmt: skip
    for scope, query, key in (
        ("self_multihead_sen", TEXT, TEXT),
        ("self_multihead_imag", VISUAL, VISUAL),
        ("cross_multihead", TEXT, VISUAL),
    ):
        shapes |= {f"{scope}/{name}": shape for name, shape in block_shapes(query, key).items()}
    bert = {"word": WORDS, "position": 16, "token_type": 2}
    shapes |= {f"bert/embeddings/{table}_embeddings": (rows, TEXT) for table, rows in bert.items()}
    for name in name_map(1):
        if name not in shapes:
            wide = "intermediate" in name
            flat = not name.endswith("kernel")
            down = "layer_0/output/dense" in name
            shapes[name] = (20 if wide else TEXT,) if flat else (20 if down else TEXT, 20 if wide else TEXT)
    return {name: 0.3 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def block_shapes(query: int, key: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for name in block_names():
        from_keys = name in ("dense_1/kernel", "dense_2/kernel")
        shapes[name] = (key if from_keys else query, query) if name.endswith("kernel") else (query,)
    return shapes


def write_own_golden(path: Path) -> None:
    """A file of the layout at other sizes, its outputs by our own program: the check must take any size."""
    generator = torch.Generator().manual_seed(0)
    tensors = inputs(generator)
    tensors |= {f"param/{name}": values for name, values in random_parameters(generator).items()}
    double = {name: t.double() if t.is_floating_point() else t for name, t in tensors.items()}
    golden = RgcnGolden(path, double, METADATA)
    tagger, batch = build(golden), read_batch(golden)
    labels = golden["input/label_ids"].long()
    trace = tagger(batch)
    outputs = {"bert_embedding": tagger.encoder.bert.embeddings(batch.text.input_ids)}
    outputs |= parity._activations(trace) | parity._chain_outputs(tagger, trace, labels)
    outputs["loss"].backward()
    tensors |= {f"output/{name}": values for name, values in outputs.items()}
    for name, weight in paired(tagger).items():
        if weight.grad is not None:
            tensors[f"grad/{name}"] = as_theirs(name, weight.grad)
    tensors |= own_unit_block(generator) | own_training(tagger, golden)
    tensors = {
        name: values.detach().to(values.dtype if values.dtype != torch.int64 else torch.int32).contiguous().clone()
        for name, values in tensors.items()
    }
    save_file(tensors, path, METADATA)


def own_unit_block(generator: torch.Generator) -> dict[str, Tensor]:
    block = AttentionBlock(TEXT, VISUAL, HEADS)
    queries = torch.randn(1, 4, TEXT, generator=generator)
    keys = torch.randn(1, 2, VISUAL, generator=generator)
    keys[0, 1] = 0
    parameters = dict(block.named_parameters())
    tensors = {
        f"unit_mha/param/{name}": as_theirs(name, parameters[ours]).clone() for name, ours in block_names().items()
    }
    out = block.double()(queries.double(), keys.double()).out
    return tensors | {"unit_mha/input/querys": queries, "unit_mha/input/keys": keys, "unit_mha/output/out": out}


def own_training(tagger: nn.Module, golden: RgcnGolden) -> dict[str, Tensor]:
    """Two updates, the rates written out: 0 and 3/4 of 1e-2."""
    batch, labels = read_batch(golden), golden["input/label_ids"].long()
    optimiser = BertAdam(by_decay(paired(tagger).items()), lr=0.0)
    norms, losses, rates = [], [], [0.0, 0.75e-2]
    with LookupGradients(tagger.encoder.bert.embeddings.word_embeddings) as lookups:
        for rate in rates:
            optimiser.zero_grad()
            score, partition = tagger.log_likelihood(tagger(batch), labels)
            losses.append((partition - score).mean())
            losses[-1].backward()
            norms.append(clip_gradients(tagger.parameters(), 1.0, lookups.take()))
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
    after = {
        f"train/param_after_2_updates/{name}": as_theirs(name, weight) for name, weight in paired(tagger).items()
    }
    return after | {
        "train/learning_rates": torch.tensor(rates, dtype=torch.float64),
        "train/losses_before_each_of_2_updates": torch.stack(losses),
        "train/grad_global_norm": norms[0],
    }


@pytest.fixture(scope="module")
def own_golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("golden") / "own.safetensors"
    write_own_golden(path)
    return path


def changed(source: Path, target: Path, name: str, change) -> Path:
    tensors, metadata = read(source)
    tensors[name] = change(tensors[name])
    save_file(tensors, target, metadata)
    return target


def nudge(values: Tensor) -> Tensor:
    """The largest entry, by one part in a million."""
    values = values.clone()
    values.view(-1)[values.abs().argmax()] *= 1 + 1e-6
    return values


def test_the_authors_numbers_are_met(golden: Path) -> None:
    report = parity.check(golden / "r_gcn.safetensors")
    assert report.passed, render(report)
    groups = {comparison.group for comparison in report.comparisons}
    assert groups == {"input", "output", "grad", "unit_mha", "train"}
    tensors, _ = read(golden / "r_gcn.safetensors")
    expected = {name for name in tensors if name.startswith(("output/", "grad/"))}
    assert expected <= {comparison.name for comparison in report.comparisons}


@pytest.mark.parametrize("name", ["param/image_to_text", "param/cross_multihead/ln/Variable_1"])
def test_one_weight_off_by_a_millionth_fails(golden: Path, tmp_path: Path, name: str) -> None:
    report = parity.check(changed(golden / "r_gcn.safetensors", tmp_path / "nudged.safetensors", name, nudge))
    assert not report.passed
    failed = {comparison.name for comparison in report.comparisons if not comparison.passed}
    assert "output/emissions" in failed


def test_a_file_of_other_sizes_is_read_and_a_nudge_of_it_fails(own_golden: Path, tmp_path: Path) -> None:
    report = parity.check(own_golden)
    assert report.passed, render(report)
    for name in ("param/w_gcn_pp", "grad/crf_loss/transitions", "train/grad_global_norm"):
        report = parity.check(changed(own_golden, tmp_path / "nudged.safetensors", name, nudge))
        assert not report.passed, f"{name} nudged and nobody noticed"


def test_a_wrong_tag_is_counted_exactly(own_golden: Path, tmp_path: Path) -> None:
    def flip(tags: Tensor) -> Tensor:
        tags = tags.clone()
        tags[0, 0] = (tags[0, 0] + 1) % LABELS
        return tags

    report = parity.check(changed(own_golden, tmp_path / "flipped.safetensors", "output/viterbi_tags", flip))
    (failed,) = (comparison for comparison in report.comparisons if not comparison.passed)
    assert failed == Comparison("output/viterbi_tags", 1 / 24, 0.0, "exact")


def test_files_that_cannot_be_checked_say_why(own_golden: Path, tmp_path: Path) -> None:
    with pytest.raises(ParityError, match=names("absent.safetensors")):
        parity.check(tmp_path / "absent.safetensors")
    (tmp_path / "text.safetensors").write_text("not tensors at all")
    with pytest.raises(ParityError, match=names("text.safetensors")):
        parity.check(tmp_path / "text.safetensors")
    tensors, metadata = read(own_golden)
    without = {name: values for name, values in tensors.items() if name != "param/w_gcn_pt"}
    save_file(without, tmp_path / "short.safetensors", metadata)
    with pytest.raises(ParityError, match="w_gcn_pt"):
        parity.check(tmp_path / "short.safetensors")
    segments = changed(own_golden, tmp_path / "segments.safetensors", "input/segment_ids", torch.ones_like)
    with pytest.raises(ParityError, match="segment_ids are not all 0"):
        parity.check(segments)
    save_file(tensors, tmp_path / "bare.safetensors", {})
    with pytest.raises(ParityError, match="metadata lacks"):
        parity.check(tmp_path / "bare.safetensors")


def test_our_names_decay_what_the_code_decays() -> None:
    for theirs, ours in name_map(12).items():
        assert is_decayed(theirs) == is_decayed(ours), (theirs, ours)


def test_comparisons_measure_what_they_say() -> None:
    reference = torch.tensor([1.0, -4.0])
    assert compare("a/b", torch.tensor([1.0, -3.0]), reference, 0.3).error == 0.25
    assert compare("a/b", torch.tensor([1.0, -3.0]), reference, 0.3, "absolute").error == 1.0
    assert compare("a/b", torch.tensor([1, 3]), torch.tensor([1, 2]), 0.0, "exact").error == 0.5
    assert compare("a/b", torch.tensor([math.nan, -4.0]), reference, 1e9).error == math.inf
    with pytest.raises(ParityError, match=names("1", "2")):
        compare("a/b", torch.zeros(1), reference, 1.0)
    with pytest.raises(ParityError, match=names("relative")):
        Comparison("a/b", 0.0, 0.0, "approximate")


def test_reports_put_the_worst_first_and_nothing_compared_is_no_pass() -> None:
    good, close = Comparison("output/loss", 1e-15, 1e-11), Comparison("train/rate", 5e-11, 1e-10)
    bad = Comparison("grad/w", 2e-3, 1e-10)
    text = render(ParityReport("rgcn", Path("file"), (good, close, bad)))
    lines = text.splitlines()
    assert [line.split()[0] for line in lines[3:6]] == ["grad", "train", "output"]
    assert "FAIL" in lines[3]
    assert lines[-1] == "FAILED: 1 of 3 tensors beyond tolerance"
    assert render(ParityReport("rgcn", Path("file"), (good,))).endswith("PASSED: all 1 tensors within tolerance")
    empty = ParityReport("rgcn", Path("file"), ())
    assert not empty.passed
    assert render(empty).endswith("FAILED: nothing was compared")
