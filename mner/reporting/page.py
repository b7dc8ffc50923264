"""What a section of the report is made of: parts by data set, each with figures and tables."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from mner.reporting.run_facts import dataset_title
from mner.reporting.tables import Table

MOST_FIGURES = 8


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with what stands above it."""

    title: str
    note: str
    drawing: Markup


@dataclass(frozen=True, slots=True)
class Part:
    """What a page says of one data set."""

    dataset: str
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]

    @property
    def title(self) -> str:
        return dataset_title(self.dataset)

    @property
    def folded(self) -> str:
        """What to unfold for figures that are too many to be met unasked, else empty.

        The first table then stands open in their place.
        """
        if len(self.figures) <= MOST_FIGURES:
            return ""
        return f"{self.title}: {len(self.figures)} figures, one a printed row"


@dataclass(frozen=True, slots=True)
class Page:
    """A section of the report; ``empty`` is what to say where no part has anything.

    ``side_by_side`` sets the figures of all parts next to one another, above all tables.
    """

    id: str
    name: str
    title: str
    lead: str
    empty: str
    parts: tuple[Part, ...]
    side_by_side: bool = False

    @property
    def tables(self) -> tuple[Table, ...]:
        """All tables of the page."""
        return tuple(table for part in self.parts for table in part.tables)
