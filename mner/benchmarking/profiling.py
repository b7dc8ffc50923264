"""Where the time of a training step goes: by phase and by kind of operator (torch.profiler)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile, record_function

from mner.base.terminal import aligned
from mner.benchmarking.speed import Trainee

PHASES = ("batching", "text encoder, forward", "decoder, forward", "rest of the model, forward", "backward")
OPTIMISER, REST = "optimiser", "clipping, gradients set free, schedule"

KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("matrix products", ("mm", "addmm", "bmm", "baddbmm", "mkldnn_linear", "linear", "dot")),
    ("attention", ("scaled_dot_product", "flash_attention", "efficient_attention")),
    ("optimiser", ("fused_adam", "_foreach_add", "_foreach_addc", "lerp")),
    ("gradient clipping", ("_foreach_norm", "linalg_vector_norm", "_foreach_mul", "clamp_")),
    ("normalisation", ("layer_norm",)),
    ("dropout", ("dropout", "bernoulli")),
    ("activations", ("gelu", "relu", "sigmoid", "tanh", "softmax")),
    (
        "copies, casts, fills",
        ("copy_", "fill_", "zero_", "_to_copy", "cat", "clone", "empty", "pad"),
    ),
    ("embeddings", ("embedding", "index_select")),
    ("sums of the chain (CRF)", ("logsumexp", "max", "where", "gather", "index", "exp", "log")),
)
OTHER = "other operators and Python"
OPERATORS_SHOWN = 12
WARM_UP = 2


@dataclass(frozen=True, slots=True)
class StepProfile:
    """Milliseconds a training step by phase and by kind of operator; both sum to about ``total``."""

    system: str
    steps: int
    total: float
    phases: dict[str, float]
    kinds: dict[str, float]
    operators: dict[str, float]


def profile_step(trainee: Trainee, system: str, batches: Sequence[list[int]]) -> StepProfile:
    """Profile one training step a batch, after ``WARM_UP`` untimed ones.

    On CUDA the times are those of the kernels, so phases overlap less than the clock says; on a CPU they are the
    clock's. Profiling itself costs some percent.
    """
    for rows in batches[:WARM_UP]:
        trainee.train(trainee.workload.on(rows, trainee.device), trainee.recipe)
    cuda = trainee.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    with _labelled(trainee), profile(activities=activities) as recorded:
        for rows in batches:
            with record_function("step"):
                with record_function("batching"):
                    batch = trainee.workload.on(rows, trainee.device)
                trainee.train(batch, trainee.recipe)
    return _summary(recorded.events(), system, len(batches), cuda)


class _labelled:  # noqa: N801
    """Names the phases inside the model while it is entered, and takes the names away again."""

    def __init__(self, trainee: Trainee) -> None:
        model = trainee.model
        encoder = getattr(model.tagger, "encoder", None)
        wanted: list[tuple[Any, str, str]] = [(model, "loss", "forward")]
        if encoder is not None:
            wanted.append((encoder, "pieces", "text encoder"))
        if model.decoder is not None:
            wanted.append((model.decoder, "nll", "decoder"))
        elif hasattr(model.tagger, "log_likelihood"):
            wanted.append((model.tagger, "log_likelihood", "decoder"))
        self._wanted = wanted

    def __enter__(self) -> None:
        for owner, name, label in self._wanted:
            owner.__dict__[name] = _named(getattr(owner, name), label)

    def __exit__(self, *error: object) -> None:
        for owner, name, _ in self._wanted:
            del owner.__dict__[name]


def _named(function: Callable, label: str) -> Callable:
    def call(*arguments: Any, **named: Any) -> Any:
        with record_function(label):
            return function(*arguments, **named)

    return call


def _summary(events: Sequence[Any], system: str, steps: int, cuda: bool) -> StepProfile:
    scale = 1e-3 / steps  # the profiler counts microseconds
    whole: dict[str, float] = {}
    operators: dict[str, float] = {}
    backward = 0.0
    for event in (event for event in events if event.device_type == DeviceType.CPU):
        spent = event.device_time_total if cuda else event.cpu_time_total
        alone = event.self_device_time_total if cuda else event.self_cpu_time_total
        if event.name.startswith("autograd::engine::evaluate_function"):
            backward += spent * scale
        whole[event.name] = whole.get(event.name, 0.0) + spent * scale
        if event.name != "step":
            operators[event.name] = operators.get(event.name, 0.0) + alone * scale
    total = _kernels(events) * scale if cuda else whole["step"]
    optimiser = sum(value for name, value in whole.items() if name.startswith("Optimizer.step"))
    forward, encoder = whole.get("forward", 0.0), whole.get("text encoder", 0.0)
    decoder = whole.get("decoder", 0.0)
    phases = dict(
        zip(
            PHASES,
            (whole.get("batching", 0.0), encoder, decoder, forward - encoder - decoder, backward),
            strict=True,
        )
    )
    phases[OPTIMISER] = optimiser
    phases[REST] = total - sum(phases.values())
    return StepProfile(system, steps, total, phases, _by_kind(operators, total), operators)


def _kernels(events: Sequence[Any]) -> float:
    """Microseconds of all kernels: those of the backward pass are no children of the step, another thread's."""
    return sum(
        event.device_time_total
        for event in events
        if event.device_type == DeviceType.CUDA and not event.is_user_annotation
    )


def _by_kind(operators: dict[str, float], total: float) -> dict[str, float]:
    kinds = dict.fromkeys([name for name, _ in KINDS], 0.0)
    for operator, spent in operators.items():
        kind = _kind_of(operator)
        if kind is not None:
            kinds[kind] += spent
    return {**kinds, OTHER: total - sum(kinds.values())}


def _kind_of(operator: str) -> str | None:
    if not operator.startswith("aten::"):
        return None
    name = operator.removeprefix("aten::")
    for kind, parts in KINDS:
        if name in parts or any(len(part) > 4 and part in name for part in parts):
            return kind
    return None


def render_profile(found: StepProfile) -> str:
    """Aligned lists, milliseconds and shares: by phase, by kind of operator, and the most expensive operators."""
    most = dict(sorted(found.operators.items(), key=lambda item: -item[1])[:OPERATORS_SHOWN])
    rows = []
    for title, values in (("phase", found.phases), ("kind of operator", found.kinds), ("operator, alone", most)):
        rows.append((title, "ms", "share"))
        rows += [(name, f"{ms:.1f}", f"{100 * ms / found.total:.1f} %") for name, ms in values.items()]
        rows.append(("", "", ""))
    head = f"{found.system}: {found.total:.1f} ms a training step (mean of {found.steps})"
    return "\n".join([head, "", *aligned(rows, numbers=(1, 2))])
