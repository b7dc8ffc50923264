"""What the golden files of UMT, UMGF and RpBERT share: a BERT, names, a CRF, gradients.

Sources: golden/README.md 1 and 2, golden/OLDER.md (intro, CRF A). Every size is read from the file; everything
runs in float64 and evaluation mode; the tolerance is 1e-9, absolute.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from mner.data.batch import Batch, TextInput, Visual
from mner.models.decoders import ChainScores, CRFDecoder, log_partition, path_score
from mner.models.model import Model
from mner.models.system import Emissions
from mner.parity.golden import Golden
from mner.parity.parity_report import Comparison, ParityError

LAYER_NORM_EPSILON = 1e-12
Names = Sequence[tuple[str, str]]
Kind = TypeVar("Kind", bound=nn.Module)


def checked(golden: Golden, key: str, ours: Tensor) -> Comparison:
    """Ours beside the stored ``key``; whole numbers must be equal."""
    return replace(golden.compare(key, ours, exact=not golden[key].is_floating_point()), name=key)


def read_bert(golden: Golden, root: str, heads: int) -> BertModel:
    """An empty BERT of the file's sizes; its parameters are at ``param/<root>.``."""
    embeddings = f"param/{root}.embeddings."
    words = golden[f"{embeddings}word_embeddings.weight"]
    config = BertConfig(
        vocab_size=words.shape[0],
        hidden_size=words.shape[1],
        num_hidden_layers=golden.layers_below(f"{root}.encoder.layer."),
        num_attention_heads=heads,
        intermediate_size=golden[f"param/{root}.encoder.layer.0.intermediate.dense.weight"].shape[0],
        max_position_embeddings=golden[f"{embeddings}position_embeddings.weight"].shape[0],
        type_vocab_size=golden[f"{embeddings}token_type_embeddings.weight"].shape[0],
        layer_norm_eps=LAYER_NORM_EPSILON,
        hidden_act="gelu",
    )
    config._attn_implementation = "sdpa"
    return BertModel(config)


def bert_of(encoder: nn.Module) -> Any:
    """The transformer inside a text encoder."""
    return encoder.get_submodule("bert")


def tagger_of(model: Model, kind: type[Kind]) -> Kind:
    """The tagger of a model, as the class that it is."""
    if not isinstance(model.tagger, kind):
        raise ParityError(f"the tagger is a {type(model.tagger).__name__}, expected {kind.__qualname__}")
    return model.tagger


def crf_of(model: Model) -> CRFDecoder:
    """The CRF of a model."""
    if not isinstance(model.decoder, CRFDecoder):
        raise ParityError(f"{model.card.name}: the decoder is a {type(model.decoder).__name__}, expected a CRF")
    return model.decoder


def picture_of(batch: Batch) -> Visual:
    """The regions of a batch that was read from a golden file."""
    if batch.image is None:
        raise ParityError("the batch holds no pictures")
    return batch.image


def block_names(theirs: str, ours: str) -> Names:
    """Module names of one BERT layer (golden/README.md 2, Block), theirs and those of our ``BertBlock``."""
    parts = {
        "attention.self.query": "attention.query",
        "attention.self.key": "attention.key",
        "attention.self.value": "attention.value",
        "attention.output.dense": "attention.output",
        "attention.output.LayerNorm": "attention_norm",
        "intermediate.dense": "inner",
        "output.dense": "outer",
        "output.LayerNorm": "output_norm",
    }
    return [(f"{theirs}.{their_part}.", f"{ours}.{our_part}.") for their_part, our_part in parts.items()]


def paired(model: nn.Module, names: Names) -> dict[str, nn.Parameter]:
    """Our parameters under the authors' names; ``names`` pairs beginnings, theirs and ours.

    Raises:
        ParityError: one of our parameters has no pair.
    """
    pairs = {}
    for name, parameter in model.named_parameters():
        found = [(theirs, ours) for theirs, ours in names if name.startswith(ours)]
        if not found:
            raise ParityError(f"our parameter {name} has no counterpart in the authors' model")
        theirs, ours = max(found, key=lambda pair: len(pair[1]))
        pairs[theirs + name.removeprefix(ours)] = parameter
    return pairs


@torch.no_grad()
def load(golden: Golden, parameters: Mapping[str, nn.Parameter]) -> None:
    """Copy every ``param/`` of the file into ours.

    Raises:
        ParityError: a parameter is missing on either side, or has another shape.
    """
    given = {key.removeprefix("param/"): key for key in golden.tensors if key.startswith("param/")}
    unequal = sorted(given.keys() ^ parameters.keys())
    if unequal:
        raise ParityError(f"{golden.file}: parameters missing here or in the file: {', '.join(unequal[:5])}")
    for name, parameter in parameters.items():
        value = golden[given[name]]
        if value.shape != parameter.shape:
            raise ParityError(
                f"{golden.file}: {given[name]} has shape {list(value.shape)}, expected {list(parameter.shape)}"
            )
        parameter.copy_(value)


