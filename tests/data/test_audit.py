"""An audit counts what is there, says what differs from the documents, and never quotes a tweet."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from mner.data import sources
from mner.data.audit import Material, audit, entities, invalid_images, orphans
from mner.data.audit_findings import Finding, finding, to_markdown
from mner.data.corpus import SPLITS, CorpusError, Sentence, read_corpus, read_sentences
from mner.data.prepare import prepare
from mner.data.readers import RetrievalLists, RetrievalRecord, align_rgcn
from mner.data.sentence_diff import compare
from mner.data.sources import SourceFile
from mner.evaluation.rescoring import other_versions


def sentence(index: int, image: str, text: str, tags: str) -> Sentence:
    return Sentence(index, image, tuple(text.split()), tuple(tags.split()))


def material() -> Material:
    """Six sentences with one planted fault of each kind."""
    splits = {
        "train": (
            sentence(0, "a", "Ann met Bo", "B-PER O B-PER"),
            sentence(1, "b", "in Oslo", "O B-LOC"),
            sentence(2, "c", "Ann met Bo", "B-PER O B-PER"),
        ),
        "dev": (sentence(0, "d", "in Oslo", "O I-LOC"), sentence(1, "a", "hi", "O")),
        "test": (sentence(0, "e", "by Acme Inc", "O B-ORG I-PER"),),
    }
    copy = {
        **splits,
        "train": (splits["train"][0], sentence(1, "b", "in Oslo", "O B-ORG")),
        "test": (sentence(0, "e", "by Acme", "O B-ORG"),),
    }
    lists = RetrievalLists(("b", "c", "z"), (0.9, 0.9, 0.1), ("e", "e", "d"), (1.0, 0.5, 0.7))
    records = [RetrievalRecord(splits["dev"][0], replace(lists, inter_images=("d", "b", "z")))]
    records_of = {"train": [RetrievalRecord(one, lists) for one in splits["train"]], "dev": records, "test": []}
    return Material(
        "planted",
        splits,
        copies={"other": copy},
        captions={"blip2": {"a": "x", "b": "", "c": "x", "d": "y"}},
        objects={"some": {"a": ["dog"], "b": []}},
        alignments={split: align_rgcn(splits[split], records_of[split]) for split in SPLITS},
    )


def seen(findings: list[Finding]) -> dict[str, int | float]:
    return {one.id: one.seen for one in findings}


@pytest.fixture(scope="module")
def planted() -> list[Finding]:
    return audit(material())


@pytest.mark.parametrize(
    ("tags", "count"),
    [("O I-PER", 1), ("B-PER I-PER I-PER", 0), ("B-PER I-LOC", 1), ("I-PER I-PER O I-PER", 2), ("O", 0)],
)
def test_orphans_continue_no_entity_of_their_type(tags: str, count: int) -> None:
    assert orphans(tags.split()) == count


def test_planted_faults_are_counted(planted: list[Finding]) -> None:
    expected = {
        "train.umt.sentences": 3,
        "train.umt.entities": 5,
        "train.umt.entities.PER": 4,
        "dev.umt.orphans": 1,
        "test.umt.orphans": 1,
        "train.repeated": 1,
        "train-dev.repeated": 1,
        "train-dev.contradicting": 1,
        "train-dev.images": 1,
        "dev-test.repeated": 0,
        "train.captions.blip2.absent": 0,
        "train.captions.blip2.empty": 1,
        "test.captions.blip2.absent": 1,
        "objects.some.labelled": 2,
        "objects.some.empty": 1,
        "train.objects.some.absent": 1,
        "train.other.lost": 1,
        "train.other.retagged": 1,
        "test.other.reworded": 1,
        "dev.other.lost": 0,
        "dev.retrieval.absent": 1,
        "test.retrieval.absent": 1,
        "dev.retrieval.inter.own": 1,
        "dev.retrieval.inter.from-nowhere": 0.3333,
        "train.retrieval.inter.own": 2,
        "train.retrieval.inter.tied": 1.0,
        "train.retrieval.intra.twice": 3,
        "train.retrieval.intra.unsorted": 3,
        "retrieval.inter.hubs.largest": 1.0,
        "retrieval.inter.hubs.distinct": 4,
    }
    assert {key: seen(planted).get(key) for key in expected} == expected


def test_defects_are_told_as_such_with_the_canonical_pictures_alone(planted: list[Finding]) -> None:
    found = {one.id: one for one in planted}
    for name in ("train.repeated", "train-dev.repeated", "train-dev.contradicting", "train-dev.images"):
        assert found[name].severity == "defect", name
    assert list(found["dev.umt.orphans"].images) == ["d"]
    assert (found["dev.other.orphans"].seen, list(found["dev.other.orphans"].images)) == (1, [])


def test_pictures_are_counted_by_what_is_wrong_with_them() -> None:
    many = tuple(sentence(number, f"m{number}", "hi", "O") for number in range(101))
    captions = {one.image: "nothing to see" for one in many[:100]} | {"m100": "a dog"}
    scan = SimpleNamespace(pixels={"a": 1}, missing=("z", "y"), unreadable={"c": "why"}, changed={})
    splits = {"train": many, "dev": (replace(many[3], index=0), replace(many[100], index=1)), "test": ()}
    found = {one.id: one for one in audit(Material("planted", splits, captions={"blip2": captions}, images=scan))}
    assert [found[f"{split}.images.invalid"].seen for split in SPLITS] == [100, 1, 0]
    assert list(found["dev.images.invalid"].images) == ["m3"]
    seen = {
        name: (found[f"pixels.{name}"].seen, found[f"pixels.{name}"].severity) for name in ("found", "missing")
    }
    assert seen == {"found": (1, "info"), "missing": (2, "info")}
    assert list(found["pixels.missing"].images) == ["y", "z"]
    assert (found["pixels.unreadable"].seen, found["pixels.unreadable"].severity) == (1, "defect")
    assert found["pixels.changed"].seen == 0


def test_finding_ids_are_unique(planted: list[Finding]) -> None:
    assert len({one.id for one in planted}) == len(planted)


def test_severity_follows_from_what_is_documented() -> None:
    assert finding("a", "", 3, 3).severity == "info"
    assert finding("a", "", 3, 4).severity == "differs"
    assert finding("a", "", 3, 3, defect=True).severity == "defect"
    assert finding("a", "", 0, 0, defect=True).severity == "info"
    assert finding("a", "", 0, 1, defect=True).severity == "differs"


def test_table_is_aligned_and_worst_first() -> None:
    findings = [finding("train.x", "many", 1234, 1234), finding("dev.x", "many", 5, 6), finding("y", "few", 0.25)]
    table = [line for line in to_markdown("d", findings).splitlines() if line.startswith("|")]
    assert len({len(line) for line in table}) == 1
    assert table[2].split("|")[1:6] == [" differs  ", " x       ", " many ", " 1,234 / 6  ", " 1,234 / 5 "]
    assert table[3].split("|")[1].strip() == "info"


def test_invalid_pictures_are_those_of_one_caption_shared_by_a_hundred() -> None:
    captions = {
        str(image): "same" if image < 100 else "" if image < 300 else f"own {image}" for image in range(400)
    }
    assert invalid_images(captions, captions) == tuple(map(str, range(100)))
    assert invalid_images(captions, [image for image in captions if image != "7"]) == ()


def test_comparison_pairs_by_content_and_names_positions() -> None:
    left = [sentence(0, "1", "a b c", "O O O"), sentence(1, "2", "d", "O"), sentence(2, "3", "e f", "O O")]
    right = [
        sentence(0, "2", "d", "B-PER"),
        sentence(1, "1", "a x b c", "O O O B-LOC"),
        sentence(2, "9", "new", "O"),
    ]
    outcome = compare(left, right)
    assert outcome.same == 0
    assert outcome.reordered
    assert [(one.left.image, one.words, one.tags) for one in outcome.differing] == [
        ("1", (((), (1,)),), ((2, 3),)),
        ("2", (), ((0, 0),)),
    ]
    assert [one.image for one in outcome.only_left] == ["3"]
    assert [one.image for one in outcome.only_right] == ["9"]
    assert compare(left, left).identical


def fake_sources(folder: Path) -> Callable[[SourceFile], Path]:
    """Small files of our own in every form of Twitter-2015's sources."""
    words = {"train": "alpha", "dev": "beta", "test": "gamma"}
    ten = " ".join(f"{number}.jpg" for number in range(10))
    scores = " ".join(["0.5"] * 10)

    def fetch(source: SourceFile) -> Path:
        word = words.get(source.split or "", "")
        text = {
            "sentences": f"IMGID:{word}1\nin\tO\n{word}\tB-OTHER",
            "retrieval": f"in {word}\nO B-OTHER\n{word}1.jpg\n{scores}\n{ten}\n{scores}\n{ten}\n",
            "captions": '{"alpha1.jpg": "A dog."}' if source.copy == "catr" else "alpha1.jpg :a dog\n",
            "objects": "alpha1.jpg hot dog dog \nbeta1.jpg \n",
            "words": {
                "faces": '{"alpha1.jpg": "one person"}',
                "owl": f"imgid:{word}1###a {word}\n",
                "descriptions": '{"image_name": "alpha1.jpg", "description": "It shows a dog."}\n',
            }.get(source.copy),
            "strength": f"{word}1.jpg\t0.5\n",
        }[source.role]
        path = folder / source.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if source.copy == "knowledge":
            with zipfile.ZipFile(path, "w") as archive:
                for split, word in words.items():
                    name = {"dev": "valid"}.get(split, split)
                    archive.writestr(f"{name}.txt", f"in\tO\n{word}\tB-OTHER\n<EOS>\tX\nAn\tX\n{word}\tX\n\n")
            return path
        path.write_text(text, encoding="utf-8")
        return path

    return fetch


