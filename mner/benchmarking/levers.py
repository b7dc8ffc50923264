"""What every lever of the training step is worth: the step as it is beside the same step without the lever."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from mner.benchmarking.bench_models import SIZES, build_model, padded, speed_recipe
from mner.benchmarking.measure import Clock, Rates, Round, interleaved
from mner.benchmarking.speed import Trainee
from mner.benchmarking.two_processes import with_and_without_kept_memory
from mner.benchmarking.workload import make_workload
from mner.config import Config
from mner.config.training_recipe import Recipe
from mner.data.batch import Batch, TextInput
from mner.graphs.relations import Relation
from mner.models.encoders import TextEncoder, tokenizer_of
from mner.models.system import load_system
from mner.training.determinism import precision_of
from mner.training.experiment import lower_states
from mner.training.loop import RunData
from mner.training.optimisers import parameter_groups

FIXED_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Lever:
    """``changes_results`` says whether pulling it moves a run's numbers, rounding included."""

    name: str
    without: str
    changes_results: bool
    rates: Rates
    rates_without: Rates

    def line(self) -> str:
        """One line of the table; the ratio is that of neighbouring rounds."""
        return (
            f"{self.name:<30} {self.rates.median:>11.1f}  {self.without:<24} {self.rates_without.median:>11.1f} "
            f"{self.rates.over(self.rates_without):>5.2f} x  {'yes' if self.changes_results else 'no'}"
        )


