"""Parity of ``baselines/umgf.py`` with the authors' UMGF: every step of every layer, CRF, loss, gradients.

The file's pieces are our words, its tags our labels, its pooled crops a picture of four regions: the tagger itself
runs, nothing is rebuilt here. Equation numbers are those of golden/README.md 4.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mner.data.batch import Batch, Visual
from mner.models.encoders import TextEncoder
from mner.models.gated_graph import pooled_regions
from mner.models.model import Model
from mner.models.system import BuildContext, Emissions, load_system
from mner.parity.bert_golden import (
    Names,
    bert_of,
    chain_comparisons,
    checked,
    crf_of,
    gradient_comparisons,
    load,
    padded_paths,
    paired,
    picture_of,
    read_batch,
    read_bert,
    recorded,
    tagger_of,
)
from mner.parity.golden import Golden, run_check
from mner.parity.parity_report import Comparison, ParityReport

if TYPE_CHECKING:
    from baselines.umgf import CARD, Tagger
else:  # a wheel carries these files inside the package
    _system = load_system("baselines/umgf.py")
    CARD, Tagger = _system.CARD, _system.Tagger

LAYER_PARTS = {
    "mhatt_x.{}.linears.0.": "word_attention.query.",
    "mhatt_x.{}.linears.1.": "word_attention.key.",
    "mhatt_x.{}.linears.2.": "word_attention.value.",
    "mhatt_x.{}.linears.3.": "word_attention.output.",
    "mhatt_o.{}.linears.0.": "object_attention.query.",
    "mhatt_o.{}.linears.1.": "object_attention.key.",
    "mhatt_x2o.{}.": "exchange.to_words.linear.",
    "mhatt_o2x.{}.": "exchange.to_objects.linear.",
    "ffn_x.{}.w_1.": "word_feedforward.0.",
    "ffn_x.{}.w_2.": "word_feedforward.2.",
    "ffn_o.{}.w_1.": "object_feedforward.0.",
    "ffn_o.{}.w_2.": "object_feedforward.2.",
    "res4mes_x.{}.norm.": "word_norms.0.",
    "xgate.{}.norm.": "word_norms.1.",
    "res4ffn_x.{}.norm.": "word_norms.2.",
    "res4mes_o.{}.norm.": "object_norms.0.",
    "ogate.{}.norm.": "object_norms.1.",
    "res4ffn_o.{}.norm.": "object_norms.2.",
}
"""The authors' names of one fusion layer's parts, and ours."""
TRANSPOSED = "gate_text_to_obj"
"""Stored with objects before words; ours has words first."""


def check(path: Path) -> ParityReport:
    """Compare our UMGF with the authors' numbers in ``path``.

    Raises:
        ParityError: the file cannot be read as a UMGF golden file; the message names what does not fit.
    """
    return run_check("umgf (released)", path, "UMGF", "golden/README.md 4", _comparisons)


def build(golden: Golden) -> Model:
    """The released tagger and its CRF in float64, evaluation mode, with the file's parameters."""
    config = golden.json("config")
    bert = read_bert(golden, "bert", config["num_attention_heads"])
    inner, width = golden["param/ffn_x.0.w_1.weight"].shape
    features = golden["input/pooled_object_features"]
    labels = tuple(golden.json("tag2idx"))
    tagger = Tagger(
        BuildContext(labels, lambda: TextEncoder(bert), features.shape[2]),
        layers=golden.layers_below("mhatt_x."),
        heads=config["n_heads"],
        width=width,
        inner=inner,
        objects=features.shape[1],
    )
    model = Model(CARD, tagger, labels).double().eval()
    load(golden, paired(model, names(model)))
    return model


def names(model: Model) -> Names:
    """Beginnings of parameter names, theirs and ours."""
    pairs = [
        ("bert.", "tagger.encoder.bert."),
        ("trans_txt.", "tagger.word_input."),
        ("resnet.fc.", "tagger.object_head."),
        ("trans_obj.", "tagger.object_input."),
        ("hidden2tag.", "tagger.output."),
        ("crf.", "decoder.crf."),
    ]
    for number in range(len(tagger_of(model, Tagger).graph)):
        pairs += [(theirs.format(number), f"tagger.graph.{number}.{ours}") for theirs, ours in LAYER_PARTS.items()]
    return pairs


