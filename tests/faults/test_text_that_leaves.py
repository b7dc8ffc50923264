"""Text from outside can do nothing where it arrives: page, LaTeX, terminal, shell and spreadsheet."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.profile_settings import whole

from mner import config
from mner.base.escaping import csv, html, latex, latex_comment, shell, show, terminal
from mner.base.terminal import aligned
from mner.config.strict import ConfigError
from mner.reporting.cells import Cited, Words
from mner.reporting.site import environment
from mner.reporting.tables import Column, Row, Table, to_csv, to_latex

pytestmark = pytest.mark.fault("detected")

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = "GPU\n\\immediate\\write18{id}\x1b]0;owned\x07\x1b[2J\r\u2028\u202e<script>alert(1)</script>"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]")


@given(st.text(st.characters(), max_size=40))
def test_no_text_ends_a_line_or_moves_a_cursor(text: str) -> None:
    for way in (terminal, latex, latex_comment):
        shown = way(text)
        assert shown.splitlines() in ([], [shown])
        assert not RAW.search(shown)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20))
def test_plain_words_stay_as_they_are_and_html_has_no_tag_of_theirs(text: str) -> None:
    assert "<" not in html(text)
    assert '"' not in html(text)
    assert terminal("naïve 東京 👩‍💻 −0.5") == "naïve 東京 👩‍💻 −0.5"


def test_a_shell_sees_one_word() -> None:
    for text in ("a; touch owned", "$(id)", "`id`", "a b", "'"):
        told = subprocess.run(["/bin/sh", "-c", f"printf %s {shell(text)}"], capture_output=True, text=True)
        assert told.stdout == text


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-HYPERLINK(1)", "\t=1"])
def test_a_spreadsheet_runs_nothing(text: str) -> None:
    assert csv(text).startswith("'")


@pytest.mark.parametrize("text", ["-0.5", "+0.35 ± 0.2", "-", "twitter2017", "+0.5 (n=3)", "−0.5"])
def test_numbers_and_names_are_left_alone(text: str) -> None:
    assert csv(text) == text


def _table() -> Table:
    record = f"runs/{HOSTILE}/record.json"
    cells = (Words(HOSTILE), Cited(1.0, (record,), (1.0,)))
    columns = (Column("who", "who", "words"), Column("f1", "F1", "ours"))
    return Table("t", HOSTILE, "d", columns, (Row(HOSTILE, cells, HOSTILE),), frozenset({record}), (HOSTILE,))


def test_nothing_breaks_out_of_a_comment_or_a_cell_of_the_tables() -> None:
    text = to_latex(_table())
    assert not RAW.search(text)
    for line in text.splitlines():
        assert "\\immediate" not in line.partition("%")[0] or line.startswith("%")
    assert "\x1b" not in to_csv([_table()])


def test_a_terminal_gets_no_escape_sequence_from_any_row(capsys: pytest.CaptureFixture) -> None:
    show("\n".join(aligned([("sentence", "words"), ("1", HOSTILE)])))
    shown = capsys.readouterr().out
    assert not RAW.search(shown)
    assert len(shown.splitlines()) == 2


def test_a_terminal_without_the_characters_shows_their_codes() -> None:
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="")
    show("− 東", file=ascii_only)
    ascii_only.flush()
    assert ascii_only.buffer.getvalue() == b"\\u2212 \\u6771\n"


def test_templates_escape_and_pages_allow_no_script() -> None:
    page = (
        environment(ROOT / "reports" / "templates").from_string('<a title="{{ a }}">{{ a }}</a>').render(a=HOSTILE)
    )
    assert "<script" not in page
    assert not RAW.search(page)
    for name in ("index", "cards", "contact_sheet"):
        text = (ROOT / "reports" / "templates" / f"{name}.html.j2").read_text(encoding="utf-8")
        policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
        assert policy is not None
        assert "default-src 'none'" in policy[1]
        assert "script-src" not in policy[1]
        assert "<script" not in text


@pytest.mark.parametrize("name", ["a; touch owned", "$(id)", "../up", "-rf", "a b", "a\nb", "", "ä"])
@pytest.mark.parametrize("where", [("data", "captions"), ("systems",), ("active",)])
def test_names_that_a_shell_or_a_folder_would_take_otherwise_are_refused(
    tmp_path: Path, name: str, where: tuple[str, ...]
) -> None:
    raw = part = whole("quick")
    for key in where:
        part = part[key]
    if where == ("active",):
        part["name"] = name
    else:
        part[name] = next(iter(part.values()))
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    with pytest.raises(ConfigError):
        config.load(tmp_path / "params.yaml")
