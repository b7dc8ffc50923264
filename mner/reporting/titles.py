"""What reports call a data set."""

from __future__ import annotations

_TITLES = {
    "twitter2015": "Twitter-2015",
    "twitter2017": "Twitter-2017",
    "controls-positive": "Positive control",
    "controls-negative": "Negative control",
    "controls-neighbours": "Neighbour control",
}


def dataset_title(dataset: str) -> str:
    """The data set's name for readers; its own where nothing else is agreed on."""
    return _TITLES.get(dataset, dataset)
