"""The table of public files: what each is called, its role and licence by whose copy it is."""

from __future__ import annotations

from mner.config.schema import CANONICAL
from mner.data.corpus import SPLITS
from mner.data.side_data import WORDS
from mner.data.sources import ANNOTATIONS, COPIES, DATASETS, SOURCES, files_of, select


def test_every_copy_has_one_role_and_one_licence() -> None:
    found = {source.copy: (source.role, source.licence.split(";")[0]) for source in SOURCES}
    assert len({(source.copy, source.role, source.licence) for source in SOURCES}) == len(found)
    assert found == {
        **{"umt": ("sentences", "none stated"), "umgf": ("sentences", "none stated")},
        **{"agban": ("sentences", "none stated"), "rgcn": ("retrieval", "Apache-2.0")},
        **{"hvpnet": ("sentences", "none stated")},
        **{"catr": ("captions", "MIT"), "blip2": ("captions", "none stated")},
        **dict.fromkeys(("descriptions", "owl", "knowledge"), ("words", "none stated")),
        **{"faces": ("words", "MIT"), "strong": ("strength", "none stated"), "weak": ("strength", "none stated")},
        **{"umt-log": ("log", "none stated")},
        **{"ocsga": ("objects", "none stated"), "yolox": ("detector", "Apache-2.0")},
    }
    assert all("terms of Twitter" in source.licence for source in select(copy=CANONICAL))


def test_a_file_is_called_by_copy_data_set_and_split_as_far_as_it_has_them() -> None:
    names = {source.name for source in SOURCES}
    assert {"umt twitter2015 dev", "blip2 twitter2017", "yolox"} <= names
    assert not any("None" in name for name in names)


def test_corpora_have_every_split_once_and_stand_in_the_order_of_the_splits() -> None:
    for copy in COPIES:
        for dataset in DATASETS:
            files = select(copy=copy, dataset=dataset)
            assert [source.split for source in files] == list(SPLITS) * bool(files), (copy, dataset)
            for source in files:
                stem = source.path.rsplit("/", 1)[-1].removesuffix(".txt").removesuffix("_2")
                assert {"valid": "dev", "val": "dev"}.get(stem, stem) == source.split
                assert (dataset in source.path) == (copy != "agban")
    assert set(ANNOTATIONS) <= set(COPIES)
    assert {source.copy for source in files_of("twitter2017")} == {
        *("umt", "rgcn", "catr", "blip2", "strong", "weak"),
        *WORDS,
    }
