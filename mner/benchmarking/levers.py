"""What every lever of the training step is worth: the step as it is beside the same step without the lever."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from mner.benchmarking.measure import Clock, Rates, Round, interleaved
from mner.benchmarking.models import build_model, speed_recipe
from mner.benchmarking.released import padded
from mner.benchmarking.speed import Trainee
from mner.benchmarking.workload import make_workload
from mner.config import Config
from mner.data.batch import Batch, TextInput
from mner.models.system import load_system
from mner.training.optimiser import parameter_groups
from mner.training.recipe import Recipe

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
        row = config.systems["bert-crf"]
        module, tokenizer = load_system(row.file), config.encoders["minilm"].tokenizer()
        device, self._clock = clock.device, clock
        self._workload = make_workload(root, dataset, tokenizer, module, row.options)
        model = build_model(module, row.options, self._workload, size, device)
        self.trainee = Trainee(model, speed_recipe(config, "bert-crf"), self._workload, device)

    def table(self, rounds: int, batches: int) -> Iterator[str]:
        """The lines of an aligned table, each as soon as its lever has been measured."""
        sorted_rows = self._workload.batches(16, batches, training=True)
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
            ("padding to a multiple of 8", "to the longest alone", False, usual, train(sorted_rows, trimmed)),
            ("fused AdamW", "AdamW in a loop", False, usual, looped),
            ("fused attention (SDPA)", "attention by products", True, usual, attention),
            ("gradients set free", "gradients zeroed", False, usual, zeroed),
            ("dropout left out (not done)", "dropout", True, undropped, usual),
            ("inference in batches of 64", "of 16", False, one.ours(tagged, False), one.ours(small, False)),
        ]
        header = f"{'lever':<30} {'sentences/s':>11}  {'without':<24} {'sentences/s':>11} {'worth':>7}"
        yield f"{header}  moves results"
        for name, instead, changes, with_it, without_it in ways:
            rates = interleaved({"with": with_it, "without": without_it}, rounds, self._clock, name)
            yield Lever(name, instead, changes, rates["with"], rates["without"]).line()


def as_it_is(batch: Batch) -> Batch:
    """No change."""
    return batch


def trimmed(batch: Batch) -> Batch:
    """The batch without the pieces that only round its length up."""
    longest = int(batch.text.attention_mask.sum(1).max())
    text = TextInput(
        batch.text.input_ids[:, :longest], batch.text.attention_mask[:, :longest], batch.text.first_piece
    )
    return replace(batch, text=text)


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
    other.state = usual.state
    trainee.optimiser = other
    try:
        yield
    finally:
        trainee.optimiser = usual


@contextlib.contextmanager
def zeroing(trainee: Trainee) -> Iterator[None]:
    """Gradients keep their memory and are filled with zeros."""
    kind = type(trainee.optimiser)
    trainee.optimiser.zero_grad = lambda set_to_none: kind.zero_grad(trainee.optimiser, set_to_none=False)
    try:
        yield
    finally:
        del trainee.optimiser.zero_grad


@contextlib.contextmanager
def no_dropout(model: nn.Module) -> Iterator[None]:
    """Every dropout of the model at rate 0; attention's own too."""
    rates = [(module, "p", module.p) for module in model.modules() if isinstance(module, nn.Dropout)]
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
