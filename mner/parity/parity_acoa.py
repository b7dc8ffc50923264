"""Parity of ``baselines/acoa.py`` with the ACOA port: every block, gate, attention map, score and gradient.

The port reads padding like words, so its files are run with every position real; sizes come from the file.
Tolerance 1e-9 in float64 (golden/OLDER.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mner.data.batch import Visual
from mner.models.decoders import CRFDecoder
from mner.models.recurrent import ParallelCharCNN
from mner.models.system import Emissions, load_system
from mner.parity.bert_golden import padded_paths
from mner.parity.golden import Golden, run_check
from mner.parity.parity_report import Comparison, ParityError, ParityReport, compare

if TYPE_CHECKING:
    from baselines.acoa import Network, Trace
else:  # a wheel carries these files inside the package
    _system = load_system("baselines/acoa.py")
    Network, Trace = _system.Network, _system.Trace

NAMES = {
    "lstm.word_emb": "words",
    "lstm.char_cnn.char_emb": "characters.embedding",
    "lstm.char_cnn.linear.0": "characters.inner",
    "lstm.char_cnn.linear.3": "characters.outer",
    "lstm.bi_lstm": "lstm.lstm",
    "dim_match.0": "region",
    "co_attention.text_linear_1": "co_attention.over_regions.query",
    "co_attention.img_linear_1": "co_attention.over_regions.key",
    "co_attention.att_linear_1": "co_attention.over_regions.score",
    "co_attention.img_linear_2": "co_attention.over_words.query",
    "co_attention.text_linear_2": "co_attention.over_words.key",
    "co_attention.att_linear_2": "co_attention.over_words.score",
    "gmf.img_linear": "fusion.first",
    "gmf.text_linear": "fusion.second",
    "gmf.gate_linear": "fusion.gate",
    "filtration_gate.text_linear": "filtration.text",
    "filtration_gate.multimodal_linear": "filtration.fused",
    "filtration_gate.gate_linear": "filtration.gate",
    "filtration_gate.resv_linear": "filtration.reserve",
    "filtration_gate.output_linear": "emission",
}
"""The port's modules and ours; its ``lstm.char_cnn.convs.<i>.0`` and ``crf`` are added by :func:`our_name`."""

VANISHING = 1e-12
"""Gradients this small are zero in theory: softmax cancels what they belong to (golden/OLDER.md 1, Q1)."""


def check(path: Path) -> ParityReport:
    """Compare our ACOA with the port's numbers in ``path``.

    Raises:
        ParityError: the file cannot be read as an ACOA golden file; the message names what does not fit.
    """
    return run_check("acoa (released)", path, "ACOA", "golden/OLDER.md 1", _comparisons)


class Released(nn.Module):
    """The network and its CRF, under the names that :func:`our_name` gives."""

    def __init__(self, network: Network, labels: int) -> None:
        super().__init__()
        self.network = network
        self.decoder = CRFDecoder(labels)


def build(golden: Golden) -> Released:
    """Build both in float64, evaluation mode, with the file's parameters.

    Raises:
        ParityError: a parameter is missing, unknown or of another shape.
    """
    words = golden["param/lstm.word_emb.weight"]
    model = Released(_network(golden, words), _labels(golden)).double().eval()
    given = {our_name(key): golden[key] for key in golden.tensors if key.startswith("param/")}
    state = model.state_dict()
    unequal = sorted(given.keys() ^ state.keys())
    if unequal:
        raise ParityError(f"{golden.file}: parameters missing here or in the file: {', '.join(unequal[:5])}")
    for name, value in given.items():
        if value.shape != state[name].shape:
            raise ParityError(
                f"{golden.file}: {name} has shape {list(value.shape)}, expected {list(state[name].shape)}"
            )
    model.load_state_dict(given)
    return model


