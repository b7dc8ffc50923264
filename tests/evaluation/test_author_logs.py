"""Authors' logs: F1 by epoch in the forms programs write it, and what they say of a printed number."""

from __future__ import annotations

from pathlib import Path

import pytest

from mner.data.sources import select
from mner.evaluation.author_logs import EpochScores, LogError, LogVerdict, parse_log, read_log, verdict_of
from mner.evaluation.paper_reading import load_paper
from mner.reporting.log_tables import log_tables, said_of
from mner.reporting.tables import to_markdown

ROOT = Path(__file__).resolve().parents[2]

HEADING = """
********** Epoch: {0} **********
***** Dev Eval results *****
      PER     0.9126    0.9082    0.9104       621
micro avg     0.8410    0.8227    {1}      1324
macro avg     0.8545    0.8527    0.1111      1351
F-score:  {1}
***** Running Test evaluation *****
micro avg     0.8210    0.8227    {2}      1351
Epoch:  95%|####|  1/22 [01:36<33:46, 96.49s/it]"""
IN_LINE = """
***** Dev Eval results *****
micro avg     0.8410    0.8227    {1}      1324
Epoch {0}/15, best dev f1: 0.99, best epoch: 7, current dev f1 score: {1}.
***** Test Eval results *****
micro avg     0.8210    0.8227    {2}      1324
Epoch {0}/15, best test f1: 0.99, best epoch: 7, current test f1 score: {2}."""
DASHES = """
EPOCH {0} done: loss 3.2 - lr 0.00005
DEV : loss 1.2 - f1-score (micro avg)  {1}
TEST : loss 1.2 - f1-score (micro avg)  {2}"""
NO_EPOCH = """
dev: p 0.81 r 0.80 f1 {1}
test: p 0.81 r 0.80 f1 {2}"""
SCORES = [(1, 0.81, 0.84), (2, 0.83, 0.82), (3, 0.83, 0.85)]


@pytest.mark.parametrize("form", [HEADING, IN_LINE, DASHES, NO_EPOCH])
@pytest.mark.parametrize("times", [1, 100])
def test_f1_is_read_by_epoch_in_percent_or_as_a_fraction(form: str, times: int) -> None:
    if times == 100 and form in (HEADING, IN_LINE):
        pytest.skip("reports are written as fractions")
    text = "".join(form.format(epoch, dev * times, test * times) for epoch, dev, test in SCORES)
    expected = tuple(EpochScores(epoch, 100 * dev, 100 * test) for epoch, dev, test in SCORES)
    assert parse_log(text.splitlines()).epochs == expected


def test_the_first_of_the_highest_dev_epochs_is_chosen_and_the_best_test_epoch_is_another() -> None:
    text = "".join(HEADING.format(*one) for one in SCORES)
    text += "\nRunning Test Evaluation with the Best Model on the Dev Set\nmicro avg  0.8  0.8  0.8211  1351\n"
    verdict = verdict_of(parse_log(text.splitlines()), 85.5)
    assert verdict == LogVerdict(85.5, 2, 82.0, 82.11, 3, 85.0, 3)
    assert verdict.difference == pytest.approx(3.5)


def test_a_file_without_both_splits_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("Epoch 1\ndev f1: 0.8\n", encoding="utf-8")
    with pytest.raises(LogError):
        read_log(path)


def test_umts_logs_say_what_paper_yaml_says_of_them(mirror: Path) -> None:
    paper = load_paper(ROOT / "reports" / "paper.yaml")
    assert {log.source for log in paper.logs} == {source.path for source in select(role="log")}
    for log in paper.logs:
        assert verdict_of(read_log(mirror / log.source), log.verdict.printed) == log.verdict


def test_the_page_and_explain_show_printed_and_logged_f1() -> None:
    paper = load_paper(ROOT / "reports" / "paper.yaml")
    (table,) = log_tables(paper, "twitter2017")
    text = to_markdown(table)
    assert all(number in text for number in ("85.31", "85.05", "85.09", "85.33", "+0.26"))
    (sentence,) = said_of("85.31", "twitter2017", "umt", paper)
    assert "0.26 above" in sentence
    assert "0.02 below" in sentence
    assert said_of("85.31", "twitter2015", "umt", paper) == []
    assert log_tables(paper, "controls-positive") == []
