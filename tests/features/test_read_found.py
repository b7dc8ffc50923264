"""What extractors found reads as side data does: labels by score, writing in order, captions; or is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.messages import names

from mner.base.files import write_json_atomically
from mner.features.found import Caption, Lines, Objects, Tags
from mner.features.found_files import caption_texts, object_labels, object_scores, ocr_text, read_found
from mner.features.store import FeatureError


class TestReading:
    @pytest.fixture
    def write(self, tmp_path):
        def do(kind: str, found: dict) -> Path:
            path = tmp_path / f"{kind}.json"
            write_json_atomically(path, {"provenance": {"kind": kind}, "found": found})
            return path

        return do

    def test_labels_come_by_score_and_repeat_with_their_objects(self, write):
        items = [
            {"label": label, "score": score, "box": [0, 0, 1, 1]}
            for label, score in (("dog", 0.9), ("dog", 0.6), ("car", 0.3))
        ]
        path = write("objects", {"a": {"objects": items}, "b": {"objects": []}})
        assert object_labels(path, score=0.5) == {"a": ["dog", "dog"], "b": []}
        assert object_labels(path, score=0.9) == {"a": ["dog"], "b": []}
        assert object_scores(path, score=0.5) == {"a": [0.9, 0.6], "b": []}
        assert object_scores(path, score=0.6) == {"a": [0.9, 0.6], "b": []}, "one of just this score counts"

    def test_writing_comes_in_reading_order(self, write):
        lines = [
            {"text": t, "score": s, "box": [0, 0, 1, 1]} for t, s in (("NO", 0.4), ("way", 0.9), ("out", 0.8))
        ]
        path = write("ocr", {"a": {"lines": lines}})
        assert ocr_text(path, score=0.5) == ocr_text(path, score=0.8) == {"a": "way out"}

    def test_empty_captions_are_left_out(self, write):
        path = write("captions", {"a": {"caption": "a dog"}, "b": {"caption": " "}})
        assert caption_texts(path) == {"a": "a dog"}

    def test_files_that_hold_something_else_are_refused(self, write, tmp_path):
        with pytest.raises(FeatureError):
            read_found(tmp_path / "gone.json")
        (tmp_path / "torn.json").write_text("{")
        with pytest.raises(FeatureError):
            read_found(tmp_path / "torn.json")
        with pytest.raises(FeatureError):
            read_found(write("captions", {"a": {"text": "a dog"}}))


def _object(**change: Any) -> dict[str, Any]:
    return {"objects": [{"label": "a", "score": 1, "box": [0, 0, 1, 1], **change}]}


@pytest.mark.parametrize(
    ("kind", "data", "named"),
    [
        (Objects, _object(box=[0, 0, 2, 1]), "[0, 0, 2, 1]"),
        (Objects, _object(box=[0.6, 0, 0.5, 1]), "[0.6, 0, 0.5, 1]"),
        (Objects, _object(box=[0, 0.6, 1, 0.5]), "[0, 0.6, 1, 0.5]"),
        (Objects, _object(box=[-0.1, 0, 1, 1]), "[-0.1, 0, 1, 1]"),
        (Objects, _object(box=[0, 0, 1]), "[0, 0, 1]"),
        (Objects, _object(box="wide"), "'wide'"),
        (Objects, _object(box=[0, 0, 1, float("nan")]), "nan"),
        (Objects, _object(score=float("inf")), "inf"),
        (Objects, _object(score="0.5"), "'0.5'"),
        (Objects, _object(colour="red"), "expected label and score"),
        (Objects, {"lines": []}, "'objects'"),
        (Objects, {"objects": [], "lines": []}, "'objects'"),
        (Objects, {"objects": {}}, "'objects'"),
        (Lines, {"lines": [{"text": "a", "score": 1}]}, "score and box"),
        (Lines, {"lines": ["a"]}, "score and box"),
        (Tags, {"tags": [{"label": "a", "score": True}]}, "True"),
        (Tags, {"tags": [{"label": 3, "score": 0.1}]}, "label and score"),
        (Caption, {"caption": None}, "'caption': None"),
        (Caption, {"caption": "a", "text": "b"}, "'text': 'b'"),
    ],
)
def test_other_data_is_no_finding(kind: type, data: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=names(named)):
        kind.from_json(data)


def test_every_edge_of_the_picture_may_be_the_edge_of_a_box() -> None:
    (item,) = Objects.from_json(_object()).items
    assert (item.box, item.score) == ((0.0, 0.0, 1.0, 1.0), 1.0)