def read_picture(golden: Golden) -> Visual:
    """The file's pooled crops as regions; gradients reach them."""
    features = golden["input/pooled_object_features"].clone().requires_grad_()
    return Visual(features, torch.ones(features.shape[:2], dtype=torch.bool))


def _comparisons(golden: Golden) -> Iterator[Comparison]:
    model = build(golden)
    batch = read_batch(golden, read_picture(golden), mask="attention_mask", types="token_type_ids")
    with recorded(_modules(model)) as seen:
        loss = model.loss(batch)
    hidden, emissions = seen["text_hidden"][0], Emissions(seen["emissions"][0], batch.word_mask)
    for name, (ours, *_) in seen.items():
        yield checked(golden, f"output/{name}", ours.transpose(1, 2) if name.endswith(TRANSPOSED) else ours)
    for number in range(len(tagger_of(model, Tagger).graph)):
        yield checked(golden, f"output/layer{number}.message_to_obj", seen[f"layer{number}.message_to_text"][1])
    yield checked(golden, "output/fused", torch.cat([hidden, _last_words(model, seen)], -1))
    yield checked(golden, "output/loss", loss)
    yield from chain_comparisons(
        golden, crf_of(model), emissions, golden["input/labels"], prefix="", decoded="decoded_tags"
    )
    yield from gradient_comparisons(golden, loss, paired(model, names(model)))
    to_hidden, to_features = torch.autograd.grad(loss, [hidden, picture_of(batch).regions])
    yield checked(golden, "grad_input/text_hidden", to_hidden)
    yield checked(golden, "grad_input/pooled_object_features", to_features)
    yield from _links(golden, model, batch, hidden)


def _modules(model: Model) -> dict[str, nn.Module]:
    """The authors' names of what our modules return."""
    tagger = tagger_of(model, Tagger)
    bert = bert_of(tagger.encoder)
    modules: dict[str, nn.Module] = {
        "embeddings": bert.embeddings,
        "text_hidden": tagger.encoder,
        "text_proj": tagger.word_input,
        "resnet_fc": tagger.object_head,
        "objects_proj": tagger.object_input,
        "emissions": tagger.output,
    }
    modules |= {f"bert_layer_{number}": layer for number, layer in enumerate(bert.encoder.layer)}
    for number, layer in enumerate(tagger.graph):
        modules |= {f"layer{number}.{name}": module for name, module in _layer_modules(layer).items()}
    return modules


def _layer_modules(layer: Any) -> dict[str, nn.Module]:
    """Name the modules of one ``GatedGraphLayer``; the exchange returns two messages, first that to the text."""
    return {
        "text_selfattn": layer.word_attention,
        "text_after_selfattn": layer.word_norms[0],
        "obj_selfattn": layer.object_attention,
        "obj_after_selfattn": layer.object_norms[0],
        "gate_obj_to_text": layer.exchange.to_words,
        TRANSPOSED: layer.exchange.to_objects,
        "message_to_text": layer.exchange,
        "text_after_exchange": layer.word_norms[1],
        "obj_after_exchange": layer.object_norms[1],
        "text_ffn": layer.word_feedforward,
        "text_out": layer.word_norms[2],
        "obj_ffn": layer.object_feedforward,
        "obj_out": layer.object_norms[2],
    }


def _last_words(model: Model, seen: Mapping[str, list[Tensor]]) -> Tensor:
    return seen[f"layer{len(tagger_of(model, Tagger).graph) - 1}.text_out"][0]


@torch.no_grad()
def _links(golden: Golden, model: Model, batch: Batch, hidden: Tensor) -> Iterator[Comparison]:
    """The links that we derive, and the file's second run, with other links than masks make."""
    tagger = tagger_of(model, Tagger)
    visual = pooled_regions(picture_of(batch), tagger.objects)
    yield checked(golden, "input/inter_matrix", tagger.links(batch.word_mask, visual.mask).double())
    given = golden["input/variant_matrix.inter_matrix"].bool()
    scores = tagger.scores(hidden, batch.word_mask, visual, given)
    yield checked(golden, "output/variant_matrix.emissions", scores)
    paths = padded_paths(crf_of(model), Emissions(scores, batch.word_mask))
    yield checked(golden, "output/variant_matrix.decoded_tags", paths)
