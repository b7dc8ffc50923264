"""Readers keep every sentence, word and list of the public files, and name file and line of what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mner.data import readers
from mner.data.corpus import SPLITS, CorpusError, Sentence
from mner.data.side_data import COCO_80, join_names
from mner.data.sources import select

BLANK = "\u00a0"


def write(folder: Path, text: str, name: str = "file.txt") -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8"))
    return path


def record(words: str, tags: str, image: str, shift: int = 0) -> str:
    images = " ".join(f"{number + shift}.jpg" for number in range(10))
    scores = " ".join(str(1 - number / 16) for number in range(10))
    return "\n".join([words, tags, f"{image}.jpg", scores, images, scores, images]) + "\n"


@pytest.mark.parametrize("end", ["", "\n", "\n\n", "\n\n\n"])
def test_last_sentence_is_kept_however_the_file_ends(tmp_path: Path, end: str) -> None:
    path = write(tmp_path, "\nIMGID:7\nin\tO\nParis\tB-LOC\n\nIMGID:O_8\nHamlet\tB-OTHER\nII\tI-OTHER" + end)
    assert readers.read_umt(path) == (
        Sentence(0, "7", ("in", "Paris"), ("O", "B-LOC")),
        Sentence(1, "O_8", ("Hamlet", "II"), ("B-MISC", "I-MISC")),
    )


def test_words_that_look_like_blanks_or_line_ends_stay_words(tmp_path: Path) -> None:
    words = (BLANK, "a b", "\u2028", "\x85", "x")
    path = write(tmp_path, "IMGID:1\r\n" + "".join(f"{word}\tO\r\n" for word in words))
    assert readers.read_umt(path)[0].words == words


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("IMGID:1\na O\n", 2),
        ("IMGID:1\na\tB-FOO\n", 2),
        ("a\tO\n", 1),
        ("IMGID:1\na\tO\nIMGID:2\nb\tO\n", 3),
        ("IMGID:1\nIMGID:2\nb\tO\n", 2),
        ("IMGID:1\na\tO\tx\n", 2),
        ("IMGID:1\n\tO\n", 2),
        ("IMGID:1\n\nIMGID:2\nb\tO\n", 2),
        ("IMGID:\na\tO\n", 1),
        ("IMGID:../1\na\tO\n", 1),
    ],
)
def test_refused_lines_are_named(tmp_path: Path, text: str, line: int) -> None:
    path = write(tmp_path, text)
    with pytest.raises(CorpusError) as caught:
        readers.read_umt(path)
    assert (caught.value.path, caught.value.line) == (path, line)


def refused(read: Callable[[Path], object], path: Path) -> tuple[Path | None, int | None]:
    """File and line that a reader refuses."""
    with pytest.raises(CorpusError) as caught:
        read(path)
    return caught.value.path, caught.value.line


def test_files_that_are_no_text_or_empty_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"IMGID:1\n\xff\tO\n")
    assert refused(readers.read_umt, path) == (path, None)
    empty = write(tmp_path, "\n\n")
    assert refused(readers.read_umt, empty) == (empty, None)


def test_record_of_seven_lines(tmp_path: Path) -> None:
    path = write(tmp_path, record("in Paris", "O B-OTHER", "5", 3) + record(f":{BLANK}", "O", "6"))
    first, second = readers.read_rgcn(path)
    assert first.sentence == Sentence(0, "5", ("in", "Paris"), ("O", "B-MISC"))
    assert first.lists.inter_images[:2] == ("3", "4")
    assert first.lists.intra_scores[:2] == (1.0, 0.9375)
    assert second.sentence.words == (f":{BLANK}",)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (record("a b", "O", "1"), 2),
        (record("a", "O", "1") + "b\n", None),
        (record("a", "O", "1").replace("0.9375", "nan", 1), 4),
        (record("a", "O", "1").replace(" 0.9375", "", 1), 4),
        (record("a", "O", "1").replace("0.9375", "high", 1), 4),
        (record("a", "O", "1").replace(" 9.jpg", "", 1), 5),
        (record("a  b", "O O O", "1"), 1),
    ],
)
def test_refused_records_are_named(tmp_path: Path, text: str, line: int | None) -> None:
    path = write(tmp_path, text)
    assert refused(readers.read_rgcn, path) == (path, line)


def test_lists_follow_image_and_words_not_position(tmp_path: Path) -> None:
    canonical = readers.read_umt(
        write(tmp_path, "".join(f"IMGID:{i}\n{word}\tO\n\n" for i, word in enumerate("abcde")), "umt")
    )
    text = record("e", "O", "4", 40) + record("?", "O", "1", 10) + record("a", "O", "0") + record("z", "O", "99")
    outcome = readers.align_rgcn(canonical, readers.read_rgcn(write(tmp_path, text)))
    firsts = [one and one.lists.inter_images[0] for one in outcome.records]
    assert firsts == ["0", "10", None, None, "40"]
    assert (outcome.missing, outcome.differing, outcome.unknown) == ((2, 3), (1,), (3,))


def test_captions(tmp_path: Path) -> None:
    path = write(tmp_path, "1.jpg :a man : a dog\n17_06_2.jpg :\n")
    assert readers.read_blip2(path) == {"1": "a man : a dog", "17_06_2": ""}
    assert readers.read_catr(write(tmp_path, '{"1.jpg": "A man."}')) == {"1": "A man."}
    for text, line in (("1.jpg :a\n1.jpg :b\n", 2), ("1.jpg :a\n2.jpg b\n", 2)):
        path = write(tmp_path, text)
        assert refused(readers.read_blip2, path) == (path, line)
    for text in ("[]", '{"1.jpg": 1}', '{"1.jpg": '):
        path = write(tmp_path, text)
        assert refused(readers.read_catr, path) == (path, None)


def test_object_names_of_several_words_are_one_object(tmp_path: Path) -> None:
    path = write(tmp_path, "1.jpg person baseball glove baseball bat person \n2.jpg \n3.jpg hot dog dog\n")
    assert readers.read_object_labels(path) == {
        "1": ["person", "baseball glove", "baseball bat", "person"],
        "2": [],
        "3": ["hot dog", "dog"],
    }
    path = write(tmp_path, "1.jpg glove\n")
    assert refused(readers.read_object_labels, path) == (path, 1)


def test_every_list_of_coco_names_is_read_back() -> None:
    assert len(set(COCO_80)) == 80
    words = [word for name in (*COCO_80, *reversed(COCO_80)) for word in name.split()]
    assert join_names(words) == [*COCO_80, *reversed(COCO_80)]
    assert join_names(["pottedplant", "sofa"]) == ["potted plant", "couch"]


def test_public_corpora_have_their_documented_sizes(mirror: Path) -> None:
    sizes = {
        source.name: len(readers.read_umt(mirror / source.path))
        for source in select(role="sentences")
        if source.copy == "umt"
    }
    assert list(sizes.values()) == [4000, 1000, 3257, 3373, 723, 723]


def public(mirror: Path, **wanted: str) -> Path:
    """The one public file that agrees with everything wanted."""
    (source,) = select(**wanted)
    return mirror / source.path


def test_no_break_space_of_the_public_corpus_stays_a_word(mirror: Path) -> None:
    sentences = readers.read_umt(public(mirror, dataset="twitter2015", copy="umt", split="dev"))
    (sentence,) = (one for one in sentences if one.image == "73309")
    assert [word for word in sentence.words if not word.strip()] == [BLANK]


@pytest.mark.parametrize("dataset", ["twitter2015", "twitter2017"])
def test_public_retrieval_lists_lack_only_the_last_sentences(mirror: Path, dataset: str) -> None:
    lost, differing = [], []
    for split in SPLITS:
        canonical = readers.read_umt(public(mirror, dataset=dataset, copy="umt", split=split))
        records = readers.read_rgcn(public(mirror, dataset=dataset, copy="rgcn", split=split))
        outcome = readers.align_rgcn(canonical, records)
        assert outcome.unknown == ()
        lost += [canonical[index].image for index in outcome.missing]
        differing += [canonical[index].image for index in outcome.differing]
    expected = (["33008", "370925", "1418707"], ["73309"]) if dataset == "twitter2015" else ([], [])
    assert (lost, differing) == expected


def test_public_side_files(mirror: Path) -> None:
    labels = readers.read_object_labels(public(mirror, dataset="twitter2015", copy="ocsga"))
    assert (len(labels), sum(not names for names in labels.values())) == (8287, 934)
    captions = readers.read_blip2(public(mirror, dataset="twitter2015", copy="blip2"))
    assert sum(not caption for caption in captions.values()) == 2
    assert len(readers.read_catr(public(mirror, dataset="twitter2017", copy="catr"))) == 4461