def _network(golden: Golden, words: Tensor) -> Network:
    characters, embedding = golden["param/lstm.char_cnn.char_emb.weight"].shape
    count = golden.layers_below("lstm.char_cnn.convs.")
    convolutions = [golden[f"param/lstm.char_cnn.convs.{number}.0.weight"] for number in range(count)]
    hidden, visual_size = golden["param/dim_match.0.weight"].shape
    outputs, inner = golden["param/lstm.char_cnn.linear.3.weight"].shape
    spelling = ParallelCharCNN(
        characters,
        embedding,
        filters=convolutions[0].shape[0],
        widths=[weight.shape[-1] for weight in convolutions],
        inner=inner,
        outputs=outputs,
        length=golden["input/char_ids"].shape[-1],
    )
    return Network(
        nn.Embedding(words.shape[0], words.shape[1], padding_idx=0),
        words.shape[1],
        spelling,
        visual_size=visual_size,
        hidden=hidden,
        labels=_labels(golden),
        scores="separate",
    )


def _labels(golden: Golden) -> int:
    return golden["param/crf.transitions"].shape[0]


def our_name(key: str) -> str:
    """Our name of the parameter ``param/<name>`` or ``grad/<name>`` of the port.

    Raises:
        ParityError: the port has no such parameter.
    """
    name = key.partition("/")[2]
    if name.startswith("crf."):
        return f"decoder.{name}"
    convolution = "lstm.char_cnn.convs."
    if name.startswith(convolution):
        number, _, rest = name.removeprefix(convolution).partition(".0.")
        return f"network.characters.convolutions.{number}.{rest}"
    module, _, parameter = name.rpartition(".")
    if module not in NAMES:
        raise ParityError(f"{key}: not a parameter of the ACOA port")
    return f"network.{NAMES[module]}.{parameter}"


def _comparisons(golden: Golden) -> Iterator[Comparison]:
    model = build(golden)
    trace, likelihood, loss, tags = run(golden, model)
    for name, ours in outputs(golden, model, trace).items():
        yield _compare(golden, f"output/{name}", ours)
    yield _compare(golden, "output/log_likelihood", likelihood)
    yield _compare(golden, "output/loss", loss)
    yield _compare(golden, "output/decoded_tags", tags)
    loss.backward()
    gradients = {
        name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None
    }
    for key in sorted(golden.tensors):
        if key.startswith("grad/"):
            yield _compare(golden, key, gradients[our_name(key)])


def _compare(golden: Golden, key: str, ours: Tensor) -> Comparison:
    """Relative to the largest entry; absolute where the reference is zero but for rounding, exact for tags."""
    reference = golden[key]
    exact = not reference.is_floating_point()
    absolute = replace(golden.compare(key, ours, exact=exact), name=key)
    vanishes = not exact and reference.abs().max() < VANISHING
    return absolute if exact or vanishes else compare(key, ours, reference, golden.tolerance)


def run(golden: Golden, model: Released) -> tuple[Trace, Tensor, Tensor, Tensor]:
    """Trace, log-likelihood per sentence, loss and decoded tags (padded with -1) on the file's inputs."""
    words, image = golden["input/word_ids"], golden["input/img_feature"]
    every_position = torch.ones_like(words, dtype=torch.bool)
    visual = Visual(image, torch.ones(image.shape[:2], dtype=torch.bool))
    trace = model.network(words, golden["input/char_ids"], every_position, visual)
    emissions = Emissions(trace.emissions, golden["input/mask"].bool())
    gold = golden["input/label_ids"]
    likelihood = model.decoder.crf(emissions.scores, gold, mask=emissions.mask, reduction="none")
    return trace, likelihood, model.decoder.nll(emissions, gold), padded_paths(model.decoder, emissions)


def outputs(golden: Golden, model: Released, trace: Trace) -> dict[str, Tensor]:
    """The trace under the port's names."""
    characters = model.network.characters
    pooled = characters.pooled(golden["input/char_ids"]).flatten(0, 1)
    widths = [convolution.get_parameter("weight").shape[-1] for convolution in characters.convolutions]
    convolved = {f"char_conv_k{width}": pooled[:, :, number, None] for number, width in enumerate(widths)}
    return convolved | {
        "char_features": trace.spelled,
        "text_features": trace.text,
        "img_features": trace.regions,
        "visual_attention": trace.attended.visual_attention,
        "att_img_features": trace.attended.image,
        "textual_attention": trace.attended.textual_attention,
        "att_text_features": trace.attended.text,
        "gmf_gate": trace.fused.gate,
        "multimodal_features": trace.fused.states,
        "filtration_gate": trace.reserved.gate,
        "emissions": trace.emissions,
    }
