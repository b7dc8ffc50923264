"""Benchmarks measure what they say: lengths, the released regime, interleaving, ratios, the table's words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support import tiny
from support.messages import names
from support.profile_settings import settings

from mner.benchmarking import measure
from mner.benchmarking.bench_models import RELEASED, padded
from mner.benchmarking.bench_report import Machine, table
from mner.benchmarking.levers import Lever, Levers, eightfold, no_dropout, single_adamw, zeroing
from mner.benchmarking.measure import QUANTILES, Clock, Rates, interleaved, stand_ins, stated_lengths
from mner.benchmarking.profiling import OPTIMISER, PHASES, _kind_of, profile_step
from mner.benchmarking.speed import Line
from mner.benchmarking.workload import _pictures, spread
from mner.config.strict import ConfigError
from mner.data.side_data import Side
from mner.data.subwords import WordPieces
from mner.models.encoders import tokenizer_of
from mner.training.batching import Tables

ROOT = Path(__file__).resolve().parents[2]
CPU = torch.device("cpu")


@pytest.mark.parametrize("dataset", QUANTILES)
def test_stand_ins_have_the_stated_numbers_of_words_and_pieces(dataset, tmp_path) -> None:
    lengths = stated_lengths(dataset, 200)
    sentences = stand_ins(lengths)
    tokenizer = tokenizer_of(tiny.write_encoder(tmp_path))
    pieces = WordPieces(tokenizer).table([s.words for s in sentences], max_pieces=256).lengths()
    assert [len(s.words) for s in sentences] == [words for words, _ in lengths]
    assert pieces.tolist() == [count for _, count in lengths]
    assert abs(np.median(pieces) - QUANTILES[dataset][5]) <= 1
    for sentence in sentences:
        assert [tag != "O" for tag in sentence.tags] == [place % 4 == 0 for place in range(len(sentence.words))]


def test_no_lengths_are_invented_for_other_data_sets() -> None:
    with pytest.raises(ConfigError, match=names("snap", "twitter2017")):
        stated_lengths("snap", 3)


def test_sampled_batches_stand_for_the_whole_epoch() -> None:
    lengths = np.arange(1, 1601)
    batches = [list(range(start, start + 16)) for start in range(0, 1600, 16)]
    few = spread(batches, lengths, 10)
    assert len(few) == 10
    assert np.mean([lengths[rows].mean() for rows in few]) == pytest.approx(lengths.mean(), rel=0.02)
    assert spread(batches[:4], lengths, 10) == batches[:4]


def test_random_pictures_lie_where_training_has_them() -> None:
    for device in (CPU, torch.device("meta")):
        assert _pictures(["a", "b", "a"], device).values.device == device


def test_the_released_regime_pads_and_changes_nothing_else(tmp_path) -> None:
    tokenizer = tokenizer_of(tiny.write_encoder(tmp_path))
    side = Side({}, None, {}, frozenset())
    tables = Tables(WordPieces(tokenizer), 64, side, None, None, None, {}, reads_image_text=False)
    batch = tables.split(tiny.sentences(4, "x"), None).batch(range(4))
    long = padded(batch, 40)
    words, pieces = batch.word_mask.shape[1], batch.text.input_ids.shape[1]
    assert long.text.input_ids.shape == long.text.attention_mask.shape == long.word_mask.shape == (4, 40)
    assert torch.equal(long.text.input_ids[:, :pieces], batch.text.input_ids)
    assert torch.equal(long.tags[:, :words], batch.tags)
    assert not long.word_mask[:, words:].any()
    assert not long.text.attention_mask[:, pieces:].any()
    assert (long.text.first_piece[:, words:] == -1).all()
    crossed = padded(replace(batch, cross=batch.text), 40)
    assert torch.equal(crossed.cross.input_ids, long.text.input_ids)
    with pytest.raises(ValueError, match="does not fit the released 4"):
        padded(batch, 4)


def test_ways_run_in_turn_and_the_warm_up_is_left_out(monkeypatch) -> None:
    clock = SimpleNamespace(moment=0.0, perf_counter=lambda: clock.moment)
    monkeypatch.setattr(measure, "time", clock)
    seen: list[str] = []

    def way(name: str, seconds: float):
        def work() -> int:
            # The first turn is slow, as first turns are.
            clock.moment += seconds if seen.count(name) else 100 * seconds
            seen.append(name)
            return 10

        return work

    rates = interleaved({"a": way("a", 1.0), "b": way("b", 4.0)}, 3, Clock(CPU), "t")
    assert seen == ["a", "b"] * 4
    assert rates["a"].rounds == pytest.approx((10, 10, 10))
    assert rates["a"].over(rates["b"]) == pytest.approx(4.0)


def test_a_ratio_is_that_of_neighbouring_rounds() -> None:
    # The machine got ten times slower half-way; the ratio did not move.
    assert Rates((20.0, 2.0)).over(Rates((10.0, 1.0))) == pytest.approx(2.0)


def _line(**changes) -> Line:
    fields = {
        "system": "umt",
        "task": "training",
        "size": "bert-base",
        "ours": Rates((17.0,)),
        "beside": Rates((2.0,)),
        "beside_name": "padded",
        "anchor": RELEASED["umt"].training,
        "anchor_name": "released UMT",
        "precision": "bfloat16",
        "flops": 1e10,
        "source": "drawn",
    }
    return Line(**fields | changes)


@pytest.mark.parametrize(
    ("device", "threads", "compared"), [("cpu: X", 2, True), ("cpu: X", 1, False), ("cuda: H200", 2, False)]
)
def test_anchors_are_compared_with_on_like_hardware_only(device, threads, compared) -> None:
    machine = Machine(device, threads, "2.13", True, False, {"bfloat16": 1e12})
    text = table([_line()], machine)
    assert "8.5 x" in text  # beside the same modules in the released regime
    assert ("10.0 x" in text) == compared  # against the anchor of 1.7
    assert ("no ratio to them" in text) != compared
    assert "17 %" in text  # 17 sentences/s x 1e10 operations of 1e12


def test_what_is_not_counted_is_a_dash() -> None:
    row = table([_line(flops=None, anchor=None)], Machine("cpu: X", 2, "2.13", True, False, {})).splitlines()[2]
    assert row.split() == ["umt", "training", "bert-base", "17.0", "2.0", "8.5", "x", "-", "-", "bfloat16", "-"]


def test_cpu_time_is_no_comparison_with_the_anchors_and_is_named() -> None:
    text = table([_line()], Machine("cpu: X", 2, "2.13", True, True, {"float32": 1e12}))
    assert "10.0 x" not in text
    assert "sentences per second of CPU time" in text
    assert "17 %" not in text, "the ceiling of another precision is none"


def test_a_clock_counts_what_it_is_told_to_and_waits_for_a_gpu(monkeypatch) -> None:
    waits: list[str] = []
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: waits.append(str(device)))
    monkeypatch.setattr(measure, "time", SimpleNamespace(process_time=lambda: 3.0, perf_counter=lambda: 50.0))
    assert (Clock(CPU)(), Clock(CPU, cpu_time=True)()) == (50.0, 3.0)
    assert waits == []
    assert Clock(torch.device("cuda"))() == 50.0
    assert waits == ["cuda"]
    with pytest.raises(ValueError, match="CPU time does not measure what cuda does"):
        Clock(torch.device("cuda"), cpu_time=True)


@pytest.fixture
def levers(tmp_path) -> Levers:
    """Levers over a tiny model and, as no data set is built there, sentences of the stated lengths."""
    package = str(tiny.write_encoder(tmp_path).package)
    config = settings()
    encoders = config.encoders | {"minilm": tiny.EncoderSource("minilm", package=package)}
    return Levers(replace(config, encoders=encoders), "tiny", tmp_path, "twitter2017", Clock(CPU))


@pytest.mark.slow  # a process that keeps freed memory, and one that does not
def test_every_lever_is_measured_and_what_cannot_be_says_why(levers, monkeypatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    header, *lines, unmeasured = levers.table(rounds=1, batches=2)
    assert header.split()[0] == "lever"
    names = ["frozen layers' states cached", "R-GCN, 1 neighbour (not done)", "freed memory kept"]
    assert [line[:30].strip() for line in lines[-3:]] == names
    ratios = [float(line.rsplit(" x ", 1)[0].split()[-1]) for line in lines]
    assert len(ratios) == 13
    assert min(ratios) > 0
    assert "needs a C++ compiler" in unmeasured


def test_what_is_changed_for_a_lever_is_as_before_when_it_was_measured(levers) -> None:
    one = levers.trainee
    rows = levers.batches(1)[0]
    one.train(one.workload.on(rows, CPU), one.recipe)
    optimiser, model = one.optimiser, one.model
    (weight, *_) = one.parameters

    def dropped() -> list[float]:
        modules = model.modules()
        return [module.p for module in modules if isinstance(module, torch.nn.Dropout)]

    before = dropped()
    assert max(before) > 0
    with no_dropout(model):
        assert max(dropped()) == 0.0
    assert dropped() == before
    with zeroing(one):
        one.optimiser.zero_grad(set_to_none=True)
        assert weight.grad.count_nonzero() == 0
    one.optimiser.zero_grad(set_to_none=True)
    assert weight.grad is None
    with single_adamw(one):
        assert one.optimiser is not optimiser
        assert torch.equal(one.optimiser.state[weight]["exp_avg"], optimiser.state[weight]["exp_avg"])
    assert one.optimiser is optimiser


def test_a_lever_is_worth_what_it_makes_faster_and_says_whether_it_moves_results() -> None:
    row = Lever("fused", "in a loop", False, Rates((30.0, 20.0, 40.0)), Rates((20.0, 10.0, 20.0))).line()
    assert row.split() == ["fused", "30.0", "in", "a", "loop", "20.0", "2.00", "x", "no"]
    assert Lever("drop", "-", True, Rates((1.0,)), Rates((1.0,))).line().endswith("yes")


def test_both_ways_over_frozen_layers_train_the_same_sentences(levers) -> None:
    cached, computed = levers.frozen(levers.batches(2))
    assert cached() == computed() == 32


def test_padding_to_a_multiple_of_eight_moves_no_emission(levers) -> None:
    one = levers.trainee
    one.model.eval()
    batches = (one.workload.on(rows, CPU) for rows in levers.batches(8))
    batch = next(batch for batch in batches if batch.text.input_ids.shape[1] % 8)
    wide = eightfold(batch)
    assert wide.text.input_ids.shape[1] % 8 == 0
    assert not wide.text.attention_mask[:, batch.text.input_ids.shape[1] :].any()
    narrow_emissions, wide_emissions = (one.model.tagger(b).scores for b in (batch, wide))
    torch.testing.assert_close(narrow_emissions, wide_emissions)


@pytest.mark.parametrize(
    ("operator", "kind"),
    [
        ("aten::mm", "matrix products"),
        ("aten::_scaled_dot_product_flash_attention_for_cpu", "attention"),
        ("aten::native_layer_norm", "normalisation"),
        ("aten::exp", "sums of the chain (CRF)"),
        ("aten::expand", None),  # which holds the short name of another
        ("exp", None),
    ],
)
def test_an_operator_is_of_the_kind_its_name_says(operator: str, kind: str | None) -> None:
    assert _kind_of(operator) == kind


def test_a_profile_on_a_processor_splits_the_whole_step(levers) -> None:
    one = levers.trainee
    found = profile_step(one, "bert-crf", levers.batches(2))
    assert found.steps == 2
    assert found.total > 0
    assert sum(found.phases.values()) == pytest.approx(found.total)
    assert sum(found.kinds.values()) == pytest.approx(found.total)
    assert min(found.phases[name] for name in (*PHASES, OPTIMISER)) > 0
    assert found.kinds["matrix products"] > 0
    assert not {"loss", "pieces", "nll"} & {*vars(one.model), *vars(one.model.tagger.encoder)}, (
        "names are taken back"
    )
