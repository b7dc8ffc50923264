"""An experiment (one data set x one system): what its runs read and share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from mner.config import Config
from mner.config.schema import EncoderSource
from mner.config.training_recipe import Recipe
from mner.data.batch import moved
from mner.data.corpus import SPLITS, TYPES_FILE, read_corpus, views_for
from mner.data.side_data import NOTHING_KNOWN, WORDS
from mner.data.subwords import PieceTable, WordPieces
from mner.features.store import FeatureStore
from mner.features.visual_inputs import at_hand, describe, input_files, region_store, side_of
from mner.graphs.relations import RelationGraph, read_graph
from mner.models.encoders import TextEncoder, longest_input, pretrained_model, tokenizer_of
from mner.models.model import Model, make_model
from mner.models.system import BuildContext, load_system
from mner.models.used_subwords import keep_used_rows
from mner.tracking.run_places import cell_folder, run_folder
from mner.training.batching import SplitData, Tables
from mner.training.determinism import precision_of, torch_stream
from mner.training.loop import RunData


@torch.no_grad()
def lower_states(
    table: PieceTable, encoder: TextEncoder, *, batch_size: int, device: torch.device, precision: str, label: str
) -> Float[Tensor, "total width"]:
    """States of every piece after ``encoder``'s frozen layers, in the table's order, as bfloat16 or float32.

    Frozen layers run without dropout, so these are the very states training would compute again each time (in
    bfloat16 rounded once more).
    """
    encoder = encoder.to(device).eval()
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    states = torch.zeros(len(table.ids), encoder.width, dtype=dtype)
    order = np.argsort(-table.lengths(), kind="stable")
    with tqdm(total=len(order), desc=f"frozen layers, {label}", unit="sentence", leave=False, disable=None) as bar:
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size].tolist()
            text = moved(table.rows(rows, max(len(table.first_piece[row]) for row in rows)), device)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
                batch = encoder.lower(text)
            for slot, row in enumerate(rows):
                begin, end = int(table.offsets[row]), int(table.offsets[row + 1])
                states[begin:end] = batch[slot, : end - begin].to("cpu", dtype)
            bar.update(len(rows))
    return states


class CellError(ValueError):
    """A cell that cannot be prepared as the parameters say."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One data set x one system under one configuration; ``root`` holds data/, features/, graphs/ and runs/."""

    config: Config
    dataset: str
    system: str
    root: Path

    @property
    def module(self) -> ModuleType:
        return load_system(self.config.systems[self.system].file)

    @property
    def options(self) -> Mapping[str, Any]:
        return self.config.options_of(self.system, self.dataset)

    @property
    def recipe(self) -> Recipe:
        return self.config.recipe_of(self.system, self.dataset)

    @property
    def encoder(self) -> EncoderSource:
        return self.config.encoders[self.config.active.encoder_of(self.system)]

    @property
    def runs(self) -> Path:
        """Folder of the cell's runs, one sub-folder a seed."""
        return cell_folder(self.root, self.config.active.name, self.dataset, self.system)

    def run_folder(self, seed: int) -> Path:
        """Folder of the cell's run with this seed."""
        return run_folder(self.root, self.config.active.name, self.dataset, self.system, seed)

    def needs(self) -> set[str]:
        """Visual inputs this row reads: the parts of the context its options name, or else what its card needs."""
        if hasattr(self.module, "context"):
            return set(self.options["context"])
        return set(self.module.CARD.needs)

    def at_hand(self) -> set[str]:
        """Visual inputs the row has on this data set."""
        return at_hand(self.config, self.dataset, self.system)

    def skip_reason(self) -> str | None:
        """Why this pair cannot be run, or None; a context goes without the parts it lacks if any is left."""
        lacking = self.needs() - self.at_hand()
        if lacking and (not hasattr(self.module, "context") or lacking == self.needs()):
            return f"{self.dataset} has no {' or '.join(sorted(lacking))} at hand"
        return None

    def visual_input(self) -> str:
        """What stands for the picture, in the words of the record: ``captions:blip2+objects:ocsga``."""
        graph = self.config.graph_of(self.dataset, self.system)
        return describe(self.config, self.dataset, self.needs(), graph, self.system)

    def input_files(self) -> list[Path]:
        """Every data file a run of this cell reads, relative to the root. Test gold is not among them."""
        corpus = Path("data") / self.dataset / "corpus"
        needs = self.needs() - ({"regions", "relations"} - self.at_hand())
        files = [corpus / name for name in ("train.jsonl", "dev.jsonl", "test.blind.jsonl")]
        if (self.root / corpus / TYPES_FILE).is_file():
            files.append(corpus / TYPES_FILE)
        files += input_files(self.config, self.dataset, needs, self.system)
        if "relations" in needs:
            graph = self._graph_path()
            files += [graph, graph.with_suffix(".json")]
        return files

    def _graph_path(self) -> Path:
        return Path("graphs") / self.dataset / f"{self.config.graph_of(self.dataset, self.system)}.safetensors"


