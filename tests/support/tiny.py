"""A tiny world to train in: random two-layer BERT, toy corpus, parameters and the code, in one folder."""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import yaml

from mner import config
from mner.base.files import write_json_atomically
from mner.config.schema import EncoderSource
from mner.data.corpus import Sentence, write_sentences
from mner.features.feature_building import build_features
from mner.graphs.graph_building import build_graphs
from mner.tracking.record import Record
from mner.training.experiment import Cell
from mner.training.runs import train_cell

ROOT = Path(__file__).resolve().parents[2]
DATASET = "toy"
SYSTEMS = ("bert-crf", "ita", "rgcn", "rgcn-released")
SIZES = {"train": 24, "dev": 8, "test": 8}
WIDTH = 32

NAMES = {
    "PER": ("alice", "bob kelly", "carol"),
    "LOC": ("paris", "new york", "tokyo"),
    "ORG": ("acme", "globex corp"),
    "MISC": ("oscars", "super bowl"),
}
TEMPLATES = (
    (("PER", "visits", "LOC", "today"), "a person in a street", ["person", "car"]),
    (("ORG", "sponsors", "the", "MISC"), "a stage with lights", ["stage"]),
    (("nothing", "happens", "here"), "an empty room", []),
    (("PER", "joins", "ORG", "in", "LOC", "!"), "people in an office", ["person", "person", "desk"]),
    (("MISC", "night"), "a trophy on a table", ["trophy", "table"]),
)


