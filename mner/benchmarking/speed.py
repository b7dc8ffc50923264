"""How fast training and inference are: ours beside the released regime, the released programs, a plain script."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from mner.benchmarking.bench_models import (
    RELEASED,
    ReleasedProgram,
    build_model,
    padded,
    random_bert,
    speed_recipe,
)
from mner.benchmarking.measure import Clock, Rates, Round, interleaved
from mner.benchmarking.plain_script import PlainScript
from mner.benchmarking.workload import Workload, make_workload
from mner.config import Config
from mner.config.training_recipe import Recipe
from mner.data.batch import Batch
from mner.models.encoders import tokenizer_of
from mner.models.model import Model
from mner.models.system import load_system
from mner.training.determinism import autocast, precision_of
from mner.training.flops import training_flops
from mner.training.loop import train_step
from mner.training.optimisers import make_optimiser

PLAIN_ANCHOR = 64.0
UPDATES = 1266


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: timed rounds, batches of ours in one, batches of the released regime in one."""

    rounds: int
    batches: int
    released_batches: int


QUICK, FULL = Effort(1, 4, 1), Effort(5, 12, 1)


@dataclass(frozen=True, slots=True)
class Line:
    """One measured quantity in sentences per second.

    ``beside`` is what was measured next to it on this machine, ``anchor`` what was measured of another program on
    2 CPU cores. ``flops`` counts the matrix products of forward and backward pass per sentence, None where not
    counted.
    """

    system: str
    task: str
    size: str
    ours: Rates
    beside: Rates
    beside_name: str
    anchor: float | None
    anchor_name: str
    precision: str
    flops: float | None
    source: str


class Trainee:
    """A model with its optimiser, and the rounds it is timed in."""

    def __init__(self, model: Model, recipe: Recipe, workload: Workload, device: torch.device) -> None:
        self.model, self.recipe, self.workload, self.device = model, recipe, workload, device
        self.optimiser = make_optimiser(model, recipe)
        self.parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        self._update = 0

    def train(self, batch: Batch, recipe: Recipe) -> int:
        """One update."""
        self._update += 1
        self.model.train()
        train_step(self.model, batch, self.optimiser, self.parameters, recipe, self._update % UPDATES, UPDATES)
        return len(batch.words)

    @torch.no_grad()
    def infer(self, batch: Batch, recipe: Recipe) -> int:
        """Tags of one batch."""
        self.model.eval()
        with autocast(recipe, self.device):
            self.model.decode(batch)
        return len(batch.words)

    def ours(self, batches: Sequence[list[int]], training: bool) -> Round:
        """A round of ours: batches built from the split, as the training loop does it."""
        work = self.train if training else self.infer
        return lambda: sum(work(self.workload.on(rows, self.device), self.recipe) for rows in batches)

    def released(self, program: ReleasedProgram, recipe: Recipe, each: int, training: bool) -> Round:
        """A round of the released regime: unsorted batches of 16, padded to the program's length, float32."""
        work = self.train if training else self.infer
        endless: Iterator[list[int]] = itertools.cycle(self.workload.unsorted_batches(16, 64))

        def one_round() -> int:
            rows = itertools.islice(endless, each)
            return sum(work(padded(self.workload.on(row, self.device), program.pieces), recipe) for row in rows)

        return one_round


def system_lines(
    config: Config, system: str, size: str, root: Path, dataset: str, clock: Clock, effort: Effort
) -> list[Line]:
    """Training and inference of one system beside the released regime with the very same modules."""
    program, settings, device = RELEASED[system], config.systems[system], clock.device
    module = load_system(settings.file)
    tokenizer = tokenizer_of(config.encoders["minilm"])
    workload = make_workload(root, dataset, tokenizer, module, settings.options, device)
    recipe, plain = (speed_recipe(config, system, precision) for precision in ("auto", "float32"))
    trainee = Trainee(build_model(module, settings.options, workload, size, device), recipe, workload, device)
    batches = workload.batches(recipe.batch_size, effort.batches, training=True)
    flops = flops_per_sentence(trainee, batches)
    lines = []
    for training in (True, False):
        task = "training" if training else "inference"
        each = recipe.batch_size if training else recipe.evaluation_batch_size
        chosen = batches if training else workload.batches(each, max(2, effort.batches // 4), training=False)
        rates = interleaved(
            {
                "ours": trainee.ours(chosen, training),
                "released": trainee.released(program, plain, effort.released_batches, training),
            },
            effort.rounds,
            clock,
            f"{system} {task}",
        )
        anchor = program.training if training else program.inference
        regime = f"same modules, released regime: padded to {program.pieces}, unsorted, float32"
        lines.append(
            Line(
                system, task, size, rates["ours"], rates["released"], regime, anchor,
                f"released {program.title}", precision_of(recipe, device), flops if training else None,
                workload.source,
            )
        )  # fmt: skip
    return lines


def plain_line(config: Config, root: Path, dataset: str, clock: Clock, effort: Effort) -> Line:
    """Training of ``bert-crf`` at MiniLM size beside the plain script, on the same sentences."""
    settings, device = config.systems["bert-crf"], clock.device
    module, tokenizer = load_system(settings.file), tokenizer_of(config.encoders["minilm"])
    workload = make_workload(root, dataset, tokenizer, module, settings.options, device)
    recipe = speed_recipe(config, "bert-crf")
    trainee = Trainee(build_model(module, settings.options, workload, "minilm", device), recipe, workload, device)
    batches = workload.batches(recipe.batch_size, 4 * effort.batches, training=True)
    script = PlainScript(random_bert("minilm"), tokenizer, workload.split.sentences, device)
    rates = interleaved(
        {"ours": trainee.ours(batches, True), "plain": lambda: sum(script.step(rows) for rows in batches)},
        effort.rounds,
        clock,
        "bert-crf training",
    )
    return Line(
        "bert-crf", "training", "minilm", rates["ours"], rates["plain"],
        "plain script: linear layer, softmax, sorted batches, bfloat16", PLAIN_ANCHOR, "plain script",
        precision_of(recipe, device), flops_per_sentence(trainee, batches), workload.source,
    )  # fmt: skip


def flops_per_sentence(trainee: Trainee, batches: Sequence[list[int]]) -> float | None:
    """Operations of matrix products per training sentence, over a few batches."""
    few = [trainee.workload.on(rows, trainee.device) for rows in batches[:: max(1, len(batches) // 4)]]
    flops = training_flops(trainee.model, few, autocast(trainee.recipe, trainee.device))
    return None if flops is None else flops / sum(len(batch.words) for batch in few)