@contextmanager
def recorded(modules: Mapping[str, nn.Module]) -> Iterator[dict[str, list[Tensor]]]:
    """Collect what the named modules return, call by call; of several tensors a call, all in order."""
    outputs: dict[str, list[Tensor]] = {name: [] for name in modules}

    def keep(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple, output: Tensor | tuple[Tensor, ...]) -> None:
            outputs[name] += output if isinstance(output, tuple) else (output,)

        return hook

    handles = [module.register_forward_hook(keep(name)) for name, module in modules.items()]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def received(module: nn.Module, argument: str | int) -> Iterator[list[Tensor]]:
    """Collect what a module is given as the argument of that name or place, call by call."""
    inputs: list[Tensor] = []

    def keep(module: nn.Module, arguments: tuple, named: dict) -> None:
        inputs.append(named[argument] if isinstance(argument, str) else arguments[argument])

    handle = module.register_forward_pre_hook(keep, with_kwargs=True)
    try:
        yield inputs
    finally:
        handle.remove()


def pieces_as_words(ids: Tensor, mask: Tensor, types: Tensor) -> TextInput:
    """The file's pieces as text whose every position, padding too, is a word of its own.

    Raises:
        ParityError: token types other than 0, which the authors' readers never make.
    """
    if types.any():
        raise ParityError("the file's token types are not all 0, as the authors' reader makes them")
    return TextInput(ids, mask.bool(), torch.arange(ids.shape[1]).expand(ids.shape))


def read_batch(golden: Golden, image: Visual, *, mask: str, types: str) -> Batch:
    """The file's inputs as the batch that a tagger of ours receives.

    Args:
        golden: The file, with the pieces of its sentences and a label of each.
        image: The file's picture features, as regions.
        mask: What the file calls its mask of real pieces.
        types: What it calls the token types.

    Raises:
        ParityError: token types other than 0.
    """
    ids, real = golden["input/input_ids"], golden[f"input/{mask}"]
    return Batch(
        index=torch.arange(len(ids)),
        words=(("",) * ids.shape[1],) * len(ids),
        word_mask=real.bool(),
        tags=golden["input/labels"],
        text=pieces_as_words(ids, real, golden[f"input/{types}"]),
        image=image,
    )


def chain_comparisons(
    golden: Golden, decoder: CRFDecoder, emissions: Emissions, gold: Tensor, *, prefix: str, decoded: str
) -> Iterator[Comparison]:
    """Scores, partition and best paths of one CRF; ``prefix`` stands before the score names of ``output/``."""
    crf = decoder.crf
    chain = ChainScores(crf.start_transitions, crf.transitions, crf.end_transitions)
    score = path_score(emissions.scores, gold, emissions.mask, chain)
    partition = log_partition(emissions.scores, emissions.mask, chain)
    for name, ours in (
        ("gold_score", score),
        ("log_partition", partition),
        ("log_likelihood", crf(emissions.scores, gold, mask=emissions.mask, reduction="none")),
    ):
        if f"output/{prefix}{name}" in golden.tensors:
            yield checked(golden, f"output/{prefix}{name}", ours)
    yield checked(golden, f"output/{decoded}", padded_paths(decoder, emissions))


def padded_paths(decoder: CRFDecoder, emissions: Emissions) -> Tensor:
    """Best paths, -1 behind their ends."""
    tags = torch.full(emissions.mask.shape, -1)
    for row, path in zip(tags, decoder.decode(emissions), strict=True):
        row[: len(path)] = torch.tensor(path)
    return tags


def gradient_comparisons(
    golden: Golden,
    loss: Tensor,
    parameters: Mapping[str, nn.Parameter],
    *,
    prefix: str = "grad/",
    nested: str = "",
) -> Iterator[Comparison]:
    """Gradients of ``loss`` beside those at ``prefix``; one that only one side has is infinitely wrong.

    Keys that start with ``nested`` belong to another loss and are left out.
    """
    gradients = torch.autograd.grad(loss, list(parameters.values()), retain_graph=True, allow_unused=True)
    ours = dict(zip(parameters, gradients, strict=True))
    stored = {
        key.removeprefix(prefix)
        for key in golden.tensors
        if key.startswith(prefix) and not (nested and key.startswith(nested))
    }
    for name in sorted(stored | {name for name, gradient in ours.items() if gradient is not None}):
        key, gradient = f"{prefix}{name}", ours.get(name)
        if name not in stored:
            yield Comparison(key, math.inf, golden.tolerance, "absolute")
        else:
            yield checked(golden, key, torch.full_like(golden[key], math.nan) if gradient is None else gradient)