def vocabulary() -> dict[str, int]:
    """WordPiece vocabulary: whole words of the corpus, letters inside words, and a word of two pieces."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    whole = {word for names in NAMES.values() for name in names for word in name.split()}
    for template, caption, objects in TEMPLATES:
        whole |= {word for word in (*template, *caption.split(), *objects) if word.islower()}
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [
        *special,
        "!",
        *letters,
        *("##" + letter for letter in letters),
        *sorted(whole - {"tokyo"}),
        "tok",
        "##yo",
    ]
    return {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}


def write_encoder(folder: Path, *, seed: int = 0, layers: int = 2) -> EncoderSource:
    """Write an importable package with a random BERT and its tokenizer below ``folder``; put it on sys.path."""
    from transformers import BertConfig, BertModel, BertTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    package = "tiny_" + hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]
    model_folder = folder / package / "model"
    model_folder.mkdir(parents=True)
    (folder / package / "__init__.py").write_text('"""A random encoder for tests."""\n', encoding="utf-8")
    vocab = vocabulary()
    BertTokenizer(vocab=vocab).save_pretrained(model_folder)
    sizes = {"hidden_size": WIDTH, "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": layers}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        bert = BertModel(
            BertConfig(vocab_size=len(vocab), max_position_embeddings=64, **sizes), add_pooling_layer=False
        )
    bert.save_pretrained(model_folder)
    sys.path.append(str(folder))
    return EncoderSource("tiny", package=package)


def sentences(count: int, prefix: str, shift: int = 0) -> tuple[Sentence, ...]:
    """``count`` tagged sentences from the templates; pictures are ``<prefix>0``, ``<prefix>1``, ..."""
    made = []
    for index in range(count):
        words: list[str] = []
        tags: list[str] = []
        for slot, part in enumerate(TEMPLATES[(index + shift) % len(TEMPLATES)][0]):
            name = NAMES[part][(index + shift + slot) % len(NAMES[part])].split() if part in NAMES else [part]
            words += name
            tags += [f"{'I' if k else 'B'}-{part}" for k in range(len(name))] if part in NAMES else ["O"]
        made.append(Sentence(index, f"{prefix}{index}", tuple(words), tuple(tags)))
    return tuple(made)


def splits() -> dict[str, tuple[Sentence, ...]]:
    """Train, dev and test with tags."""
    return {name: sentences(size, name, shift) for shift, (name, size) in enumerate(SIZES.items())}


def write_dataset(root: Path, *, gold: bool = True) -> None:
    """data/toy as the data stage leaves it; one picture is invalid, one has no caption, one no known objects."""
    folder = root / "data" / DATASET
    captions, objects = {}, {}
    for shift, (name, tagged) in enumerate(splits().items()):
        blind = name == "test"
        path = folder / "corpus" / (f"{name}.blind.jsonl" if blind else f"{name}.jsonl")
        write_sentences(path, [s.blind() if blind else s for s in tagged])
        if blind and gold:
            write_sentences(folder / "gold" / "test.jsonl", tagged)
        for sentence in tagged:
            _, captions[sentence.image], objects[sentence.image] = TEMPLATES[
                (sentence.index + shift) % len(TEMPLATES)
            ]
    del captions["train3"], objects["train4"]
    other = {image: f"the {caption}" for image, caption in captions.items()}
    write_json_atomically(folder / "side" / "captions.json", {"planted": captions, "other": other})
    write_json_atomically(folder / "side" / "objects.json", {"planted": objects})
    write_json_atomically(folder / "side" / "images.json", {"invalid": ["train5"]})
    write_json_atomically(folder / "side" / "pixels.json", {})
    lists = {name: [retrieved(i) if i % 3 else None for i in range(size)] for name, size in SIZES.items()}
    write_json_atomically(folder / "side" / "retrieval.json", {"k": 3, **lists})


def retrieved(index: int) -> dict[str, list]:
    """Published lists of one sentence, three pictures each."""
    inter, intra = (
        [f"train{(index + step) % SIZES['train']}" for step in steps] for steps in ((7, 8, 9), (2, 4, 6))
    )
    return {
        "inter_images": inter,
        "inter_scores": [0.9, 0.8, 0.7],
        "intra_images": intra,
        "intra_scores": [0.6, 0.5, 0.4],
    }


def parameters(package: str, **recipe: Any) -> dict[str, Any]:
    """A whole params.yaml as a mapping; keyword arguments change the shared recipe."""
    ita = {"n_captions": 5, "max_objects": 10, "temperature": 2.0, "weighting": "released", "word_dropout": 0.1}
    profile = {
        "name": "tiny",
        "note": "for tests",
        "datasets": [DATASET],
        "systems": list(SYSTEMS),
        "seeds": [1],
        "encoder": "tiny",
        "recipe": {},
    }
    shared = {
        "epochs": 3,
        "batch_size": 8,
        "threads": 1,
        "length_multiple": 8,
        "train_sentences": None,
        "frozen_layers": 1,
        "encoder_learning_rate": 2e-3,
        "head_learning_rate": 1e-2,
        "transition_learning_rate": 1e-2,
        "weight_decay": 0.01,
        "optimiser": "adamw",
        "warmup": 0.1,
        "schedule": "linear",
        "clip": 1.0,
        "precision": "float32",
        "max_pieces": 48,
        "evaluation_batch_size": 5,
        "views": ["own", "none", "shuffled", "neighbours"],
        "select": ["own"],
        "patience": None,
        "predict_every_epoch": False,
        "keep_weights": False,
    }
    return {
        "encoders": {"tiny": {"package": package}},
        "data": {"copy": "umt", "captions": {DATASET: "planted"}, "objects": {DATASET: "planted"}},
        "controls": {"train": 480, "dev": 160, "test": 400, "seed": 20, "ambiguous_share": 0.5},
        "features": {"encoder": "tiny", "max_regions": 6, "batch_size": 16},
        "relations": {"kind": {DATASET: "rebuilt"}, "k": 2, "pool": "all", "encoder": "tiny"},
        "recipe": {**shared, **recipe},
        "systems": {
            "bert-crf": {"file": "baselines/bert_crf.py", "options": {"dropout": 0.1}, "recipe": {}},
            "ita": {
                "file": "mner/systems/ita.py",
                "options": {**ita, "context": ["objects", "captions"], "cva": "kl"},
                "recipe": {"select": ["own", "none"]},
            },
            "rgcn": {"file": "mner/systems/rgcn.py", "options": {"heads": 4}, "recipe": {}},
            "rgcn-released": {
                "file": "mner/systems/rgcn_released.py",
                "options": {"regions": 24, "heads": 4},
                "recipe": {},
            },
        },
        "verify": {"margin": 0.5, "alpha": 0.05, "reference_margin": 1.0, "control_gain": 5.0},
        "active": profile,
    }


def write_parameters(root: Path, raw: Mapping[str, Any]) -> config.Config:
    """Write params.yaml and read it as the stages do."""
    (root / "params.yaml").write_text(yaml.safe_dump(dict(raw), sort_keys=False), encoding="utf-8")
    return config.load(root / "params.yaml")


def make_world(root: Path, **recipe: Any) -> config.Config:
    """Encoder, data, parameters, code, features and graph below ``root``: all that training needs."""
    source = write_encoder(root / "packages")
    write_dataset(root)
    for package in ("mner", "baselines"):
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    settings = write_parameters(root, parameters(str(source.package), **recipe))
    device = torch.device("cpu")
    build_features(settings, DATASET, root, device)
    build_graphs(settings, DATASET, root, device)
    return settings


def change_parameters(root: Path, change: Callable[[dict[str, Any]], Any]) -> config.Config:
    """Let ``change`` edit the parsed params.yaml of a world."""
    raw = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    change(raw)
    return write_parameters(root, raw)


class Listener:
    """A tracker that keeps what it is told and may be given something to do after every epoch."""

    def __init__(self, after_epoch: Callable[[int], Any] | None = None) -> None:
        self.epochs: list[tuple[int, dict[str, float]]] = []
        self.finished: list[Record] = []
        self.logged: list[Record] = []
        self._after_epoch = after_epoch

    @contextmanager
    def cell(self, dataset: str, system: str) -> Iterator[Listener]:
        yield self

    def seed(self, seed: int, key: str, **told: Any) -> Listener:
        return self

    def epoch(self, metrics: Mapping[str, float], step: int) -> None:
        self.epochs.append((step, dict(metrics)))
        if self._after_epoch is not None:
            self._after_epoch(step)

    def finish(self, record: Record, folder: Path) -> None:
        self.finished.append(record)

    def log(self, record: Record, folder: Path) -> None:
        self.logged.append(record)


def train(
    root: Path,
    system: str,
    listener: Listener | None = None,
    say: Callable[[str], Any] = lambda line: None,
    only: Sequence[int] | None = None,
) -> list[Record]:
    """Train the missing runs of one cell of a world (of seeds ``only``, where given), on the CPU."""
    return train_cell(cell_of(root, system), torch.device("cpu"), "a test", say, listener or Listener(), only)


def results(root: Path, system: str, seed: int = 1) -> dict[str, bytes]:
    """Bytes of everything a run reached: tags and curve (its record also holds times)."""
    folder = root / "runs" / "tiny" / DATASET / system / str(seed)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != "record.json"}


@contextmanager
def one_thread() -> Iterator[None]:
    """Tensors this small are slower on two threads than on one, far slower on shared cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def copy_of(original: Path, root: Path) -> Path:
    """A world of one's own to train in."""
    shutil.copytree(original, root)
    return root


def cell_of(root: Path, system: str = "bert-crf") -> Cell:
    """One cell of a world."""
    return Cell(config.load(root / "params.yaml"), DATASET, system, root)
