"""What the golden files of OCSGA and Object-AGBAN share: NCRF++'s text encoder, its CRF, the comparing.

Sources: golden/OLDER.md, CRF B, and 2, steps 1 and 2. Every size is read from the file's tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call

from mner.models.decoders import ChainScores, CRFDecoder, log_partition, path_score
from mner.models.recurrent import CharLSTM, HBiLSTM
from mner.models.system import Emissions
from mner.models.words import WordIds
from mner.parity.golden import Golden
from mner.parity.parity_report import Comparison, ParityError, compare

TOLERANCE = 1e-9
VANISHING = 1e-12
"""A gradient this small beside the largest is zero in theory: a softmax ignores a shift of all its scores."""
START, STOP = -2, -1
"""Rows and columns of the square transition matrix that stand for a sentence's borders."""


def text_encoder(golden: Golden) -> HBiLSTM:
    """The harness's text encoder at the file's sizes."""
    words, characters = golden["param/word_embeddings.weight"], golden["param/char_embeddings.weight"]
    character_hidden = 2 * golden["param/char_lstm.weight_hh_l0"].shape[1]
    hidden = 2 * golden["param/word_lstm.weight_hh_l0"].shape[1]
    count, size = characters.shape
    spelling = CharLSTM(count, size, character_hidden)
    return HBiLSTM(nn.Embedding(*words.shape), words.shape[1], spelling, hidden, dropout=0.0)


def word_ids(golden: Golden) -> WordIds:
    """The file's sentences as our text encoder receives them."""
    return WordIds(golden["input/word_ids"], golden["input/char_ids"], golden["input/char_lengths"])


TEXT_NAMES = {
    "word_embeddings": "text.embedding",
    "char_embeddings": "text.characters.embedding",
    "char_lstm": "text.characters.lstm",
    "word_lstm": "text.sentence.lstm",
    "hidden2tag": "emission",
    "cat_bn": "fusion.norm",
}
"""Their module -> ours, for :func:`load`."""
TEXT_OUTPUTS = {
    "char_features": "text.characters",
    "text_features": "text",
    "bn_out": "fusion.norm",
    "emissions": "emission",
}
"""Their output -> the module of ours that returns it, for :func:`recording`."""


def renamed(name: str, modules: Mapping[str, str]) -> str | None:
    """Our name of their parameter: the longest module name it starts with is replaced; None where none fits."""
    for theirs in sorted(modules, key=len, reverse=True):
        if name == theirs or name.startswith(f"{theirs}."):
            return modules[theirs] + name.removeprefix(theirs)
    return None


def load(model: nn.Module, golden: Golden, modules: Mapping[str, str]) -> dict[str, nn.Parameter]:
    """Fill ``model`` with the file's parameters; returns its trainable ones by their names.

    ``modules`` maps their module names (or full parameter names) to ours. The CRF's matrix is not ``model``'s.

    Raises:
        ParityError: the file has a parameter that the model lacks, or the model one that the file lacks.
    """
    own = model.state_dict()
    state, theirs = {}, {}
    for key, values in golden.tensors.items():
        name = key.removeprefix("param/")
        if name == key or name == "crf.transitions":
            continue
        ours = renamed(name, modules)
        if ours not in own:
            raise ParityError(f"{golden.file}: {key} has no counterpart here; is the check that of the file?")
        if own[ours].squeeze().shape != values.squeeze().shape:
            shapes = f"{list(values.shape)}, expected {list(own[ours].shape)}"
            raise ParityError(f"{golden.file}: {key} has shape {shapes}")
        state[ours], theirs[ours] = values.view_as(own[ours]), name
    missing = sorted(own.keys() - state.keys())
    if missing:
        raise ParityError(f"{golden.file} has no parameter for our {', '.join(missing[:5])}")
    model.double().eval()
    model.load_state_dict({name: values.to(model.state_dict()[name].dtype) for name, values in state.items()})
    return {theirs[name]: parameter for name, parameter in model.named_parameters()}


def constant(golden: Golden, name: str) -> float:
    """A number of the metadata entry ``constants``.

    Raises:
        ParityError: it is not there.
    """
    constants = golden.json("constants")
    if name not in constants:
        raise ParityError(f"{golden.file}: metadata entry 'constants' does not state {name!r}")
    return constants[name]