def test_prepared_folder_keeps_the_test_tags_apart(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    prepare("twitter2015", folder, fake_sources(tmp_path / "in"))
    corpus = read_corpus(folder / "corpus", "twitter2015")
    assert corpus.train == (sentence(0, "alpha1", "in alpha", "O B-MISC"),)
    (gold,) = read_sentences(folder / "gold" / "test.jsonl")
    assert gold.tags == ("O", "B-MISC")
    assert corpus.test == (gold.blind(),)
    named = sorted(str(path.relative_to(folder)) for path in folder.rglob("*test*"))
    assert named == [
        "corpus/test.blind.jsonl",
        "gold/test.hvpnet.jsonl",
        "gold/test.jsonl",
        "gold/test.zhang2018.jsonl",
    ]
    side = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in (folder / "side").iterdir()}
    assert side["captions.json"] == {"blip2": {"alpha1": "a dog"}, "catr": {"alpha1": "A dog."}}
    assert side["objects.json"] == {"ocsga": {"alpha1": ["hot dog", "dog"], "beta1": []}}
    assert (side["images.json"], side["pixels.json"]) == ({"invalid": []}, {})
    assert side["retrieval.json"]["k"] == 10
    assert side["owl.json"] == {f"{word}1": f"a {word}" for word in ("alpha", "beta", "gamma")}
    assert side["faces.json"] == {"alpha1": "one person"}
    assert side["knowledge.json"]["gamma1"] == "An gamma"
    assert side["strength.json"]["weak"] == dict.fromkeys(("alpha1", "beta1", "gamma1"), 0.5)
    assert side["retrieval.json"]["dev"][0]["inter_images"] == [str(number) for number in range(10)]
    audited = "".join(path.read_text(encoding="utf-8") for path in (folder / "audit").iterdir())
    assert "gamma1" in audited
    assert "gamma " not in audited


