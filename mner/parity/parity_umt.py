"""Parity of ``baselines/umt.py`` with the authors' UMT: every block, both CRFs, loss, tags and gradients.

The file's pieces are our words, its 13 tags our labels: the tagger itself runs, nothing is rebuilt here. Equation
numbers are those of golden/README.md 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mner.data.batch import Batch, Visual
from mner.models.encoders import TextEncoder
from mner.models.model import Model
from mner.models.system import BuildContext, Emissions, load_system
from mner.parity.bert_golden import (
    Names,
    bert_of,
    block_names,
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
from mner.parity.parity_report import Comparison, ParityError, ParityReport

if TYPE_CHECKING:
    from baselines.umt import CARD, Tagger, conversion_matrix
else:  # a wheel carries these files inside the package
    _system = load_system("baselines/umt.py")
    CARD, Tagger, conversion_matrix = _system.CARD, _system.Tagger, _system.conversion_matrix

STACKS = {
    "txt2img_attention.layer": "words_ask_regions",
    "img2txt_attention.layer": "regions_ask_words",
    "txt2txt_attention.layer": "words_ask_answers",
}
"""The authors' stacked blocks (steps 4, 5, 6) and ours, in the order of our option ``layers``."""


def check(path: Path) -> ParityReport:
    """Compare our UMT with the authors' numbers in ``path``.

    Raises:
        ParityError: the file cannot be read as a UMT golden file; the message names what does not fit.
    """
    return run_check("umt (released)", path, "UMT", "golden/README.md 3", _comparisons)


def build(golden: Golden) -> Model:
    """The released tagger and its CRF in float64, evaluation mode, with the file's parameters."""
    bert = read_bert(golden, "bert", golden.json("config")["num_attention_heads"])
    labels = tuple(golden.json("labels"))
    build = BuildContext(labels, lambda: TextEncoder(bert), golden["input/visual_feature_map"].shape[1])
    layers = [golden.layers_below(f"{theirs}.") for theirs in STACKS]
    model = Model(CARD, Tagger(build, layers=layers), labels).double().eval()
    load(golden, paired(model, names(model)))
    return model


def names(model: Model) -> Names:
    """Beginnings of parameter names, theirs and ours."""
    pairs = [
        ("bert.", "tagger.encoder.bert."),
        ("vismap2text.", "tagger.region_keys."),
        ("vismap2text_v2.", "tagger.region_queries."),
        ("gate.", "tagger.gate."),
        ("classifier.", "tagger.output."),
        ("aux_classifier.", "tagger.span_output."),
        ("crf.", "decoder.crf."),
        ("aux_crf.", "tagger.span_decoder.crf."),
        *block_names("self_attention.layer.0", "tagger.span_block"),
        *block_names("self_attention_v2.layer.0", "tagger.word_block"),
    ]
    for theirs, ours in STACKS.items():
        for number in range(len(getattr(tagger_of(model, Tagger), ours))):
            pairs += block_names(f"{theirs}.{number}", f"tagger.{ours}.{number}")
    return pairs


def read_picture(golden: Golden) -> Visual:
    """The file's feature maps as regions; gradients reach them."""
    grid = golden["input/visual_feature_map"]
    mask = region_mask(golden["input/added_attention_mask"], grid)
    return Visual(grid.flatten(2).mT.clone().requires_grad_(), mask)


def region_mask(added: Tensor, grid: Tensor) -> Tensor:
    """The first columns of the authors' mask; hiding all regions hides none, as a softmax ignores a constant."""
    mask = added[:, : grid[0, 0].numel()].bool()
    return mask | ~mask.any(1, keepdim=True)


def _comparisons(golden: Golden) -> Iterator[Comparison]:
    model = build(golden)
    batch = read_batch(golden, read_picture(golden), mask="input_mask", types="segment_ids")
    yield from _conversion(golden)
    yield checked(golden, "input/auxlabels", tagger_of(model, Tagger).get_buffer("span_of_label")[batch.tags])
    yield from _forward(golden, model, batch)
    yield from _masked_regions(golden, model, batch)


