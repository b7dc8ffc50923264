"""The small world of golden steps: ten invented tweets with every kind of input, and a tiny text encoder.

Everything is a function of this file and of torch's and NumPy's generators: nothing is read from disk but the word
vectors that a row's options name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import fields, is_dataclass, replace
from functools import cache
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from mner.config.training_recipe import Recipe
from mner.data.batch import Batch
from mner.data.corpus import LABELS, SPLITS, Corpus, Sentence
from mner.data.side_data import NOTHING_KNOWN, Side
from mner.data.subwords import WordPieces
from mner.features.store import FeatureStore
from mner.graphs.graph_controls import controlled
from mner.graphs.rebuilt_graphs import rebuilt_graph
from mner.graphs.relations import RelationGraph, released_graph
from mner.models.encoders import TextEncoder
from mner.models.model import Model, make_model
from mner.models.system import BuildContext, load_system
from mner.training.batching import SplitData, Tables
from mner.training.determinism import numpy_generator, torch_stream
from mner.training.experiment import lower_states

CPU = torch.device("cpu")
SEED = 1
WIDTH, LAYERS, POSITIONS = 32, 2, 128
VISUAL = 24
NEIGHBOURS = 3
Value = TypeVar("Value")

# words/TAG, caption, objects, writing in the picture; None: the picture cannot be read.
TWEETS: Mapping[str, Sequence[tuple[str, str | None, tuple[str, ...], str]]] = {
    "train": (
        ("Ada/B-PER visits Tokyo/B-LOC today !", "a woman at a station", ("person", "train"), "TOKYO 2020"),
        ("Globex/B-ORG Corp/I-ORG sponsors the Oscars/B-MISC", "a stage with lights", ("stage",), ""),
        ("nothing happens here :(", None, (), ""),
        (
            "@Bob Kelly/B-PER joins Acme/B-ORG in New/B-LOC York/I-LOC",
            "people in an office",
            ("person", "desk"),
            "",
        ),
        ("Super/B-MISC Bowl/I-MISC night 2015", "a trophy on a table", ("trophy", "table", "person"), "BOWL"),
        ("Carol/B-PER", "a dog", ("dog",), ""),
        ("what a day in Paris/B-LOC with Ada/B-PER", "a tower under clouds", ("tower", "person", "car"), ""),
        ("Acme/B-ORG hires Carol/B-PER unbelievably", "a hand shake", ("person", "person", "hand"), "ACME"),
    ),
    "dev": (
        ("Bob/B-PER visits Paris/B-LOC", "a man in a street", ("person", "car"), ""),
        ("the Oscars/B-MISC in Tokyo/B-LOC tonight", "a red carpet", ("person",), "OSCARS"),
        ("nothing happens today !", None, (), ""),
        ("Carol/B-PER joins Globex/B-ORG Corp/I-ORG", "an office", ("desk", "person"), ""),
    ),
    "test": (
        ("Ada/B-PER Kelly/I-PER in New/B-LOC York/I-LOC", "a skyline", ("tower",), ""),
        ("Acme/B-ORG sponsors Super/B-MISC Bowl/I-MISC", "a ball", ("ball", "person"), "ACME 15"),
        ("here we go", None, (), ""),
        ("Tokyo/B-LOC today", "a crossing", ("car", "person", "train"), ""),
    ),
}


@contextmanager
def double_precision() -> Iterator[None]:
    """Make float64 the type of everything that is built without naming one; put the former type back."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def as_double(value: Value) -> Value:
    """A copy of a batch, or of a part of it, with every floating tensor in float64."""
    if isinstance(value, Tensor):
        return cast(Value, value.double() if value.is_floating_point() else value)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{part.name: as_double(getattr(value, part.name)) for part in fields(value)})
    return value


