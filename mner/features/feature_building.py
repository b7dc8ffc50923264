"""Build a data set's visual inputs from its captions and its pictures, as the parameters name them.

A declared substitute: rows trained on it are NOT-COMPARABLE with rows printed for a convolutional grid.

Encoders compute here in float64. What is stored is rounded much coarser, so processors whose sums differ in the
last digits store the same bytes, and runs that read them have the same key on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from mner.base.hardware import cpu_threads, side_by_side
from mner.config import CAPTION_TOKENS, Config, ExtractorSettings, Places
from mner.config.schema import base_kind
from mner.data.batch import TextInput, moved
from mner.data.corpus import SPLITS, read_corpus
from mner.data.side_data import read_side
from mner.data.subwords import PieceTable, WordPieces
from mner.features.extraction import Extraction, extract
from mner.features.extraction_results import findings_path, result_path
from mner.features.extractors.contract import ExtractorError
from mner.features.extractors.extractor_names import Surroundings, load_extractor
from mner.features.pictures import Pictures, pictures_of_dataset
from mner.features.store import write_store
from mner.features.visual_inputs import side_of
from mner.models.encoders import TextEncoder, extraction_fingerprint_of, pretrained_model, tokenizer_of


def caption_token_features(
    captions: Mapping[str, str],
    encoder: TextEncoder,
    tokenizer: Any,
    *,
    max_regions: int,
    batch_size: int,
    device: torch.device,
) -> dict[str, Float[Tensor, "regions visual"]]:
    """Last-layer states of each caption's own pieces (without [CLS] and [SEP]), at most ``max_regions``.

    ``encoder`` is left in float64.
    """
    ids = sorted(captions)
    table = WordPieces(tokenizer).table([captions[image].split() for image in ids], max_pieces=max_regions + 2)
    encoder = encoder.to(device, torch.float64).eval()

    def states(rows: list[int]) -> Tensor:
        return encoder.pieces(_text(table, rows, device)).cpu()

    lengths = table.lengths().tolist()
    batches = by_length(lengths, batch_size)
    features: dict[str, Tensor] = {}
    with tqdm(total=len(ids), desc="caption tokens", unit="image", disable=None) as progress:
        for rows, made in zip(batches, side_by_side(states, batches, device), strict=True):
            for slot, row in enumerate(rows):
                if lengths[row] > 2:
                    features[ids[row]] = made[slot, 1 : lengths[row] - 1].float().half()  # as they are stored
            progress.update(len(rows))
    return features


def sentence_vectors(
    texts: list[list[str]],
    encoder: TextEncoder,
    tokenizer: Any,
    *,
    batch_size: int,
    device: torch.device,
    desc: str,
) -> Float[Tensor, "texts width"]:
    """Masked-mean sentence embeddings of word lists, L2-normalised (zero for an empty text); float64.

    ``encoder`` is left in float64.
    """
    table = WordPieces(tokenizer).table(texts, max_pieces=128)
    encoder = encoder.to(device, torch.float64).eval()

    def means(rows: list[int]) -> Tensor:
        text = _text(table, rows, device)
        weight = text.attention_mask.double()[..., None]
        mean = (encoder.pieces(text) * weight).sum(1) / weight.sum(1)
        return torch.nn.functional.normalize(mean, dim=-1).cpu()

    batches = by_length(table.lengths().tolist(), batch_size)
    vectors = torch.zeros(len(texts), encoder.width, dtype=torch.float64)
    with tqdm(total=len(texts), desc=desc, unit="text", disable=None) as progress:
        for rows, made in zip(batches, side_by_side(means, batches, device), strict=True):
            vectors[rows] = made
            progress.update(len(rows))
    empty = torch.tensor([not words for words in texts])
    vectors[empty] = 0.0
    return vectors


def _text(table: PieceTable, rows: list[int], device: torch.device) -> TextInput:
    return moved(table.rows(rows, max(len(table.first_piece[row]) for row in rows)), device)


def by_length(lengths: list[int], batch_size: int) -> list[list[int]]:
    """Rows in batches of similar length, the shortest first; rows of one length in their order."""
    order = sorted(range(len(lengths)), key=lambda row: (lengths[row], row))
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def build_features(
    config: Config, dataset: str, root: Path, device: torch.device, places: Places | None = None
) -> list[str]:
    """Write every kind that ``features.kinds`` or a row names into features/<dataset>; remove others; say so.

    ``places`` says where pictures and weights may come from; caption tokens do without. A kind that stands and was
    made in the same way of the same pictures is kept; an interrupted one is continued from .checkpoints/features.

    Raises:
        ImageError: a kind needs pictures and none are at hand.
        ExtractorError, ExtractionError, FeatureError: an extractor, an extraction or its result is at fault.
    """
    kinds = config.kinds_of(dataset)
    folder = root / "features" / dataset
    from_pictures = [kind for kind in kinds if kind != CAPTION_TOKENS]
    if from_pictures and places is None:
        raise ValueError(
            f"{dataset}: kinds {', '.join(from_pictures)} need places to look for pictures and weights"
        )
    # First, so that missing pictures are said before anything is computed.
    pictures = dataset_pictures(config, dataset, root, places) if places is not None and from_pictures else None
    _remove_others(folder, kinds)
    said = []
    if places is not None and pictures is not None:
        for kind in from_pictures:
            work = root / ".checkpoints" / "features" / dataset / kind
            settings = config.features.extractors[kind]
            said.append(extract_kind(kind, settings, pictures, folder, work, device, places).render())
    if CAPTION_TOKENS not in kinds:
        return said
    if config.data.captions[dataset] is None:
        folder.mkdir(parents=True, exist_ok=True)
        return [*said, f"{dataset} has no captions, hence no {CAPTION_TOKENS}"]
    # Last, as the captions may be extracted ones.
    return [*said, str(build_caption_tokens(config, dataset, root, folder, device))]


def dataset_pictures(config: Config, dataset: str, root: Path, places: Places) -> Pictures:
    """The pictures that a data set's features are wanted of.

    Raises:
        ImageError: none are at hand; names the ways out.
    """
    return pictures_of_dataset(root / "data", dataset, wanted_pictures(config, dataset, root), places.images)


def wanted_pictures(config: Config, dataset: str, root: Path) -> set[str]:
    """Ids of every picture of the tweets and of the first k places of their published lists."""
    retrieval = read_side(root / "data" / dataset / "side", captions=None, objects=None).retrieval
    corpus = read_corpus(root / "data" / dataset / "corpus", dataset)
    k = config.relations.k
    wanted = {sentence.image for split in SPLITS for sentence in corpus.split(split) if sentence.image}
    for split in SPLITS:
        for lists in retrieval.get(split, ()):
            if lists:
                wanted.update(lists["inter_images"][:k], lists["intra_images"][:k])
    return wanted


def build_caption_tokens(config: Config, dataset: str, root: Path, folder: Path, device: torch.device) -> Path:
    """Write caption_tokens.safetensors for the wanted pictures that have a caption."""
    wanted = wanted_pictures(config, dataset, root)
    known = side_of(config, dataset, root).captions
    captions = {image: caption for image, caption in known.items() if image in wanted}
    source = config.encoders[config.features.encoder]
    with cpu_threads(config.recipe["threads"]):
        features = caption_token_features(
            captions,
            TextEncoder(pretrained_model(source)),
            tokenizer_of(source),
            max_regions=config.features.max_regions,
            batch_size=config.features.batch_size,
            device=device,
        )
    path = folder / "caption_tokens.safetensors"
    provenance = {
        "kind": "caption tokens",
        "captions": config.data.captions[dataset],
        "encoder": source.describe(),
        "encoder_sha256": extraction_fingerprint_of(source),
        "max_regions": config.features.max_regions,
        "pictures_wanted": len(wanted),
        "pictures_with_features": len(features),
    }
    write_store(path, features, provenance)
    return path


def extract_kind(
    kind: str,
    settings: ExtractorSettings,
    pictures: Pictures,
    folder: Path,
    work: Path,
    device: torch.device,
    places: Places,
) -> Extraction:
    """Load the extractor that the settings name and run it over the pictures.

    Raises:
        ExtractorError: it cannot be loaded, or makes another kind.
    """
    threads = torch.get_num_threads()
    around = Surroundings(device, places.cache, places.mirrors, places.network, threads)
    extractor = load_extractor(settings.name, around, settings.options)
    if extractor.kind != base_kind(kind):
        raise ExtractorError(
            f"features.extractors.{kind} names {settings.name}, which makes {extractor.kind}; choose another"
        )
    # Decoding leaves Python's lock and would wait for the disk: two threads pay off even on one core.
    workers = max(2, threads)
    return extract(
        pictures,
        extractor,
        folder,
        work,
        batch_size=settings.batch_size,
        device=device,
        workers=workers,
        name=kind,
    )


def _remove_others(folder: Path, kinds: tuple[str, ...]) -> None:
    """Delete what an earlier choice of kinds left, so that the folder holds what the parameters name."""
    kept = {folder / "caption_tokens.safetensors"} if CAPTION_TOKENS in kinds else set()
    for kind in kinds:
        if kind != CAPTION_TOKENS:
            kept |= {result_path(folder, kind), findings_path(folder, kind)}
    kept |= {path.with_suffix(".json") for path in kept if path.suffix == ".safetensors"}
    for path in folder.glob("*") if folder.is_dir() else ():
        if path.is_file() and path not in kept:
            path.unlink()
