"""What a contact sheet says of one picture and of one kind: counts, order, colours, folds, scores."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.elements import Elements

from mner.data.picture_files import Refusal
from mner.features.found import Caption, Detection, Found, Lines, Objects, Tag, Tags, TextLine
from mner.features.found_files import KindFound, RegionShape
from mner.features.pictures import Pictures, pictures_of_folder
from mner.reporting.contact_sheet import evenly, render_sheet

TEMPLATES = Path(__file__).resolve().parents[2] / "reports" / "templates"

DAMAGED = Refusal("damaged", "truncated")


@pytest.fixture
def pictures(tmp_path: Path) -> Pictures:
    """A wide picture ``a`` and a tall one ``b``."""
    for name, size in (("a", (64, 32)), ("b", (30, 60))):
        Image.new("RGB", size, "grey").save(tmp_path / f"{name}.png")
    return pictures_of_folder(tmp_path)


def kind(
    name: str,
    found: Mapping[str, Found | RegionShape],
    refused: Mapping[str, Refusal] | None = None,
    **made_by: Any,
) -> KindFound:
    return KindFound(name, {"extractor": made_by}, found, refused or {})


def objects(*labels: str) -> Objects:
    return Objects(tuple(Detection(label, 0.5, (0.0, 0.0, 0.5, 0.5)) for label in labels))


def sheet(pictures: Pictures, *kinds: KindFound, captions: dict | None = None, count: int = 9) -> Any:
    return Elements(render_sheet("drawn", pictures, kinds, captions or {}, TEMPLATES, count=count))


def test_a_picture_that_changed_since_it_was_listed_is_masked_by_the_page_itself(pictures: Pictures) -> None:
    Image.new("RGB", (5, 5)).save(pictures.folder / "b.png")
    page = sheet(pictures, kind("tags", {"a": Tags(()), "b": Tags(())}))
    assert "1 of 2 pictures, 1 masked" in page.words()
    assert re.search(r"changed b b\.png: SHA-256 is .* recorded was .* this page", page.words())
    assert len(page.all("article")) == 1


def test_a_picture_in_which_no_kind_looked_takes_no_place_on_the_sheet(pictures: Pictures) -> None:
    page = sheet(pictures, kind("tags", {"b": Tags(())}, {"a": DAMAGED}), count=1)
    assert [svg["aria-label"] for svg in page.all("svg")] == ["picture b"]
    assert "1 pictures, 1 masked" in page.words()


def test_masked_pictures_stand_once_in_order_of_their_ids_with_who_met_them(pictures: Pictures) -> None:
    late, early = Refusal("damaged", "a fault"), Refusal("empty", "the file")
    known = Refusal("invalid", "known to show nothing")
    listed = Pictures(pictures.folder, pictures.listed, {"c": known, "d": known})
    found = {"a": Caption("x")}
    kinds = [kind("objects", {"a": objects()}, {"b": early, "z": late, "c": known})]
    kinds += [kind("captions", found, {"b": late, "c": known})]
    page = sheet(listed, *kinds)
    words = page.words()
    rows = [
        "damaged b a fault captions",
        "empty b the file objects",
        "invalid c known to show nothing objects, captions",
    ]
    places = [words.index(row) for row in [*rows, "invalid d known to show nothing", "damaged z a fault objects"]]
    assert places == sorted(places)
    assert "1 pictures, 4 masked" in words, "four pictures, though one has two reasons"


def test_the_table_of_kinds_says_how_much_was_found_by_whom(pictures: Pictures) -> None:
    box = (0.0, 0.0, 1.0, 1.0)
    page = sheet(
        pictures,
        kind("crops", {"a": RegionShape(2, 7, (box,) * 2), "b": RegionShape(3, 7, (box,) * 3)},
             model="mean of D", grid={"model": "G"}, detector={"model": "D"}),
        kind("objects", {"a": objects("dog", "cat"), "b": objects()}),
        kind("ocr", {"a": Lines((TextLine("x", 0.5, box),))}, {"b": DAMAGED}),
        kind("tags", {"a": Tags((Tag("x", 0.5),)), "b": Tags((Tag("x", 0.5), Tag("y", 0.2)))}),
        kind("captions", {"a": Caption("x"), "b": Caption("")}, model="C"),
    )  # fmt: skip
    words = page.words()
    assert "drawn 2 pictures, 1 masked. Boxes" in words
    for row in (
        "crops 5 vectors of 7 2 0 mean of D; G",
        "objects 2 objects, nothing in 1 pictures 2 0",
        "ocr 1 lines 1 1",
        "tags 3 labels 2 0",
        "captions 2 captions 2 0 C",
    ):
        assert f" {row} " in words, row
    boxes = {one["id"]: "checked" in one for one in page.all("input")}
    assert boxes == {"show-crops": False, "show-objects": True, "show-ocr": True}


def test_what_was_masked_in_one_kind_only_is_said_beside_the_picture(pictures: Pictures) -> None:
    page = sheet(
        pictures, kind("grid", {"a": RegionShape(2, 7)}, {"b": DAMAGED}), kind("captions", {"b": Caption("x")})
    )
    words = page.words()
    assert "grid 2 × 7 masked: captions" in words
    assert "masked: grid" in words
    assert "none" not in words, "no heading for kinds without a word of this picture"


def test_the_extracted_caption_comes_first_and_each_names_its_source(pictures: Pictures) -> None:
    captions = {"one": {"a": "first"}, "two": {"a": "second", "z": "elsewhere"}}
    page = sheet(pictures, kind("captions", {"a": Caption("found")}), captions=captions)
    assert "found extracted first one second two" in page.words()
    assert [one["title"] for one in page.all("p", "caption")] == ["extracted", "one", "two"]


def test_the_commonest_label_has_the_first_colour_and_six_colours_come_round(pictures: Pictures) -> None:
    labels = ("rare", "dog", "dog", "c", "d", "e", "f", "g")
    page = sheet(pictures, kind("objects", {"a": objects(*labels)}))
    colours = [(one["class"] or "").split()[-1] for one in page.all("rect", "object ")]
    assert colours == ["c1", "c0", "c0", "c2", "c3", "c4", "c5", "c0"]


def test_numbers_of_objects_are_as_large_on_a_tall_picture_and_widen_with_their_digits(pictures: Pictures) -> None:
    ten = objects(*["dog"] * 10)
    page = sheet(pictures, kind("objects", {"a": ten, "b": ten}))
    assert [svg["style"] for svg in page.all("svg")] == ["--em: 2.0px", "--em: 2.5px"]
    badges = [(float(one["width"]), float(one["height"])) for one in page.all("rect") if "x" not in one]
    tall = [(4.4, 2.9)] + [(3.1, 2.9)] * 9
    assert badges == [(3.5, 2.3), *[(2.5, 2.3)] * 9, *tall], "the last is drawn first, below the others"


@pytest.mark.parametrize(("lines", "head"), [(6, 6), (8, 8), (9, 6)])
def test_a_rest_of_two_is_not_folded_away(pictures: Pictures, lines: int, head: int) -> None:
    found = Lines(tuple(TextLine(f"line {number}", 0.5, (0, 0, 1, 1)) for number in range(lines)))
    page = sheet(pictures, kind("ocr", {"a": found}))
    words = page.words()
    assert len(page.all("li")) == lines
    assert ("3 more lines" in words) == (head < lines)
    assert len(page.all("ol", "lines")) == 1 + (head < lines)
    assert words.index(f"line {head - 1}") < words.find("more lines") % len(words)


def test_scores_are_rounded_and_one_that_is_hardly_anything_is_not_nothing(pictures: Pictures) -> None:
    tags = [Tag("a", 1.25), Tag("b", 0.0051), Tag("c", 0.0049), Tag("d", 0.0)]
    page = sheet(pictures, kind("tags", {"a": Tags(tuple(tags))}))
    assert "a 1.25 b 0.01 c <0.01 d 0.00" in page.words()
    shares = [one["style"] for one in page.all("span") if one.get("style")]
    assert shares == ["width: 100.0%", "width: 0.5%", "width: 0.5%", "width: 0.0%"]


@pytest.mark.parametrize("character", ["\x0b", "\x0c", "\x1b", "\x7f", "\x9b"])
def test_control_characters_are_shown_by_their_code(pictures: Pictures, character: str) -> None:
    found = kind("captions", {"a": Caption(f"a{character}dog")})
    page = render_sheet("drawn", pictures, [found], {}, TEMPLATES, count=1)
    assert f"a\\x{ord(character):02x}dog" in page
    assert character not in page


@pytest.mark.parametrize(
    ("count", "chosen"), [(1, "a"), (3, "adg"), (4, "acfh"), (9, "abcdefghi"), (10, "abcdefghij")]
)
def test_a_sample_reaches_through_the_whole_list(count: int, chosen: Sequence[str]) -> None:
    assert evenly("abcdefghij", count) == list(chosen)