def test_preparing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        prepare("twitter2015", tmp_path / name, fake_sources(tmp_path / "in"))
    first, second = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("one", "two")
    )
    assert first == second
    assert len(first) == 17


@pytest.mark.parametrize("dataset", ["twitter2015", "twitter2017"])
def test_public_files_are_what_is_documented_of_them(mirror: Path, tmp_path: Path, dataset: str) -> None:
    prepare(dataset, tmp_path, lambda source: mirror / source.path)
    findings = json.loads((tmp_path / "audit" / "findings.json").read_text(encoding="utf-8"))
    assert [one for one in findings if one["severity"] == "differs"] == []
    numbers = {one["id"]: one["seen"] for one in findings}
    images = {one["id"]: one["images"] for one in findings}
    invalid = json.loads((tmp_path / "side" / "images.json").read_text(encoding="utf-8"))["invalid"]
    if dataset == "twitter2017":
        counts = [numbers[f"{split}.images.invalid"] for split in SPLITS]
        assert (counts, len(invalid)) == ([250, 58, 50], 358)
        uncaptioned = [image for split in SPLITS for image in images[f"{split}.captions.catr.absent"]]
        assert sorted(uncaptioned) == invalid
    else:
        assert invalid == []
        assert [numbers[f"{split}.umt.orphans"] for split in SPLITS] == [186, 53, 135]
        assert [numbers[f"{split}.agban.retagged"] for split in SPLITS] == [9, 4, 5]
        assert [images[f"{split}.rgcn.lost"] for split in SPLITS] == [["33008"], ["370925"], ["1418707"]]
        assert numbers["retrieval.inter.hubs.distinct"] == 1045
    corpus = read_corpus(tmp_path / "corpus", dataset)
    gold = read_sentences(tmp_path / "gold" / "test.jsonl")
    assert tuple(one.blind() for one in gold) == corpus.test
    assert sum(entities(gold).values()) == {"twitter2015": 5072, "twitter2017": 1351}[dataset]
    copies = {copy.name: copy for copy in other_versions(tmp_path.parent, tmp_path.name)}
    if dataset == "twitter2017":
        assert copies == {}
    else:
        held = {name: int(copy.keep.sum()) for name, copy in copies.items()}
        assert held == {"rgcn": 3256, "hvpnet": 3257, "zhang2018": 3257}
        for name, differing in (("hvpnet", 239), ("zhang2018", 5)):
            retagged = read_sentences(tmp_path / "gold" / f"test.{name}.jsonl")
            assert sum(one.tags != other.tags for one, other in zip(gold, retagged, strict=True)) == differing
            assert [one.words for one in gold] == [one.words for one in retagged]


def test_an_annotation_of_other_sentences_is_refused(tmp_path: Path) -> None:
    fetch = fake_sources(tmp_path / "in")

    def other(source: SourceFile) -> Path:
        path = fetch(source)
        if source.copy == "agban":
            path.write_text("IMGID:gamma1\nout\tO\ngamma\tB-OTHER", encoding="utf-8")
        return path

    with pytest.raises(CorpusError, match="twitter2015: copy agban does not hold the test sentences of umt"):
        prepare("twitter2015", tmp_path / "out", other)


def test_unknown_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="twitter2015, twitter2017"):
        prepare("snap", tmp_path, lambda source: tmp_path / source.path)
    assert sources.DATASETS == ("twitter2015", "twitter2017")