def _conversion(golden: Golden) -> Iterator[Comparison]:
    ours = conversion_matrix(golden.json("labels"), golden.json("auxlabels"))
    stored = golden["input/trans_matrix"]
    if ours.shape != stored.shape:
        raise ParityError(f"{golden.file}: input/trans_matrix is {list(stored.shape)}, ours {list(ours.shape)}")
    yield Comparison("input/trans_matrix", (ours - stored).abs().max().item(), 1e-12, "absolute")


def _forward(golden: Golden, model: Model, batch: Batch) -> Iterator[Comparison]:
    tagger = tagger_of(model, Tagger)
    with recorded(_modules(model)) as seen:
        loss = model.loss(batch)
    for name, (ours,) in seen.items():
        yield checked(golden, f"output/{name}", ours)
    final, spans = tagger.scores(batch)
    others = {
        "pooled_output": bert_of(tagger.encoder).pooler(seen["text_hidden"][0]),
        "gate": torch.sigmoid(seen["gate_preact"][0]),
        "fused": tagger.fused(seen["main_text"][0], batch.word_mask, picture_of(batch)),
        "aux_emissions_converted": spans @ tagger.get_buffer("conversion"),
        "final_emissions": final,
        "loss": loss,
    }
    for name, ours in others.items():
        yield checked(golden, f"output/{name}", ours)
    yield from _chains(golden, model, batch, final, spans)
    yield from gradient_comparisons(golden, loss, paired(model, names(model)))
    hidden, regions = torch.autograd.grad(loss, [seen["text_hidden"][0], picture_of(batch).regions])
    yield checked(golden, "grad_input/text_hidden", hidden)
    grid = golden["input/visual_feature_map"]
    yield checked(golden, "grad_input/visual_feature_map", regions.mT.reshape(grid.shape))


def _chains(golden: Golden, model: Model, batch: Batch, final: Tensor, spans: Tensor) -> Iterator[Comparison]:
    """Both CRFs: their losses, scores and best paths (step 10)."""
    for prefix, decoder, scores, gold, decoded in (
        ("main_", crf_of(model), final, golden["input/labels"], "decoded_tags"),
        ("aux_", tagger_of(model, Tagger).span_decoder, spans, golden["input/auxlabels"], "aux_decoded_tags"),
    ):
        emissions = Emissions(scores, batch.word_mask)
        yield checked(golden, f"output/{prefix}loss", decoder.nll(emissions, gold))
        yield from chain_comparisons(golden, decoder, emissions, gold, prefix=prefix, decoded=decoded)


@torch.no_grad()
def _masked_regions(golden: Golden, model: Model, batch: Batch) -> Iterator[Comparison]:
    """The second run of the file, with some regions hidden."""
    added = golden["input/variant_imgmask.added_attention_mask"]
    visual = replace(picture_of(batch), mask=region_mask(added, golden["input/visual_feature_map"]))
    emissions = model.tagger(replace(batch, image=visual))
    yield checked(golden, "output/variant_imgmask.final_emissions", emissions.scores)
    yield checked(golden, "output/variant_imgmask.decoded_tags", padded_paths(crf_of(model), emissions))


def _modules(model: Model) -> dict[str, torch.nn.Module]:
    """The authors' names of what our modules return."""
    tagger = tagger_of(model, Tagger)
    bert = bert_of(tagger.encoder)
    modules: dict[str, torch.nn.Module] = {
        "embeddings": bert.embeddings,
        "text_hidden": tagger.encoder,
        "aux_text": tagger.span_block,
        "aux_emissions": tagger.span_output,
        "main_text": tagger.word_block,
        "vis_proj_v1": tagger.region_keys,
        "vis_proj_v2": tagger.region_queries,
        "gate_preact": tagger.gate,
        "main_emissions": tagger.output,
    }
    modules |= {f"bert_layer_{number}": layer for number, layer in enumerate(bert.encoder.layer)}
    for theirs, ours in STACKS.items():
        stack = theirs.removesuffix("_attention.layer")
        modules |= {f"{stack}_layer_{number}": block for number, block in enumerate(getattr(tagger, ours))}
    return modules
