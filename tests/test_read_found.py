"""What extractors found reads as side data does: labels by score, writing in order, captions; or is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from mner.features.read_found import caption_texts, object_labels, object_scores, ocr_text, read_found
from mner.features.store import FeatureError
from mner.files import write_json_atomically


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

    def test_writing_comes_in_reading_order(self, write):
        lines = [
            {"text": t, "score": s, "box": [0, 0, 1, 1]} for t, s in (("NO", 0.4), ("way", 0.9), ("out", 0.8))
        ]
        assert ocr_text(write("ocr", {"a": {"lines": lines}}), score=0.5) == {"a": "way out"}

    def test_empty_captions_are_left_out(self, write):
        path = write("captions", {"a": {"caption": "a dog"}, "b": {"caption": " "}})
        assert caption_texts(path) == {"a": "a dog"}

    def test_files_that_hold_something_else_are_refused(self, write, tmp_path):
        with pytest.raises(FeatureError, match=r"missing; name its kind in features\.kinds"):
            read_found(tmp_path / "gone.json")
        (tmp_path / "torn.json").write_text("{")
        with pytest.raises(FeatureError, match="delete it and extract again"):
            read_found(tmp_path / "torn.json")
        with pytest.raises(FeatureError, match="picture a: not a caption"):
            read_found(write("captions", {"a": {"text": "a dog"}}))