@contextmanager
def recording(model: nn.Module, modules: Mapping[str, str]) -> Iterator[dict[str, Tensor]]:
    """Collect, under the file's names, what the named modules return while the block runs."""
    outputs: dict[str, Tensor] = {}

    def hook(name: str) -> Callable[..., None]:
        return lambda module, inputs, output: outputs.__setitem__(name, output)

    handles = [model.get_submodule(ours).register_forward_hook(hook(name)) for name, ours in modules.items()]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def chain_of(square: Tensor) -> ChainScores:
    """NCRF++'s one matrix as an ordinary chain over all of its states, the border states included."""
    return ChainScores(square[START], square, square[:, STOP])


def chain_outputs(golden: Golden, emissions: Tensor, square: Tensor, prefix: str = "") -> dict[str, Tensor]:
    """CRF scores, loss and best paths by the harness's own decoder and chain, under the file's names."""
    tags, mask, chain = golden["input/label_ids"], golden["input/mask"], chain_of(square)
    decoder = CRFDecoder(len(square)).double()
    weights = dict(zip(("start_transitions", "transitions", "end_transitions"), chain, strict=True))
    losses = -functional_call(decoder.crf, weights, (emissions, tags), {"mask": mask, "reduction": "none"})
    decoder.crf.load_state_dict(weights)
    with torch.no_grad():
        paths = decoder.decode(Emissions(emissions, mask))
    decoded = torch.full_like(tags, -1)
    for row, path in zip(decoded, paths, strict=True):
        row[: len(path)] = torch.tensor(path)
    raw = decoded.clamp(min=0)
    raw[:, -1] = decoded.gather(1, mask.sum(1, keepdim=True) - 1)[:, 0]
    outputs = {
        "crf_log_partition_sum": log_partition(emissions, mask, chain).sum(),
        "crf_gold_score_sum": path_score(emissions, tags, mask, chain).sum(),
        "crf_nll_per_sentence": losses,
        "crf_nll_sum": losses.sum(),
        "decoded_tags": decoded,
        "decoded_tags_raw": raw,
    }
    return {prefix + name: values for name, values in outputs.items()}


def compare_outputs(golden: Golden, ours: Mapping[str, Tensor]) -> Iterator[Comparison]:
    """Every stored output against ours: numbers relative to the largest, tags exactly.

    Raises:
        ParityError: the file stores an output that we do not compute, or lacks one that we do.
    """
    stored = {key.removeprefix("output/"): t for key, t in golden.tensors.items() if key.startswith("output/")}
    if stored.keys() != ours.keys():
        unequal = sorted(stored.keys() ^ ours.keys())
        raise ParityError(f"{golden.file}: outputs missing here or in the file: {', '.join(unequal[:5])}")
    for name, reference in stored.items():
        exact = not reference.is_floating_point()
        tolerance, kind = (0.0, "exact") if exact else (TOLERANCE, "relative")
        yield compare(f"output/{name}", ours[name], reference, tolerance, kind)


def compare_gradients(
    golden: Golden, loss: Tensor, parameters: Mapping[str, Tensor], prefix: str = "grad/"
) -> Iterator[Comparison]:
    """d loss / d parameter for every gradient stored directly under ``prefix`` (none where another slash follows).

    Raises:
        ParityError: the file lacks a gradient that we have, or has one that we lack.
    """
    stored = {key.removeprefix(prefix): t for key, t in golden.tensors.items() if key.startswith(prefix)}
    stored = {name: values for name, values in stored.items() if "/" not in name}
    found = torch.autograd.grad(loss, list(parameters.values()), retain_graph=True, allow_unused=True)
    ours = {name: values for name, values in zip(parameters, found, strict=True) if values is not None}
    if stored.keys() != ours.keys():
        unequal = sorted(stored.keys() ^ ours.keys())
        raise ParityError(f"{golden.file}: {prefix} gradients missing here or there: {', '.join(unequal[:5])}")
    largest = max(values.abs().max().item() for values in stored.values())
    for name, reference in stored.items():
        vanishes = reference.abs().max().item() < VANISHING * largest
        tolerance, kind = (VANISHING * largest, "absolute") if vanishes else (TOLERANCE, "relative")
        yield compare(f"{prefix}{name}", ours[name].view_as(reference), reference, tolerance, kind)
