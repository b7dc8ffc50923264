"""What is asked for by name: of the active profile, of another one, of none, or misspelt."""

from __future__ import annotations

from dataclasses import replace

import pytest
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
    ("asked", "told"),
    [
        (
            {"datasets": ["twitter2015"]},
            "no data set twitter2015; `mner profile NAME` with one of wide, or ",
        ),
        (
            {"systems": ["umt", "vg"]},
            "no system vg; `mner profile NAME` with one of wide, or choose one of ",
        ),
        ({"systems": ["ocsga"]}, "profile small has no system ocsga; choose one of rgcn, umt"),
        ({"seeds": [1, 2]}, "profile small has no seed 2; choose one of 1, 3"),
        ({"datasets": ["twiter2017"]}, "unknown 'twiter2017'; did you mean 'twitter2017'?"),
        ({"systems": ["rgnc"]}, "unknown 'rgnc'; did you mean 'rgcn'?"),
    ],
)
def test_what_it_does_not_have_is_refused_with_where_it_is(asked, told) -> None:
    with pytest.raises(ConfigError) as caught:
        require(SETTINGS, **asked)
    assert told in str(caught.value)
