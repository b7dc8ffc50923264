"""Every public file the harness reads: where it lies, what bytes it must hold, whose copy it is, its defects.

The project commits none of these files. ``path`` is owner/repository/commit/file: the same string is the
address below :data:`BASE`, the place in the download cache and the place in a mirror folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mner.config.schema import CANONICAL

BASE = "https://raw.githubusercontent.com"
DATASETS: tuple[str, ...] = ("twitter2015", "twitter2017")
COPIES: dict[str, str] = {
    CANONICAL: "UMT's copy, the canonical one",
    "rgcn": "R-GCN's copy, with retrieval lists",
    "umgf": "UMGF's copy",
    "agban": "AGBAN's copy (OCSGA's, the original annotation)",
}

ANNOTATIONS: dict[str, str] = {"agban": "zhang2018"}
"""Copies of the same sentences whose tags are another annotation, by the name papers' conditions give it."""

_UMT = "jefferyYu/UMT/f478ee65564b5532319a6cc643203149acfc5eed/data"
_RGCN = "1429904852/R-GCN/f4cab8f415c4ca549f8318afba780c7825083db0/data"
_UMGF = "TransformersWsz/UMGF/55adc07633ebf728825d06db21b18880d93c1563/data"
_AGBAN = "thecharm/AGBAN/acc20fc25658f2c962df1b28a2d9bc74293f65db/data/mul_tweets"
_CATR = "codezakh/exploiting-BERT-thru-translation/800de54e2889f40c26a76fddc313d036c048bd45/captions"
_BLIP2 = "JinYuanLi0012/PGIM/a13b27590742893347d09b95c9a2c137c580d38b/data/ImageCaption"
_OCSGA = "softhuafei/Pytorch-implementation-for-OCSGA/585f56ca5823e5c38a5415476267cff38fe0cc18/data/tweet_new"
_YOLOX = "Kazuhito00/YOLOX-ONNX-TFLite-Sample/3d4f1119d0694200671c08069ecb847aa0d8495a"

_TERMS = "none stated; using it means accepting the terms of Twitter and of the data providers"
_NO_LICENCE = "none stated"
_NO_LAST_BLANK = "ends without a blank line: a reader that keeps sentences at blank lines loses the last one"
_TIED = "retrieval lists are drawn from all splits and hold many exact ties"
_RETAGGED = "tags of a few sentences differ from UMT's"
_BLANK_WORD = "sentence of image 73309 holds a word that is only a no-break space"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One public file.

    ``role`` is ``sentences``, ``retrieval`` (sentences with retrieval lists), ``captions``, ``objects`` or
    ``detector``; ``copy`` names whose file it is (a key of :data:`COPIES` for corpora, else ``catr``,
    ``blip2``, ``ocsga``, ``yolox``); ``split`` is None where one file serves all splits, ``dataset`` is None
    where it serves both data sets.
    """

    path: str
    bytes: int
    sha256: str
    licence: str
    role: str
    copy: str
    dataset: str | None = None
    split: str | None = None
    defects: tuple[str, ...] = ()

    def address(self, base: str = BASE) -> str:
        """The file's address below ``base``."""
        return f"{base.rstrip('/')}/{self.path}"

    @property
    def name(self) -> str:
        """Short name for messages, such as ``umt twitter2015 dev``."""
        return " ".join(part for part in (self.copy, self.dataset, self.split) if part)


def _sentences(
    folder: str, file: str, size: int, sha256: str, copy: str, dataset: str, split: str, *defects: str
) -> SourceFile:
    role, licence = ("retrieval", "Apache-2.0") if copy == "rgcn" else ("sentences", _NO_LICENCE)
    if copy == "umt":
        licence = _TERMS
    return SourceFile(f"{folder}/{file}", size, sha256, licence, role, copy, dataset, split, defects)


