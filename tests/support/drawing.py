"""A drawing of the report, read back: its shapes by class, its words and where they stand."""

from __future__ import annotations

from xml.etree import ElementTree


class Drawing:
    """The shapes of a drawing with their attributes, and the words in and over them."""

    def __init__(self, drawing: str) -> None:
        self.root = ElementTree.fromstring(drawing)

    def shapes(self, tag: str, style: str) -> list[dict[str, str]]:
        """Attributes of all shapes of a class, with the words pointing at one gives under ``title``."""
        return [
            {**one.attrib, "title": one.findtext("title") or ""}
            for one in self.root.iter(tag)
            if style in one.get("class", "").split()
        ]

    def texts(self, style: str) -> list[tuple[str, float, float]]:
        """Words, and where they stand."""
        found = [one for one in self.root.iter("text") if style in one.get("class", "").split()]
        return [(one.text or "", float(one.attrib["x"]), float(one.attrib["y"])) for one in found]

    def size(self) -> tuple[float, float]:
        _, _, width, height = map(float, self.root.attrib["viewBox"].split())
        return width, height
