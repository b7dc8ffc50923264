"""What is asked for by name: of the active profile, of another one, of none, or misspelt."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.messages import names
from support.profile_settings import settings

from mner.config.names import require
from mner.config.strict import ConfigError

PARAMS = settings()
SMALL = replace(PARAMS.active, name="small", datasets=("twitter2017",), systems=("rgcn", "umt"), seeds=(1, 3))
WIDE = replace(SMALL, name="wide", datasets=("twitter2017", "twitter2015"), systems=("rgcn", "vg"))
SETTINGS = replace(PARAMS, profiles={"small": SMALL, "wide": WIDE}, active=SMALL)


def test_what_the_active_profile_has_may_be_asked_for() -> None:
    require(SETTINGS, ["twitter2017"], ["umt", "rgcn"], [3, 1])
    require(SETTINGS)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"datasets": ["twitter2015"]}, names("twitter2015", "`mner profile NAME`", "wide")),
        ({"systems": ["umt", "vg"]}, names("vg", "`mner profile NAME`", "wide")),
        ({"systems": ["ocsga"]}, names("small", "ocsga", "rgcn, umt")),
        ({"seeds": [1, 2]}, names("small", 2, "1, 3")),
        ({"datasets": ["twiter2017"]}, names("'twiter2017'", "'twitter2017'")),
        ({"systems": ["rgnc"]}, names("'rgnc'", "'rgcn'")),
    ],
)
def test_what_it_does_not_have_is_refused_with_where_it_is(asked, named) -> None:
    with pytest.raises(ConfigError, match=named):
        require(SETTINGS, **asked)