class Levers:
    """One ``bert-crf`` in training, with and without each lever, in turns."""

    def __init__(self, config: Config, size: str, root: Path, dataset: str, clock: Clock) -> None:
        self._config, self._size, self._clock, self._root, self._dataset = config, size, clock, root, dataset
        self._again = functools.partial(usual_round, config, size, root, dataset, clock)
        self._row = config.systems["bert-crf"]
        self._module, tokenizer = load_system(self._row.file), tokenizer_of(config.encoders["minilm"])
        self._workload = make_workload(root, dataset, tokenizer, self._module, self._row.options, clock.device)
        self.trainee = self._trainee()

    def _trainee(self, frozen_layers: int = 0, used: torch.Tensor | None = None) -> Trainee:
        model = build_model(
            self._module, self._row.options, self._workload, self._size, self._clock.device, frozen_layers, used
        )
        recipe = replace(speed_recipe(self._config, "bert-crf"), frozen_layers=frozen_layers)
        return Trainee(model, recipe, self._workload, self._clock.device)

    def batches(self, count: int) -> list[list[int]]:
        """Batches of 16 sentences of similar length."""
        return self._workload.batches(16, count, training=True)

    def frozen(self, batches: Sequence[list[int]]) -> tuple[Round, Round]:
        """Training over two thirds of the layers frozen, their states read from a cache and computed each time."""
        one = self._trainee(SIZES[self._size]["num_hidden_layers"] * 2 // 3)
        precision, text = precision_of(one.recipe, one.device), self._workload.split.text
        encoder = _encoder_of(one)
        states = lower_states(
            text, encoder, batch_size=64, device=one.device, precision=precision, label="training sentences"
        )
        split = replace(self._workload.split, text=text.with_states(states))
        cached = Trainee(one.model, one.recipe, replace(self._workload, split=split), one.device)
        return cached.ours(batches, True), one.ours(batches, True)

    def cut(self, batches: Sequence[list[int]]) -> Round:
        """Training of those rows of the subword table that the training split reads."""
        used = RunData({"train/own": self._workload.split}).subwords()
        return self._trainee(used=used).ours(batches, True)

    def few_neighbours(self, count: int) -> tuple[Round, Round]:
        """R-GCN's training with one neighbour a relation, and with all: sums made once would read no fewer."""
        config, device = self._config, self._clock.device
        row = config.systems["rgcn"]
        module, tokenizer = load_system(row.file), tokenizer_of(config.encoders["minilm"])
        workload = make_workload(self._root, self._dataset, tokenizer, module, row.options, device)
        model = build_model(module, row.options, workload, self._size, device)
        one = Trainee(model, speed_recipe(config, "rgcn"), workload, device)
        if workload.split.neighbours is None:
            raise TypeError("R-GCN's batches hold no neighbours")
        inter, intra = (Relation(some.rows[:, :1], some.scores[:, :1]) for some in workload.split.neighbours)
        few = replace(workload, split=replace(workload.split, neighbours=(inter, intra)))
        batches = workload.batches(16, count, training=True)
        return Trainee(model, one.recipe, few, device).ours(batches, True), one.ours(batches, True)

    def _compiled(self, batches: Sequence[list[int]]) -> Round:
        """Training with every encoder layer compiled for any length; compiling falls into the untimed round."""
        one = self._trainee()
        for layer in _encoder_of(one).get_submodule("bert.encoder.layer").children():
            layer.compile(dynamic=True)
        return one.ours(batches, True)

    def table(self, rounds: int, batches: int) -> Iterator[str]:
        """The lines of an aligned table, each as soon as its lever has been measured."""
        sorted_rows = self.batches(batches)
        unsorted_rows = self._workload.unsorted_batches(16, batches)
        one, tagged = self.trainee, self._workload.batches(64, max(2, batches // 4), training=False)
        plain = replace(one.recipe, precision="float32")
        small = [rows[start : start + 16] for rows in tagged for start in range(0, len(rows), 16)]

        def train(
            rows: Sequence[list[int]], change: Callable[[Batch], Batch] = as_it_is, recipe: Recipe = one.recipe
        ) -> Round:
            return lambda: sum(one.train(change(self._workload.on(row, one.device)), recipe) for row in rows)

        usual = train(sorted_rows)
        attention = around(usual, lambda: sdpa_kernel(SDPBackend.MATH))
        fixed = train(unsorted_rows, lambda batch: padded(batch, FIXED_LENGTH))
        undropped = around(usual, lambda: no_dropout(one.model))
        looped, zeroed = around(usual, lambda: single_adamw(one)), around(usual, lambda: zeroing(one))
        ways: list[tuple[str, str, bool, Round, Round]] = [
            ("bfloat16 products", "float32", True, usual, train(sorted_rows, recipe=plain)),
            ("batches of similar length", "shuffled batches", True, usual, train(unsorted_rows)),
            ("padding to the longest", f"padding to {FIXED_LENGTH}", False, train(unsorted_rows), fixed),
            ("padding to a multiple of 8", "to the longest alone", False, train(sorted_rows, eightfold), usual),
            ("fused AdamW", "AdamW in a loop", False, usual, looped),
            ("fused attention (SDPA)", "attention by products", True, usual, attention),
            ("gradients set free", "gradients zeroed", False, usual, zeroed),
            ("subwords that occur", "all of the table", False, self.cut(sorted_rows), usual),
            ("dropout left out (not done)", "dropout", True, undropped, usual),
            ("inference in batches of 64", "of 16", False, one.ours(tagged, False), one.ours(small, False)),
        ]
        cached, computed = self.frozen(sorted_rows)
        ways.append(("frozen layers' states cached", "computed each time", False, cached, computed))
        ways.append(("R-GCN, 1 neighbour (not done)", "5 and 5", True, *self.few_neighbours(batches)))
        if has_compiler():
            ways.append(("compiled layers (not done)", "eager", True, self._compiled(sorted_rows), usual))
        header = f"{'lever':<30} {'sentences/s':>11}  {'without':<24} {'sentences/s':>11} {'worth':>7}"
        yield f"{header}  moves results"
        for name, instead, changes, with_it, without_it in ways:
            rates = interleaved({"with": with_it, "without": without_it}, rounds, self._clock, name)
            yield Lever(name, instead, changes, rates["with"], rates["without"]).line()
        kept = "freed memory kept"
        both = with_and_without_kept_memory(functools.partial(self._again, batches), rounds, self._clock, kept)
        yield Lever(kept, "handed back", False, *both).line()
        if not has_compiler():
            yield "compiled layers: not measured, torch.compile needs a C++ compiler (g++, or the one CXX names)"


def _encoder_of(one: Trainee) -> TextEncoder:
    encoder = one.model.tagger.get_submodule("encoder")
    if not isinstance(encoder, TextEncoder):
        raise TypeError(f"the tagger's encoder is a {type(encoder).__name__}, expected a TextEncoder")
    return encoder


def usual_round(config: Config, size: str, root: Path, dataset: str, clock: Clock, batches: int) -> Round:
    """Training as it is, of a model of its own."""
    levers = Levers(config, size, root, dataset, clock)
    return levers.trainee.ours(levers.batches(batches), True)


def has_compiler() -> bool:
    """Whether there is the C++ compiler that ``torch.compile`` calls."""
    return shutil.which(os.environ.get("CXX", "g++")) is not None


def as_it_is(batch: Batch) -> Batch:
    """No change."""
    return batch


def eightfold(batch: Batch) -> Batch:
    """The batch with its pieces padded to the next multiple of 8."""
    text, missing = batch.text, -batch.text.input_ids.shape[1] % 8
    input_ids, attention_mask = (F.pad(part, (0, missing)) for part in (text.input_ids, text.attention_mask))
    return replace(batch, text=TextInput(input_ids, attention_mask, text.first_piece))


def around(work: Round, state: Callable[[], contextlib.AbstractContextManager]) -> Round:
    """``work`` inside a state of things that ends with it."""

    def one_round() -> int:
        with state():
            return work()

    return one_round


@contextlib.contextmanager
def single_adamw(trainee: Trainee) -> Iterator[None]:
    """The same optimiser state under AdamW's loop over parameters."""
    usual = trainee.optimiser
    other = torch.optim.AdamW(parameter_groups(trainee.model, trainee.recipe), fused=False, foreach=False)
    # The loop reads every step count as a number, which must not wait for a GPU.
    other.state.update(
        {parameter: {**state, "step": state["step"].cpu()} for parameter, state in usual.state.items()}
    )
    trainee.optimiser = other
    try:
        yield
    finally:
        trainee.optimiser = usual


@contextlib.contextmanager
def zeroing(trainee: Trainee) -> Iterator[None]:
    """Gradients keep their memory and are filled with zeros."""
    kind = type(trainee.optimiser)
    optimiser: Any = trainee.optimiser
    optimiser.zero_grad = lambda set_to_none: kind.zero_grad(optimiser, set_to_none=False)
    try:
        yield
    finally:
        del optimiser.zero_grad


@contextlib.contextmanager
def no_dropout(model: nn.Module) -> Iterator[None]:
    """Every dropout of the model at rate 0; attention's own too."""
    rates: list[tuple[nn.Module, str, float]] = [
        (module, "p", module.p) for module in model.modules() if isinstance(module, nn.Dropout)
    ]
    rates += [
        (module, name, getattr(module, name))
        for module in model.modules()
        for name in ("dropout_prob", "attention_dropout")
        if isinstance(getattr(module, name, None), float)
    ]
    for module, name, _ in rates:
        setattr(module, name, 0.0)
    try:
        yield
    finally:
        for module, name, rate in rates:
            setattr(module, name, rate)
