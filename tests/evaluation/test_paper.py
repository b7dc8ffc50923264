"""The printed numbers: complete, consistent with their own arithmetic, and read strictly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from support.messages import names

from mner.evaluation.paper import METRICS, PaperRow
from mner.evaluation.paper_reading import PaperError, load_paper

FILE = Path(__file__).resolve().parents[2] / "reports" / "paper.yaml"
PAPER = load_paper(FILE)
TABLES = {table.id: table for table in PAPER.tables}
ROUNDING = 0.01
"""P, R and F1 are printed to two decimals: F1 recomputed from P and R moves by 0.005, the printed one by 0.005."""


def _excess(row: PaperRow, dataset: str) -> float | None:
    """Printed F1 minus 2PR/(P+R), None where P or R is not printed."""
    values = [row.figure(dataset, metric) for metric in ("P", "R", "F1")]
    if any(value is None for value in values):
        return None
    precision, recall, f1 = (value.value for value in values if value)
    return f1 - 2 * precision * recall / (precision + recall)


def test_f1_is_the_harmonic_mean_except_in_every_row_of_r_gcn() -> None:
    broken = {
        (table.id, row.id, dataset)
        for table in PAPER.tables
        for row in table.rows
        for dataset in table.datasets
        if (excess := _excess(row, dataset)) is not None and abs(excess) > ROUNDING
    }
    rgcn = {
        (table, row, dataset)
        for table, rows in {
            "table1": ("rgcn", "rgcn-no-gate"),
            "table2": ("rgcn", "rgcn-no-inter", "rgcn-no-intra", "rgcn-no-both"),
        }.items()
        for row in rows
        for dataset in ("twitter2015", "twitter2017")
    }
    assert broken == rgcn


def test_r_gcn_rows_fall_short_never_exceed() -> None:
    rows = [row for name in ("table1", "table2") for row in TABLES[name].rows if row.system.startswith("rgcn")]
    by_dataset = {d: [round(_excess(row, d) or 0, 3) for row in rows] for d in ("twitter2015", "twitter2017")}
    assert by_dataset["twitter2015"] == [-0.048, -0.03, -0.048, -0.049, -0.041, -0.042]
    assert by_dataset["twitter2017"] == [-0.013, -0.027, -0.013, -0.026, -0.017, -0.022]


def test_tables_are_complete() -> None:
    table1, table2 = TABLES["table1"], TABLES["table2"]
    assert [len(table1.rows), len(table2.rows)] == [17, 4]
    for table in (table1, table2):
        for row in table.rows:
            for dataset in table.datasets:
                unprinted = dataset == "twitter2017" and row.id in ("ocsga", "object-agban", "iaik")
                assert set(row.printed.get(dataset, {})) == (set() if unprinted else set(METRICS)), (
                    row.id,
                    dataset,
                )
    assert {row.id for row in table1.rows if row.mark == "♣"} == {"rpbert-rerun", "umt-rerun", "umgf-rerun"}
    assert {row.id for row in table1.rows if any(f.spread for f in row.printed["twitter2015"].values())} == {
        "rgcn",
        "rgcn-no-gate",
    }
    rgcn = table1.rows[-2]
    figure = rgcn.figure("twitter2017", "F1")
    assert figure is not None
    assert (figure.value, figure.spread, figure.mark) == (87.11, 0.36, "†")


def test_r_gcn_reads_the_same_in_both_tables() -> None:
    first = next(row for row in TABLES["table1"].rows if row.id == "rgcn")
    second = next(row for row in TABLES["table2"].rows if row.id == "rgcn")
    for dataset in ("twitter2015", "twitter2017"):
        values = [{m: figure.value for m, figure in row.printed[dataset].items()} for row in (first, second)]
        assert values[0] == values[1]
        assert all(figure.spread is None for figure in second.printed[dataset].values())


def test_two_printed_rows_may_map_to_one_system() -> None:
    assert [row.id for _, row in PAPER.rows_for("twitter2015", "umt")] == ["umt", "umt-rerun"]
    assert [row.id for _, row in PAPER.rows_for("twitter2017", "rgcn")] == ["rgcn"]
    assert PAPER.rows_for("twitter2017", "ocsga") == ()
    assert [table.id for table, _ in PAPER.rows_for("twitter2017", "rgcn")] == ["table1"], (
        "not table2, which repeats it"
    )


def test_what_follows_from_other_facts_only_is_told_as_inferred() -> None:
    first = TABLES["table1"].rows[0]
    assert [first.used[dataset].inferred for dataset in ("twitter2015", "twitter2017")] == [("encoder",)] * 2


def test_ita_numbers_state_how_they_reached_us() -> None:
    rows = {row.id: row for row in TABLES["ita"].rows}
    assert rows["ita-all-cva-xlmr"].figure("twitter2015", "F1").value == 78.03  # type: ignore[union-attr]
    assert rows["ita-all-cva-xlmr"].status == "quoted"
    assert rows["ita-all-cva-bert"].status == "second-hand"
    unread = [row for row in rows.values() if row.status in ("not-read", "not-in-paper")]
    assert {row.system for row in unread} == {"ita-captions", "ita-objects", "ita-all", "ita-all-joint"}
    assert all(not row.printed for row in unread)


def test_a_list_of_scorers_is_no_mapping(tmp_path: Path) -> None:
    broken = tmp_path / "paper.yaml"
    broken.write_text("format: 1\nscorers: [conlleval]\ntables: []\n", encoding="utf-8")
    with pytest.raises(PaperError, match=names("paper.yaml", "scorers")):
        load_paper(broken)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("        label: ", "        lable: ", names("'lable'", "'label'")),
        ("P: 68.14,", "Q: 68.14,", names("printed.twitter2015", "'Q'")),
        ("P: 68.14,", "P: 681.4,", r"bilstm-crf\.printed\.twitter2015\.P: 681\.4 is not a percentage"),
        ("scorer: umgf", "scorer: umfg", "did you mean 'umgf'"),
        ('mark: "♣"', 'mark: "♠"', "mark '♠' is not explained"),
        ("format: 1", "format: 9", "reads format 1"),
        ("      - id: cnn-bilstm-crf", "      - id: bilstm-crf", "row id 'bilstm-crf' is given twice"),
        (
            "        modality: text\n",
            "        modality: text\n        modality: text\n",
            r"line \d+: 'modality' is said before, in line \d+",
        ),
        ("          copy: unknown\n", "", "lacks copy"),
        ("- id: bilstm-crf", "- id: bilstm crf", "row id must be lower-case letters, digits and hyphens"),
        ("- id: bilstm-crf", "- id: BiLSTM CRF", "row id must be lower-case letters, digits and hyphens"),
        ("modality: text\n", "modality: texts\n", names("bilstm-crf.modality", "'texts'", "'text'")),
        ("status: printed", "status: print", names("bilstm-crf.status", "'print'")),
        ("scorer: unknown", 'scorer: ""', names("bilstm-crf.used.scorer", "'unknown'")),
        ("scorer: unknown", "scorer: 1", r"bilstm-crf\.used\.scorer: 1 is no name"),
        ("inferred: [encoder]", "inferred: [encodr]", names("used.inferred", "'encodr'")),
        ("P: 68.14,", "P: 100.5,", r"P: 100\.5 is not a percentage"),
        ("P: 68.14,", "P: -0.5,", r"P: -0\.5 is not a percentage"),
        ("P: 68.14,", "P: true,", r"P: True is not a percentage"),
        ("sha256: 1d8b", "sha256: xd8b", r"encoders\.bert-base-cased\.sha256: 'xd8b"),
        ("also: [rgcn-released]", "also: rgcn-released", names("rgcn.also")),
        ("also: [rgcn-released]", "runs: 0", r"rgcn\.runs: 0 is no number of runs"),
        ("scorer: {twitter2015: acoa, ", "scorer: {", r"acoa\.used\.scorer: lacks twitter2015"),
        ("{twitter2015: acoa,", "{twitter2014: umt, twitter2015: acoa,", names("'twitter2014'")),
    ],
)
def test_errors_name_the_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    broken = tmp_path / "paper.yaml"
    broken.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PaperError, match=message) as caught:
        load_paper(broken)
    assert str(broken) in str(caught.value)


@pytest.mark.parametrize("content", [b"tables: [", "label: für".encode("latin-1")])
def test_a_file_that_is_no_yaml_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "paper.yaml").write_bytes(content)
    with pytest.raises(PaperError, match=r"paper\.yaml: "):
        load_paper(tmp_path / "paper.yaml")


def rgcn(change: Callable[[dict], object]) -> Callable[[dict], object]:
    """A change of the first row that has numbers with a ± and with marks."""
    return lambda raw: change(next(row for row in raw["tables"][0]["rows"] if row["id"] == "rgcn"))


def _refused(tmp_path: Path, change: Callable[[dict], object], message: str) -> None:
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    change(raw)
    (tmp_path / "paper.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True), encoding="utf-8")
    with pytest.raises(PaperError, match=message):
        load_paper(tmp_path / "paper.yaml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rgcn(lambda row: row["spread"].update(twitter2071={"F1": 0.3})), names("rgcn.spread", "'twitter2071'")),
        (rgcn(lambda row: row["spread"]["twitter2017"].update(F2=0.3)), names("spread.twitter2017", "'F2'")),
        (
            rgcn(lambda row: row["spread"]["twitter2017"].update(F1="0.3")),
            r"twitter2017\.F1: '0\.3' is not a",
        ),
        (
            rgcn(lambda row: row["marks"]["twitter2017"].update(F1="♠")),
            "table1.rgcn: mark '♠' is not explained in",
        ),
        (rgcn(lambda row: row["marks"].update(twitter2071={"F1": "†"})), names("rgcn.marks", "'twitter2071'")),
        (rgcn(lambda row: row["printed"]["twitter2017"].pop("F1")), names("twitter2017", "'F1'")),
        (rgcn(lambda row: row["printed"].update(twitter2017=None)), names("'twitter2017'")),
        (rgcn(lambda row: row["printed"].update(twitter2017=87.11)), names("printed.twitter2017")),
    ],
)
def test_what_stands_beside_a_number_is_never_dropped(
    tmp_path: Path, change: Callable[[dict], object], message: str
) -> None:
    _refused(tmp_path, change, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda raw: raw["scorers"]["ncrfpp"].update(same_as_ours="twitter2017"),
            names("'twitter2"),
        ),
        (
            lambda raw: raw["scorers"]["ncrfpp"].update(same_as_ours=["twitter2071"]),
            names("scorers.ncrfpp.same_as_ours", "'twitter2071'", "'twitter2017'"),
        ),
        (rgcn(lambda row: row.update(notes="one note")), names("rgcn.notes", "'one note'")),
        (rgcn(lambda row: row["used"].update(inferred="encoder")), names("used.inferred", "'enc")),
        (lambda raw: raw["tables"][0].update(datasets="twitter2015"), names("datasets")),
        (lambda raw: raw["tables"][0].update(rows=None), names("rows")),
        (lambda raw: raw.update(tables=None), names("tables")),
    ],
)
def test_what_should_be_a_list_does_not_fall_into_letters(
    tmp_path: Path, change: Callable[[dict], object], message: str
) -> None:
    _refused(tmp_path, change, message)


def test_a_scorer_says_where_it_agrees_with_ours() -> None:
    assert PAPER.scorers["ncrfpp"].same_as_ours == ("twitter2017",)
    assert PAPER.scorers["conlleval"].same_as_ours == ("twitter2015", "twitter2017")
    assert all(name == scorer.name and scorer.note for name, scorer in PAPER.scorers.items())
