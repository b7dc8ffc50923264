"""Find the published numbers and kept results from any folder."""

from __future__ import annotations

from pathlib import Path

import mner

_PACKAGE = Path(next(iter(mner.__path__))).resolve()


class MissingReportsError(ValueError):
    """A file that comes with the program is not there."""


def shipped(name: str) -> Path:
    """The file or folder ``reports/<name>``.

    Looked for in the current folder, beside the package (a checkout), and inside the package (a wheel).

    Raises:
        MissingReportsError: it is in none of them.
    """
    places = [root / "reports" / name for root in (Path(), _PACKAGE.parent, _PACKAGE)]
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise MissingReportsError(
            f"reports/{name} is neither here nor beside {_PACKAGE}; run this command in a checkout of the project"
        )
    return found