@dataclass(frozen=True, slots=True)
class PreparedCell:
    """A cell whose data is in memory: give it a seed and it builds that run's model."""

    cell: Cell
    data: RunData
    visual_size: int | None

    def model(self, seed: int, device: torch.device, *, whole: bool = False) -> Model:
        """A fresh model; its random parts are a function of the seed alone.

        Args:
            seed: of the run.
            device: where the model will lie.
            whole: keep all rows of the encoder's subword table whatever the recipe says, as kept weights do.
        """
        cell = self.cell
        cut = cell.recipe.subword_rows == "used" and not whole

        def encoder() -> TextEncoder:
            pretrained = pretrained_model(cell.encoder)
            if cut:
                keep_used_rows(pretrained, self.data.subwords())
            return TextEncoder(pretrained, cell.recipe.frozen_layers)

        words = {
            name: tuple(sentence.words for sentence in self.data.splits[f"{name}/own"].sentences)
            for name in SPLITS
        }
        build = BuildContext(self.data.splits["train/own"].labels, encoder, self.visual_size, words)
        with torch_stream(torch.device("cpu"), seed, "init"):
            return make_model(cell.module, build, cell.options).to(device)


def prepare(cell: Cell, device: torch.device) -> PreparedCell:
    """Read, tokenise and cache everything that does not depend on the seed.

    Raises:
        CellError: the recipe allows inputs longer than the encoder takes.
    """
    _check_length(cell)
    corpus = read_corpus(cell.root / "data" / cell.dataset / "corpus", cell.dataset)
    store, graph = _visual(cell)
    if store is not None and device.type != "cpu":
        store = store.resident(device)
    tables = Tables(
        WordPieces(tokenizer_of(cell.encoder), cell.recipe.length_multiple),
        cell.recipe.max_pieces,
        side_of(cell.config, cell.dataset, cell.root, words=cell.needs()) if cell.needs() else NOTHING_KNOWN,
        store,
        graph.images if graph else None,
        getattr(cell.module, "context", None) if cell.needs() else None,
        cell.options,
        bool(cell.needs() & {"captions", "objects", "ocr", *WORDS}) and not hasattr(cell.module, "context"),
        corpus.labels,
    )
    lower = Lower.of(cell, device)
    splits: dict[str, SplitData] = {}
    for name in SPLITS:
        sentences = corpus.split(name)[: cell.recipe.train_sentences] if name == "train" else corpus.split(name)
        neighbours = graph.of_split(name) if graph else None
        own = lower.cached(tables.split(sentences, neighbours), name)
        splits[f"{name}/own"] = own
        for view in _other_views(cell, name):
            splits[f"{name}/{view}"] = _in_view(lower, tables, own, view, name)
    return PreparedCell(cell, RunData(splits), store.width if store else None)


def _other_views(cell: Cell, split: str) -> list[str]:
    if split == "train":
        return []
    wanted = cell.recipe.views if split == "test" else cell.recipe.select
    return [view for view in views_for(wanted, cell.needs()) if view != "own"]


def _in_view(lower: Lower, tables: Tables, own: SplitData, view: str, name: str) -> SplitData:
    split = tables.split(own.sentences, own.neighbours, view, seed=len(own))
    if own.cross is None or view == "none":
        return replace(split, text=own.text, cross=None if own.cross is None else own.text)
    cached = lower.cached(replace(split, text=own.text), f"{name}, {view}", parts=("cross",))
    return replace(cached, text=own.text)


def _check_length(cell: Cell) -> None:
    longest = longest_input(cell.encoder)
    if cell.recipe.max_pieces > longest:
        raise CellError(
            f"{cell.system}: the recipe allows inputs of {cell.recipe.max_pieces} word pieces, but encoder "
            f"{cell.encoder.name} has positions for {longest}; set max_pieces to {longest} or less in params.yaml"
        )


def _visual(cell: Cell) -> tuple[FeatureStore | None, RelationGraph | None]:
    needs = cell.needs()
    store = graph = None
    if "regions" in needs:
        store = region_store(cell.config, cell.dataset, cell.root, cell.system)
    if "relations" in needs:
        graph = read_graph(cell.root / cell._graph_path())
    return store, graph


@dataclass(frozen=True, slots=True)
class Lower:
    """The frozen layers of a cell's encoder, loaded once; None where its recipe freezes none."""

    cell: Cell
    device: torch.device
    encoder: TextEncoder | None

    @classmethod
    def of(cls, cell: Cell, device: torch.device) -> Lower:
        frozen = cell.recipe.frozen_layers
        return cls(cell, device, TextEncoder(pretrained_model(cell.encoder), frozen) if frozen else None)

    def cached(self, split: SplitData, name: str, parts: tuple[str, ...] = ("text", "cross")) -> SplitData:
        """The split with the frozen layers' states in the named tables; unchanged where no layer is frozen."""
        if self.encoder is None:
            return split
        recipe = self.cell.recipe
        tables = {part: getattr(split, part) for part in parts if getattr(split, part) is not None}
        for part, table in tables.items():
            states = lower_states(
                table,
                self.encoder,
                batch_size=recipe.evaluation_batch_size,
                device=self.device,
                precision=precision_of(recipe, self.device),
                label=f"{name}, {'tweet' if part == 'text' else 'tweet and context'}",
            )
            tables[part] = table.with_states(states)
        return replace(split, **tables)
