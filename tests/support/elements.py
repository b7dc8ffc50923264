"""A page of HTML read back: its tags with their attributes, and its words."""

from __future__ import annotations

import re
from html.parser import HTMLParser


class Elements(HTMLParser):
    """Tags with attributes, and all text outside of style and title."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        self._open.append(tag)

    def handle_endtag(self, tag):
        self._open.pop()

    def handle_data(self, data):
        if "style" not in self._open:
            self.text.append(data)

    def all(self, tag: str, style: str | None = None) -> list[dict[str, str | None]]:
        return [a for name, a in self.found if name == tag and (style is None or style in (a.get("class") or ""))]

    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.text))