class DoubleSplit(SplitData):
    """A split whose batches are float64; ``drawn`` lists the rows of every batch that was asked for."""

    drawn: list[list[int]]

    def batch(self, rows: Sequence[int]) -> Batch:
        self.drawn.append(list(rows))
        return as_double(SplitData.batch(self, rows))


def in_double(split: SplitData) -> DoubleSplit:
    """The same split, giving float64 batches."""
    double = DoubleSplit(*(getattr(split, part.name) for part in fields(split)))
    object.__setattr__(double, "drawn", [])
    return double


def corpus() -> Corpus:
    """The tweets as a corpus; pictures are ``train0``, ``train1``, ...; test keeps its tags."""
    splits = {}
    for name in SPLITS:
        sentences = []
        for index, (text, *_) in enumerate(TWEETS[name]):
            pairs = [token.partition("/") for token in text.split()]
            words = tuple(word for word, _, _ in pairs)
            tags = tuple(tag or "O" for _, _, tag in pairs)
            sentences.append(Sentence(index, f"{name}{index}", words, tags))
        splits[name] = tuple(sentences)
    return Corpus("golden", splits["train"], splits["dev"], splits["test"])


def side() -> Side:
    """Captions, objects and writing of every picture that can be read, and neighbour lists as if published."""
    known = {
        f"{name}{index}": (caption, objects, writing)
        for name in SPLITS
        for index, (_, caption, objects, writing) in enumerate(TWEETS[name])
        if caption is not None
    }
    invalid = frozenset(f"{name}{i}" for name in SPLITS for i in range(len(TWEETS[name]))) - known.keys()
    return Side(
        captions={image: caption for image, (caption, _, _) in known.items()},
        objects={image: objects for image, (_, objects, _) in known.items()},
        retrieval={name: [_listed(index) for index in range(len(TWEETS[name]))] for name in SPLITS},
        invalid=invalid,
        ocr={image: writing for image, (_, _, writing) in known.items() if writing},
    )


def _listed(index: int) -> dict[str, list] | None:
    """One tweet's lists; the third tweet of four has none, and train2 in some lists has no regions."""
    if index % 4 == 3:
        return None
    images = [[f"train{(index + step) % 8}" for step in steps] for steps in ((1, 4, 6), (2, 3, 7))]
    return {
        "inter_images": images[0],
        "inter_scores": [0.875, 0.75, 0.5],
        "intra_images": images[1],
        "intra_scores": [0.625, 0.5, 0.25],
    }


def graph(relations: Mapping[str, Any]) -> RelationGraph:
    """The relation graph that a row's ``relations`` ask for: published lists or rebuilt ones, and a control."""
    tweets, beside = corpus(), side()
    if relations.get("kind", "released") == "rebuilt":
        made = rebuilt_graph(
            tweets,
            beside.captions,
            beside.objects,
            lambda texts, label: torch.stack([_bag_of_letters(words) for words in texts]),
            k=NEIGHBOURS,
            pool=relations.get("pool", "all"),
            weighting="binary",
            confidences=None,
            minimum=0.0,
            index="exact",
        )
    else:
        made = released_graph(tweets, beside.retrieval, NEIGHBOURS)
    control = relations.get("control")
    return made if control is None else controlled(made, tweets, control, seed=0)


def _bag_of_letters(words: Sequence[str]) -> Tensor:
    counts = np.bincount([ord(letter) % 32 for word in words for letter in word], minlength=32)
    return torch.tensor(counts / np.linalg.norm(counts), dtype=torch.float32)


def store() -> FeatureStore:
    """One to four regions for every picture that can be read; values are exact in float16."""
    images = sorted(side().captions)
    counts = [1 + row % 4 for row in range(len(images))]
    values = numpy_generator(SEED, "golden regions").integers(-64, 65, (sum(counts), VISUAL)) / 64
    return FeatureStore(
        torch.tensor(values, dtype=torch.float16),
        np.concatenate([[0], np.cumsum(counts)]),
        {image: row for row, image in enumerate(images)},
        {},
    )


