"""What DATASET_OR_FOLDER means in the commands that look at pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mner.config import Config, Places
from mner.features.pictures import Pictures, pictures_of_folder


@dataclass(frozen=True, slots=True)
class Named:
    """Pictures that were asked for by hand: of a data set, or all those of a folder that has this ``name``."""

    name: str
    is_dataset: bool
    pictures: Pictures


def pictures_named(what: str, config: Config, places: Places) -> Named:
    """The pictures of a data set below the current folder or, where there is none of that name, of a folder.

    Raises:
        ImageError: neither has pictures; the message says what would do.
    """
    from mner.features.feature_building import dataset_pictures

    if what in config.data.captions:
        return Named(what, True, dataset_pictures(config, what, Path(), places))
    return Named(Path(what).resolve().name, False, pictures_of_folder(Path(what)))
