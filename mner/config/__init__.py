"""Settings: what the package declares, params.yaml over it, and the places of this machine.

Nothing here imports torch, numpy or another package of ours, so that every other package may import it.
"""

from __future__ import annotations

from mner.config.controls_settings import ControlsSettings
from mner.config.graph_recipe import GraphRecipe, RelationSettings
from mner.config.loading import load, settings_of
from mner.config.own_dataset import OwnDataset
from mner.config.places import Places
from mner.config.profiles import composed
from mner.config.schema import (
    CANONICAL,
    CAPTION_TOKENS,
    ENCODER,
    PICTURE_KINDS,
    Config,
    DataSettings,
    EncoderSource,
    ExtractorSettings,
    FeatureSettings,
    Profile,
    SystemSettings,
    VerifySettings,
)
from mner.config.strict import ConfigError
from mner.config.training_recipe import Recipe

__all__ = [
    "CANONICAL",
    "CAPTION_TOKENS",
    "ENCODER",
    "PICTURE_KINDS",
    "Config",
    "ConfigError",
    "ControlsSettings",
    "DataSettings",
    "EncoderSource",
    "ExtractorSettings",
    "FeatureSettings",
    "GraphRecipe",
    "OwnDataset",
    "Places",
    "Profile",
    "Recipe",
    "RelationSettings",
    "SystemSettings",
    "VerifySettings",
    "composed",
    "load",
    "settings_of",
]
