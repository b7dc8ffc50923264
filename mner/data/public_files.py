"""The table of public files: where each lies, what bytes it must hold, whose it is, its licence and defects.

The project commits none of these files. ``path`` is owner/repository/commit/file: the same string is the
address below :data:`BASE`, the place in the download cache and the place in a mirror folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

BASE = "https://raw.githubusercontent.com"

_UMT = "jefferyYu/UMT/f478ee65564b5532319a6cc643203149acfc5eed/data"
_UMT_LOGS = "jefferyYu/UMT/f478ee65564b5532319a6cc643203149acfc5eed/log files"
_RGCN = "1429904852/R-GCN/f4cab8f415c4ca549f8318afba780c7825083db0/data"
_UMGF = "TransformersWsz/UMGF/55adc07633ebf728825d06db21b18880d93c1563/data"
_AGBAN = "thecharm/AGBAN/acc20fc25658f2c962df1b28a2d9bc74293f65db/data/mul_tweets"
_CATR = "codezakh/exploiting-BERT-thru-translation/800de54e2889f40c26a76fddc313d036c048bd45/captions"
_BLIP2 = "JinYuanLi0012/PGIM/a13b27590742893347d09b95c9a2c137c580d38b/data/ImageCaption"
_OCSGA = "softhuafei/Pytorch-implementation-for-OCSGA/585f56ca5823e5c38a5415476267cff38fe0cc18/data/tweet_new"
_YOLOX = "Kazuhito00/YOLOX-ONNX-TFLite-Sample/3d4f1119d0694200671c08069ecb847aa0d8495a"

_PGIM = "JinYuanLi0012/PGIM/a13b27590742893347d09b95c9a2c137c580d38b/data/data_PGIM"
_RIVEG = "JinYuanLi0012/RiVEG/6af00fff0b6cfd1adde7f4b6b89ba6af6be7db01/data_processing/MNER_processing"
_OWL = f"{_RIVEG}/owl_image_caption"
_DEQA = "ZhixinHan/DEQA/354810a34c178dda1f39dd765ca8272c3e893b65/DEQA/datasets/release"
_FITE = "yhit98/FITE/86a53c185881669c4d12f1734b4d41c1a38e2ccc/face_descriptions"
_TMR = "thecharm/TMR/279b3e2938aec040fa8b8fa74cd3e562eaa6756f/TMR-NER/data"

_TERMS = "none stated; using it means accepting the terms of Twitter and of the data providers"
_NO_LICENCE = "none stated"
_NO_LAST_BLANK = "ends without a blank line: a reader that keeps sentences at blank lines loses the last one"
_TIED = "retrieval lists are drawn from all splits and hold many exact ties"
_RETAGGED = "tags of a few sentences differ from UMT's"
_CORRECTED = "tags of 239 sentences differ from UMT's, most of them corrected by its authors"
_REWORDED = "words of a few sentences differ from UMT's"
_BLANK_WORD = "sentence of image 73309 holds a word that is only a no-break space"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One public file.

    ``role`` is ``sentences``, ``retrieval`` (sentences with retrieval lists), ``captions``, ``objects``,
    ``words`` (pictures in words), ``strength`` (of the relation between text and picture), ``log`` (what
    authors' program said while it trained) or ``detector``;
    ``copy`` names whose file it is (a key of ``sources.COPIES`` for corpora, of ``side_data.WORDS`` for words,
    ``strong`` or ``weak`` for strength, else ``catr``, ``blip2``, ``ocsga``, ``yolox``); ``split`` is None
    where one file serves all splits, ``dataset`` is None where it serves both data sets. A file that serves both
    but is read with each stands once for either.
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
        return f"{base.rstrip('/')}/{quote(self.path)}"

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
    _sentences(_TMR, "twitter2015/train.txt", 670760,
               "66c1336f27fe854504623248942f0c1348baa39533167e636835bf04234b05d7",
               "hvpnet", "twitter2015", "train", _RETAGGED, _REWORDED),
    _sentences(_TMR, "twitter2015/val.txt", 168254,
               "51e003ec71c202d786f53968ed901841c3e23bcec9a381c06120432cba0d56d1",
               "hvpnet", "twitter2015", "dev", _RETAGGED, _REWORDED),
    _sentences(_TMR, "twitter2015/test.txt", 550764,
               "a4ef7f191a456021a7e2355dfd9f8e531a85bf62c275646c7d4c741563abab40",
               "hvpnet", "twitter2015", "test", _CORRECTED),
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
    SourceFile(f"{_DEQA}/twitter2017/description_roberta.jsonl", 3547952,
               "596398c1ca0bd8a93d84853a581b5cae4ca925cfb55548496e4e339ece0df71c",
               _NO_LICENCE, "words", "descriptions", "twitter2017", None, ("54 descriptions are refusals",)),
    SourceFile(f"{_OWL}/owltraincaption_1.txt", 3757194,
               "c06450eea1587f1a65d43fbdb033dcf383a1f338d719a90f672e35736f99776a",
               _NO_LICENCE, "words", "owl", "twitter2015", "train"),
    SourceFile(f"{_OWL}/owldevcaption_1.txt", 818823,
               "0d44d228479e2755f735e7bb0a1dc1405f8c8602d38820ec686fc2d398412c43",
               _NO_LICENCE, "words", "owl", "twitter2015", "dev"),
    SourceFile(f"{_OWL}/owltestcaption_1.txt", 802331,
               "40299e9d792abc1cdd1c02fe90eb5ae444e28f02cb94bc67e9d8f4bf911a665d",
               _NO_LICENCE, "words", "owl", "twitter2015", "test"),
    SourceFile(f"{_FITE}/twitter15_face_description_clip16.json", 273047,
               "d787c0577a3134d7f667687843a65f86ef583c4ec9f65029773ef91d35d72c4b",
               "MIT", "words", "faces", "twitter2015", "train",
               ("498 pictures of training tweets are missing",)),
    SourceFile(f"{_PGIM}/2015.zip", 2402151,
               "82f93300ecb4af466c632dcde1fe1f5a461be8a3b1e1b1bc655d5d2ea8e4fe4d",
               _NO_LICENCE, "words", "knowledge", "twitter2015", None,
               ("the last tweet of each split is missing",)),
    SourceFile(f"{_TMR}/twitter2015/ner_train_weight_strong.txt", 132679,
               "6b3ef5595712c73cf317cc8ac172ad86a6801a00b20f5b444c4ee06b731708a1",
               _NO_LICENCE, "strength", "strong", "twitter2015", "train"),
    SourceFile(f"{_TMR}/twitter2015/ner_train_weight_weak.txt", 123424,
               "bdfee40e640d6c5558ff5399303b5cccfc91d95a2952c966397a339fab013d87",
               _NO_LICENCE, "strength", "weak", "twitter2015", "train"),
    SourceFile(f"{_TMR}/twitter2015/ner_val_weight_strong.txt", 33144,
               "a3d59d7fd9a73d5295995a3384bc2c39ed6047640f4474dbb7895f3a78365021",
               _NO_LICENCE, "strength", "strong", "twitter2015", "dev"),
    SourceFile(f"{_TMR}/twitter2015/ner_val_weight_weak.txt", 30835,
               "5f9a3865fa59524b3199ffee86710d2a0aeab9afe66265350ef2d3c09aa97904",
               _NO_LICENCE, "strength", "weak", "twitter2015", "dev"),
    SourceFile(f"{_TMR}/twitter2015/ner_test_weight_strong.txt", 107926,
               "692930b5f1ab4ea49f232496f8becbf1d25f2100a91b511f4f03e871957d3697",
               _NO_LICENCE, "strength", "strong", "twitter2015", "test"),
    SourceFile(f"{_TMR}/twitter2015/ner_test_weight_weak.txt", 100269,
               "577297d6fc2c1d294c6097380310e00f13467c46beb1e8b9988140ba4b0e3a96",
               _NO_LICENCE, "strength", "weak", "twitter2015", "test"),
    SourceFile(f"{_OWL}/owltraincaption_1.txt", 3757194,
               "c06450eea1587f1a65d43fbdb033dcf383a1f338d719a90f672e35736f99776a",
               _NO_LICENCE, "words", "owl", "twitter2017", "train"),
    SourceFile(f"{_OWL}/owldevcaption_1.txt", 818823,
               "0d44d228479e2755f735e7bb0a1dc1405f8c8602d38820ec686fc2d398412c43",
               _NO_LICENCE, "words", "owl", "twitter2017", "dev"),
    SourceFile(f"{_OWL}/owltestcaption_1.txt", 802331,
               "40299e9d792abc1cdd1c02fe90eb5ae444e28f02cb94bc67e9d8f4bf911a665d",
               _NO_LICENCE, "words", "owl", "twitter2017", "test"),
    SourceFile(f"{_FITE}/twitter17_face_description_clip16.json", 299181,
               "2134ab5c5db8be15dae01e3dc70836b88305d7f8d594e0fedd794a71f31087cf",
               "MIT", "words", "faces", "twitter2017"),
    SourceFile(f"{_PGIM}/2017.zip", 1188954,
               "115431c6573939e5c293465de4efd0ec8d795115544844b7b2a2f1450d1d0a00",
               _NO_LICENCE, "words", "knowledge", "twitter2017"),
    SourceFile(f"{_TMR}/twitter2017/ner_train_weight_strong.txt", 121933,
               "4e63389ffdf2a2317b4cbbc5a59beca258daccb0045bdefadbdc5014202fb9dc",
               _NO_LICENCE, "strength", "strong", "twitter2017", "train"),
    SourceFile(f"{_TMR}/twitter2017/ner_train_weight_weak.txt", 115308,
               "0055ed6d76e7e60f057f764b8656a8f3a4ab84307c70ccfebaf5d3b6c060b23a",
               _NO_LICENCE, "strength", "weak", "twitter2017", "train"),
    SourceFile(f"{_TMR}/twitter2017/ner_val_weight_strong.txt", 26089,
               "49da80dc5c82488d508a4a2bd7e19df1015547ad8802753bea720d3f0db5f3d3",
               _NO_LICENCE, "strength", "strong", "twitter2017", "dev"),
    SourceFile(f"{_TMR}/twitter2017/ner_val_weight_weak.txt", 24700,
               "9b096c6ee9d4771c4378a569aacea5d56f498f7888f35ac99311fd08f9cfb624",
               _NO_LICENCE, "strength", "weak", "twitter2017", "dev"),
    SourceFile(f"{_TMR}/twitter2017/ner_test_weight_strong.txt", 26134,
               "b8498ee1fdbc3ec8dfa0d04b62cc4a323f6eb4f5b28309652fc3717a9ca2c615",
               _NO_LICENCE, "strength", "strong", "twitter2017", "test"),
    SourceFile(f"{_TMR}/twitter2017/ner_test_weight_weak.txt", 24709,
               "3d1a154abc701e8e65ffec1106f2345d7e532909150ab6af73b126b98aa75f03",
               _NO_LICENCE, "strength", "weak", "twitter2017", "test"),
    SourceFile(f"{_UMT_LOGS}/UMT_BERT_CRF_twitter2015.txt", 99770,
               "db0054b860c7190313a253815b03116c7bf7b764c1be65544a1522c2a961663c",
               _NO_LICENCE, "log", "umt-log"),
    SourceFile(f"{_UMT_LOGS}/UMT_BERT_CRF_twitter2017.txt", 92180,
               "8c1e6ab4414f3b6df73a30f3956ff189ea6babecd03f76618ec1015931b99f23",
               _NO_LICENCE, "log", "umt-log"),
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