# fmt: off
SOURCES: tuple[SourceFile, ...] = (
    _sentences(_UMT, "twitter2015/train.txt", 670884,
               "a6246e37aa1c8acd738747fa8257e01775f2a1cc0d4f36f82f9d41d6246ad6fa",
               "umt", "twitter2015", "train", _NO_LAST_BLANK),
    _sentences(_UMT, "twitter2015/valid.txt", 168308,
               "9dcc7f9df7331de3c9cdf67a3450e041c41c6254b5e43925c576e2dfaaabe2ad",
               "umt", "twitter2015", "dev", _NO_LAST_BLANK, _BLANK_WORD),
    _sentences(_UMT, "twitter2015/test.txt", 550697,
               "edb2665b89bfe58bca06a2c10b9b31cbfa95456135b6a4cbf55c872e48d9b8f9",
               "umt", "twitter2015", "test", _NO_LAST_BLANK),
    _sentences(_UMT, "twitter2017/train.txt", 474906,
               "801e149e8635b19d66b4ec1212c329be340ada501b35c5fa55455fb6f53633be",
               "umt", "twitter2017", "train"),
    _sentences(_UMT, "twitter2017/valid.txt", 101346,
               "41b5db90cb32059c14c2c3ccd50845fb77f1e3d3e4f7d0c210a61bc507d8a73e",
               "umt", "twitter2017", "dev"),
    _sentences(_UMT, "twitter2017/test.txt", 102522,
               "a7d9e172ae85bd3e35276eb2b01ce223321bdc92a47b234e24305d72e7a05243",
               "umt", "twitter2017", "test"),
    _sentences(_RGCN, "twitter2015/train_2.txt", 2597664,
               "2b8cea5dc4158ce308494349191021c710988fd8cf6cc7b37b0971fcd1f2f6d8",
               "rgcn", "twitter2015", "train", "the last sentence of the split is missing", _TIED),
    _sentences(_RGCN, "twitter2015/valid_2.txt", 646549,
               "5a36b5f2bd78075e66351dfe14299f940d381a49ecd17faed874ae64d6e26248",
               "rgcn", "twitter2015", "dev", "the last sentence of the split is missing", _TIED,
               "one word of image 73309 differs from the canonical copy"),
    _sentences(_RGCN, "twitter2015/test_2.txt", 2105799,
               "25fab1abb622aa2ae70a70acadb21f233e642c0725238b72a83d01613320c773",
               "rgcn", "twitter2015", "test", "the last sentence of the split is missing", _TIED),
    _sentences(_RGCN, "twitter2017/train_2.txt", 2348251,
               "03f2aec8be719527040536e6e6636fdab3b392190a30d97990975e31900adf61",
               "rgcn", "twitter2017", "train", _TIED),
    _sentences(_RGCN, "twitter2017/valid_2.txt", 500965,
               "81dd213703a3bc2b14165f57a572b50e3ab63cffa3526d2c87f885bfcaffe670",
               "rgcn", "twitter2017", "dev", _TIED),
    _sentences(_RGCN, "twitter2017/test_2.txt", 502913,
               "7ff73ee9b68d0e561c826b04fb3d7a327740cfb14f97834e2d8d0c8b01cc4e73",
               "rgcn", "twitter2017", "test", _TIED),
    _sentences(_UMGF, "twitter2015/train.txt", 670884,
               "a6246e37aa1c8acd738747fa8257e01775f2a1cc0d4f36f82f9d41d6246ad6fa",
               "umgf", "twitter2015", "train", _NO_LAST_BLANK),
    _sentences(_UMGF, "twitter2015/valid.txt", 168303,
               "d9f1129256ba9bc771d848bb67ae6d1eead65c8cbbffe7b50a60e801e5fe4d5f",
               "umgf", "twitter2015", "dev", _NO_LAST_BLANK, "sentence of image 73309 lacks one word"),
    _sentences(_UMGF, "twitter2015/test.txt", 550697,
               "edb2665b89bfe58bca06a2c10b9b31cbfa95456135b6a4cbf55c872e48d9b8f9",
               "umgf", "twitter2015", "test", _NO_LAST_BLANK),
    _sentences(_AGBAN, "train", 670948,
               "96f7789485f5b1552b6447f78f6466a08812be93f9c354ab86a52750fe797676",
               "agban", "twitter2015", "train", _NO_LAST_BLANK, _RETAGGED),
    _sentences(_AGBAN, "dev", 168327,
               "62e11451821b934fbc08398e9ceb044ede6ac1a82428e1bc57576a7447318a02",
               "agban", "twitter2015", "dev", _NO_LAST_BLANK, _RETAGGED, _BLANK_WORD),
    _sentences(_AGBAN, "test", 550746,
               "64c7da804a0ab440f433a2b15bd1642e51b568fbc7258e775c96ee5876f8cfc8",
               "agban", "twitter2015", "test", _NO_LAST_BLANK, _RETAGGED),
    SourceFile(f"{_CATR}/twitter2015_images.json", 543759,
               "3a72122ed5fe95b1f7fd498c89f717bd84086eddaa5e7e3858211e67560f4470",
               "MIT", "captions", "catr", "twitter2015"),
    SourceFile(f"{_CATR}/twitter2017_images.json", 310499,
               "4ef6008ce045dc59b5de449e96f0f444f6007af513c772e9b5e1addbb4761815",
               "MIT", "captions", "catr", "twitter2017", None, ("358 images of the corpus have no caption",)),
    SourceFile(f"{_BLIP2}/BLIP2_15.txt", 497019,
               "57646c1fd7cf120a5bb6948db56757e35536eed53660f6e0129817cacee492ec",
               _NO_LICENCE, "captions", "blip2", "twitter2015", None, ("two captions are empty",)),
    SourceFile(f"{_BLIP2}/BLIP2_17.txt", 304586,
               "6ac8231876221740faec3e9d10b78501d678f9f1379e893bbd3c68f885241919",
               _NO_LICENCE, "captions", "blip2", "twitter2017", None, ("358 invalid pictures share one",)),
    SourceFile(f"{_OCSGA}/object_label", 408278,
               "2e179b8ac4120946b78554d5e410b111beaff573e646ebca1636bd4c407ebb5d",
               _NO_LICENCE, "objects", "ocsga", "twitter2015", None, ("blanks also split names",)),
    SourceFile(f"{_YOLOX}/model/yolox_nano.onnx", 3660092,
               "695e750a5d5754bb5a8d5325643b59282191a7e7a564e435a415fd3c578eab14",
               "Apache-2.0", "detector", "yolox"),
    SourceFile(f"{_YOLOX}/coco_classes.txt", 625,
               "634a1132eb33f8091d60f2c346ababe8b905ae08387037aed883953b7329af84",
               "Apache-2.0", "detector", "yolox", None, None, ("six names are not COCO's own spelling",)),
    SourceFile(f"{_YOLOX}/LICENSE", 11357,
               "c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4",
               "Apache-2.0", "detector", "yolox"),
)
# fmt: on


def select(
    *, dataset: str | None = None, copy: str | None = None, split: str | None = None, role: str | None = None
) -> tuple[SourceFile, ...]:
    """The sources that agree with every argument given, in table order."""
    wanted = {"dataset": dataset, "copy": copy, "split": split, "role": role}
    return tuple(
        source
        for source in SOURCES
        if all(value is None or getattr(source, field) == value for field, value in wanted.items())
    )


def files_of(dataset: str) -> tuple[SourceFile, ...]:
    """Every file that preparing ``dataset`` reads.

    Raises:
        ValueError: not a data set made of public files.
    """
    found = select(dataset=dataset)
    if not found:
        raise ValueError(f"unknown data set {dataset!r}; public files exist for {', '.join(DATASETS)}")
    return found


def annotation_file(folder: Path, annotation: str) -> Path:
    """Where a data set's folder keeps the test split under another annotation, sealed beside its own gold."""
    return folder / "gold" / f"test.{annotation}.jsonl"
