"""A corpus file is recognised by its sentences, and told from its closest copy word by word."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mner.cli import main as cli
from mner.data import dataset_versions as which_module
from mner.data.dataset_versions import fingerprint, which
from mner.data.sources import SourceFile, select
from mner.data.user_file import UnreadableFileError
from mner.data.version_report import render

TEXT = "".join(f"IMGID:{i}\nword{i}\tO\nParis\tB-LOC\n\n" for i in range(8))
RETAGGED = TEXT.replace("word2\tO", "word2\tB-PER")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with two known copies of our own: UMT's, and AGBAN's with one other tag."""
    folder = tmp_path / "cache"
    table = []
    for copy, text in (("umt", TEXT), ("agban", RETAGGED)):
        content = text.encode()
        (folder / copy).mkdir(parents=True)
        (folder / copy / "dev").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        table.append(SourceFile(f"{copy}/dev", len(content), digest, "", "sentences", copy, "twitter2015", "dev"))
    table.append(SourceFile("umgf/dev", 1, "0" * 64, "", "sentences", "umgf", "twitter2015", "dev"))
    monkeypatch.setattr(which_module, "SOURCES", tuple(table))
    return folder


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_fingerprints_tell_words_and_tags() -> None:
    assert fingerprint(["a", "b"]) != fingerprint(["a b"])
    assert fingerprint(["a"], ["O"]) != fingerprint(["a"], ["B-PER"])
    assert fingerprint(["a"]) != fingerprint(["a"], [])


def test_exact_copy_is_named(tmp_path: Path, cache: Path) -> None:
    report = which(write(tmp_path, RETAGGED), cache=cache)
    assert [source.copy for source in report.exact] == ["agban"]
    assert report.matches[0].bytes
    assert [(match.words, match.tags) for match in report.matches] == [(8, 8), (8, 7)]
    text = render(report)
    assert "exactly: agban twitter2015 dev" in text
    assert "byte for byte: agban" in text
    assert "not at hand, so not compared: umgf twitter2015 dev" in text


def test_same_sentences_in_other_clothes_are_the_same_copy(tmp_path: Path, cache: Path) -> None:
    bare = "\n".join(line for line in TEXT.split("\n") if not line.startswith("IMGID"))
    report = which(write(tmp_path, bare.replace("\n", "\r\n")), cache=cache)
    assert [source.copy for source in report.exact] == ["umt"]
    assert not report.matches[0].bytes


def test_differences_from_the_closest_copy_are_listed(tmp_path: Path, cache: Path) -> None:
    text = RETAGGED.replace("word5\tO", "word5\tB-ORG").replace("word6\tO\n", "word6\tO\nnew\tO\n")
    report = which(write(tmp_path, text.replace("IMGID:7\nword7\tO\nParis\tB-LOC\n", "")), cache=cache)
    assert report.exact == ()
    assert report.matches[0].source.copy == "agban"
    comparison = report.comparison
    assert comparison is not None
    assert [(one.left.index, one.words, one.tags) for one in comparison.differing] == [
        (5, (), ((0, 0),)),
        (6, (((1,), ()),), ()),
    ]
    assert [one.image for one in comparison.only_right] == ["7"]
    text = render(report)
    assert "no known copy; closest: agban twitter2015 dev" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["6", "5", "1", "'word5'", "B-ORG", "O"] in rows
    assert ["7", "6", "2", "other", "words", "'new'", "(absent)"] in rows
    assert ["8", "7", "all", "only", "in", "the", "copy"] in rows


def test_order_of_sentences_counts(tmp_path: Path, cache: Path) -> None:
    blocks = TEXT.strip("\n").split("\n\n")
    report = which(write(tmp_path, "\n\n".join(reversed(blocks))), cache=cache)
    assert report.exact == ()
    assert "the order differs" in render(report)


def test_unknown_file_is_said_to_be_unknown(tmp_path: Path, cache: Path) -> None:
    report = which(write(tmp_path, "IMGID:x\nother\tO\n\nIMGID:y\nwords\tO\n"), cache=cache)
    assert report.matches == ()
    assert "nothing known: no sentence of it is in a copy at hand" in render(report)
    assert (report.comparison, report.exact) == (None, ())
    assert {match.shared for match in report.matches} <= {0}
    path = write(tmp_path, "IMGID:0\nword0\tO\nParis\tB-LOC\n\nIMGID:x\nother\tO\n\nIMGID:y\nwords\tO\n")
    assert "only 1 of its 3 sentences" in render(which(path, cache=cache))


def test_neither_form_is_refused(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(UnreadableFileError) as refused:
        which(write(tmp_path, "some prose\n"), cache=cache)
    assert (refused.value.line, refused.value.found) == (1, "the tag 'prose'")


def test_a_folder_is_refused(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(UnreadableFileError) as refused:
        which(tmp_path, cache=cache)
    assert (refused.value.path, refused.value.found) == (tmp_path, "a folder")


def test_several_files_are_told_in_their_order(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MNER_CACHE", str(cache))
    monkeypatch.delenv("MNER_MIRROR", raising=False)
    cli.main(["which", str(cache / "agban" / "dev"), str(cache / "umt" / "dev")])
    both = capsys.readouterr().out
    alone = []
    for copy in ("agban", "umt"):
        cli.main(["which", str(cache / copy / "dev")])
        alone.append(capsys.readouterr().out)
    assert both == "\n".join(alone)
    assert alone[0] != alone[1]


def test_public_copies_are_told_apart(mirror: Path, tmp_path: Path) -> None:
    (source,) = select(dataset="twitter2015", copy="agban", split="dev")
    report = which(mirror / source.path, cache=tmp_path, mirrors=(mirror,))
    assert [source.copy for source in report.exact] == ["agban"]
    shared = {match.source.copy: match.tags for match in report.matches if match.source.split == "dev"}
    assert {copy: shared[copy] for copy in ("agban", "umt", "umgf", "rgcn", "hvpnet")} == {
        "agban": 1000,
        "umt": 996,
        "umgf": 995,
        "rgcn": 994,
        "hvpnet": 993,
    }


def test_file_shared_by_two_copies_is_both(mirror: Path, tmp_path: Path) -> None:
    (source,) = select(dataset="twitter2017", copy="rgcn", split="test")
    report = which(mirror / source.path, cache=tmp_path, mirrors=(mirror,))
    assert [source.name for source in report.exact] == ["rgcn twitter2017 test", "umt twitter2017 test"]
