"""Parity of ``baselines/rpbert.py`` with the authors' 2022 rewrite: both passes, gate, tagger, CRF and gradients.

The file stores frozen word vectors beside BERT's, so our reader, head and CRF are put together here around them;
each is the class that the harness trains. Step numbers are those of golden/OLDER.md 4.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as F

from mner.data.batch import TextInput, Visual
from mner.models.decoders import CRFDecoder
from mner.models.encoders import TextEncoder
from mner.models.joint_bert import JointBert
from mner.models.system import Emissions, load_system
from mner.parity.bert_golden import (
    Names,
    bert_of,
    chain_comparisons,
    checked,
    gradient_comparisons,
    load,
    paired,
    pieces_as_words,
    read_bert,
    received,
    recorded,
)
from mner.parity.golden import Golden, run_check
from mner.parity.parity_report import Comparison, ParityError, ParityReport

if TYPE_CHECKING:
    from baselines.rpbert import RecurrentHead, RelationBert
else:  # a wheel carries these files inside the package
    _system = load_system("baselines/rpbert.py")
    RecurrentHead, RelationBert = _system.RecurrentHead, _system.RelationBert

RELATION_TASK = "grad/relation_task/"
NAMES: Names = (
    ("encoder_t.", "reader.joint.encoder.bert."),
    ("proj.", "reader.joint.projection."),
    ("aux_head.", "reader.relation."),
    ("rnn.", "head.lstm."),
    ("head.", "head.output."),
    ("crf.", "decoder.crf."),
)
"""Beginnings of parameter names, theirs and ours."""


def check(path: Path) -> ParityReport:
    """Compare our RpBERT with the authors' numbers in ``path``.

    Raises:
        ParityError: the file cannot be read as an RpBERT golden file; the message names what does not fit.
    """
    return run_check("rpbert (released)", path, "RpBERT", "golden/OLDER.md 4", _comparisons)


class Network(nn.Module):
    """Reader, head and CRF in float64, evaluation mode, with the file's parameters."""

    def __init__(self, golden: Golden) -> None:
        super().__init__()
        bert = read_bert(golden, "encoder_t", golden.json("constants")["heads"])
        visual_size = golden["input/visual"].shape[-1]
        joint = JointBert(TextEncoder(bert), visual_size, placement="projection", positions="padded")
        labels, _ = golden["param/head.weight"].shape
        self.reader = RelationBert(joint)
        self.head = RecurrentHead(
            joint.encoder.width + golden["input/static_embeddings"].shape[-1],
            golden["param/rnn.weight_hh_l0"].shape[1],
            _recurrent_layers(golden),
            labels,
        )
        self.decoder = CRFDecoder(labels)
        self.double().eval()
        load(golden, paired(self, NAMES))


def _recurrent_layers(golden: Golden) -> int:
    start = "param/rnn.weight_hh_l"
    return len({key.removeprefix(start).partition("_")[0] for key in golden.tensors if key.startswith(start)})


def read_text(golden: Golden) -> TextInput:
    """The file's pieces with the first piece of each word.

    Raises:
        ParityError: a word's pieces are not one run, in the order of words, from behind [CLS] up to [SEP].
    """
    ids, words = golden["input/input_ids"], golden["input/word_index"]
    text = pieces_as_words(ids, golden["input/attention_mask"], golden["input/token_type_ids"])
    starts = (words[:, None, :] == torch.arange(golden["input/mask"].shape[1])[:, None]).long()
    first = torch.where(starts.any(-1), starts.argmax(-1), -1)
    inside = text.attention_mask & (words >= 0)
    count = text.attention_mask.sum(1, keepdim=True)
    place = torch.arange(ids.shape[1])
    between = (place > 0) & (place < count - 1)
    if not torch.equal(inside, between) or (words.diff(dim=1)[between[:, 1:] & between[:, :-1]] < 0).any():
        raise ParityError(f"{golden.file}: input/word_index does not number the pieces between [CLS] and [SEP]")
    return TextInput(ids, text.attention_mask, first)


def _comparisons(golden: Golden) -> Iterator[Comparison]:
    network, text = Network(golden), read_text(golden)
    regions = golden["input/visual"]
    image = Visual(regions, torch.ones(regions.shape[:2], dtype=torch.bool))
    yield from _tagging(golden, network, text, image)
    yield from _relation_task(golden, network, text, image)


def _tagging(golden: Golden, network: Network, text: TextInput, image: Visual) -> Iterator[Comparison]:
    """Steps 1 to 4 and the NER loss, whose gradient flows through r into the first pass."""
    mask, gold = golden["input/mask"], golden["input/label_ids"]
    bert, vectors = bert_of(network.reader.joint.encoder), golden["input/static_embeddings"]
    with recorded(_modules(network)) as seen, received(bert.embeddings, "inputs_embeds") as given:
        words = torch.cat([network.reader(text, image), vectors], -1) * mask[..., None]
        with received(network.head.output, 0) as states:
            emissions = Emissions(network.head(words, mask), mask)
    loss = network.decoder.nll(emissions, gold)
    for name, passes in (("inputs_embeds", given), *seen.items()):
        for number, ours in enumerate(passes, 1):
            yield checked(golden, f"output/bert_{name}_pass{number}", ours)
    logits = network.reader.relation_logits(text, image)
    others = {
        "relation_logits": logits,
        "relation_probabilities": logits.softmax(-1),
        "gate": network.reader.relevance(text, image),
        "word_features": words,
        "rnn_output": states[0],
        "head_input": states[0],
        "emissions": emissions.scores,
        "loss": loss,
    }
    for name, ours in others.items():
        yield checked(golden, f"output/{name}", ours)
    yield from chain_comparisons(golden, network.decoder, emissions, gold, prefix="", decoded="decoded_tags")
    yield from gradient_comparisons(golden, loss, paired(network, NAMES), nested=RELATION_TASK)


def _modules(network: Network) -> dict[str, nn.Module]:
    """What both passes return, under the authors' names."""
    bert = bert_of(network.reader.joint.encoder)
    return {"embedding_output": bert.embeddings, "last_hidden": bert.encoder.layer[-1]}


def _relation_task(golden: Golden, network: Network, text: TextInput, image: Visual) -> Iterator[Comparison]:
    """Step 5, the task that our harness has no data for."""
    logits = network.reader.relation_logits(text, image)
    loss = F.cross_entropy(logits, golden["input/relation_labels"])
    yield checked(golden, "output/itr_logits", logits)
    yield checked(golden, "output/itr_pred", logits.argmax(-1))
    yield checked(golden, "output/itr_loss", loss)
    yield from gradient_comparisons(golden, loss, paired(network, NAMES), prefix=RELATION_TASK)