@cache
def tokenizer() -> Any:
    """WordPiece over the first letters' words and single letters, so that most names are several subwords."""
    from transformers import BertTokenizer

    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)] + [str(digit) for digit in range(10)]
    words = sorted({word.lower() for part in TWEETS.values() for text, *_ in part for word in text.split()})
    whole = [word for word in words if word.isalpha()]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "!", ":", "@", *letters, *("##" + x for x in letters)]
    return BertTokenizer(vocab={piece: number for number, piece in enumerate(dict.fromkeys([*pieces, *whole]))})


def bert() -> nn.Module:
    """A fresh copy of the tiny encoder."""
    return deepcopy(_pretrained())


@cache
def _pretrained() -> nn.Module:
    """BERT of two layers; every weight is drawn uniformly from a named stream, tensor by tensor in name order."""
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=len(tokenizer()),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_attention_heads=4,
        num_hidden_layers=LAYERS,
        max_position_embeddings=POSITIONS,
    )
    config._attn_implementation = "sdpa"
    model = BertModel(config, add_pooling_layer=False).double()
    with torch_stream(CPU, SEED, "golden encoder"), torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            gain = 1.0 if name.endswith("LayerNorm.weight") else 0.0
            weight.copy_(gain + torch.empty(weight.shape, dtype=torch.float64).uniform_(-0.25, 0.25))
    return model


def splits_of(
    file: str, options: Mapping[str, Any], relations: Mapping[str, Any], recipe: Recipe
) -> dict[str, DoubleSplit]:
    """All splits of the world as the row in ``file`` reads them: ``train/own``, ``dev/own``, ``test/none``, ..."""
    module = load_system(file)
    context = getattr(module, "context", None)
    needs = set(options["context"]) if context else set(module.CARD.needs)
    relation = graph(relations) if "relations" in needs else None
    tables = Tables(
        WordPieces(tokenizer(), recipe.length_multiple),
        recipe.max_pieces,
        side() if needs else NOTHING_KNOWN,
        store() if "regions" in needs else None,
        relation.images if relation else None,
        context if needs else None,
        options,
        bool(needs & {"captions", "objects", "ocr"}) and context is None,
    )
    splits: dict[str, SplitData] = {}
    for name in SPLITS:
        sentences = corpus().split(name)
        views = ["own"] if name == "train" or not needs else ["own", "none", "shuffled"]
        for view in views:
            neighbours = relation.of_split(name) if relation else None
            splits[f"{name}/{view}"] = tables.split(sentences, neighbours, view, seed=len(sentences))
    if recipe.frozen_layers:
        frozen = TextEncoder(bert(), recipe.frozen_layers)
        splits = {name: _with_states(split, frozen, recipe) for name, split in splits.items()}
    return {name: in_double(split) for name, split in splits.items()}


def _with_states(split: SplitData, encoder: TextEncoder, recipe: Recipe) -> SplitData:
    cached = {}
    for part in ("text", "cross"):
        table = getattr(split, part)
        if table is not None:
            states = lower_states(
                table,
                encoder,
                batch_size=recipe.evaluation_batch_size,
                device=CPU,
                precision="float32",
                label="golden",
            )
            cached[part] = table.with_states(states)
    return replace(split, **cached)


def fresh_model(file: str, options: Mapping[str, Any], recipe: Recipe) -> Model:
    """A row's model in float64 with the random parts of seed 1, built as a run builds it."""
    tweets = corpus()
    words = {name: tuple(sentence.words for sentence in tweets.split(name)) for name in SPLITS}
    pretrained = bert()  # outside of the stream: loading a pretrained encoder draws nothing

    def encoder() -> TextEncoder:
        return TextEncoder(pretrained, recipe.frozen_layers)

    build = BuildContext(LABELS, encoder, VISUAL, words)
    with double_precision(), torch_stream(CPU, SEED, "init"):
        return make_model(load_system(file), build, options).double()
