"""The command line: every command is a file that says what it is, and our errors are one line, not a traceback."""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.messages import names
from support.profile_settings import write_profile

from mner.base.exits import READER_GONE
from mner.cli import main as cli
from mner.cli.argument_types import minutes, natural, positive
from mner.cli.verbs import GROUPS, all_commands

ROOT = Path(__file__).resolve().parents[2]


def test_every_command_is_documented_and_runnable():
    commands = all_commands()
    assert {"profile", "plan", "run", "score", "verify", "explain", "which", "parity", "card"} <= commands.keys()
    for name, module in commands.items():
        assert (module.__doc__ or "").strip(), f"{name} has no docstring, so no help text"
        assert list(inspect.signature(module.run).parameters) == ["options"], name
        assert module.GROUP in GROUPS, name
        assert module.EXAMPLE.startswith(f"mner {name}"), name


def test_every_example_is_one_that_the_parser_accepts():
    for module in all_commands().values():
        line = module.EXAMPLE.partition(" > ")[0]
        assert cli.parser().parse_args(shlex.split(line)[1:]).call is module.run


def test_help_lists_every_command_in_its_group_without_loading_torch(tmp_path):
    program = (
        "import sys; from mner.cli.main import parser; print(parser().format_help());"
        "sys.exit(bool({'torch', 'transformers', 'mlflow', 'numpy'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert all(f"{title}:" in ended.stdout for title in GROUPS.values())
    assert all(module.EXAMPLE in ended.stdout for module in all_commands().values())


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_knows_the_commands(shell, capsys):
    assert cli.main(["completion", shell]) == 0
    assert "mner" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith("mner ")


@pytest.mark.parametrize("name", sorted(all_commands()))
def test_help_of_every_command(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([name, "--help"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: mner {name}")


def test_our_errors_are_one_line(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["plan"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "params.yaml does not exist; run from the repository root" in captured.err


def test_other_errors_keep_their_traceback(monkeypatch):
    def fail(options):
        raise RuntimeError("a defect of ours must not hide")

    monkeypatch.setattr("mner.cli.verbs.plan.run", fail)
    with pytest.raises(RuntimeError, match="must not hide"):
        cli.main(["plan"])


def test_a_file_that_cannot_be_read_is_one_line(capsys, monkeypatch):
    def fail(options):
        Path("/nowhere/to/be/found").read_bytes()

    monkeypatch.setattr("mner.cli.verbs.plan.run", fail)
    assert cli.main(["plan"]) == 2
    assert capsys.readouterr().err == "mner plan: No such file or directory: /nowhere/to/be/found\n"


@pytest.mark.parametrize("module", ["mner.sweeping.run_plan", "baselines.vg", "stages.score"])
def test_errors_of_all_our_packages_are_ours(module, capsys, monkeypatch):
    ours = type("OurError", (Exception,), {"__module__": module})

    def fail(options):
        raise ours("what is wrong")

    monkeypatch.setattr("mner.cli.verbs.plan.run", fail)
    assert cli.main(["plan"]) == 2
    assert capsys.readouterr().err == "mner plan: what is wrong\n"


def test_an_error_of_the_system_that_names_no_file_is_a_defect(monkeypatch):
    def fail(options):
        raise OSError("out of something")

    monkeypatch.setattr("mner.cli.verbs.plan.run", fail)
    with pytest.raises(OSError, match="out of something"):
        cli.main(["plan"])


def test_an_absent_package_is_one_line_and_an_absent_module_of_ours_a_defect(capsys, monkeypatch):
    monkeypatch.setattr("mner.cli.verbs.plan.run", lambda options: importlib.import_module("no_such_package.part"))
    assert cli.main(["plan"]) == 2
    assert capsys.readouterr().err == (
        "mner plan: the Python package 'no_such_package' is not installed here; "
        "`make install` sets up all that commands need\n"
    )
    for ours in ("mner.no_such_module", "json.no_such_module"):
        monkeypatch.setattr("mner.cli.verbs.plan.run", lambda options, ours=ours: importlib.import_module(ours))
        with pytest.raises(ModuleNotFoundError):
            cli.main(["plan"])


def test_an_interrupt_is_one_line(capsys, monkeypatch):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("mner.cli.verbs.plan.run", interrupted)
    assert cli.main(["plan"]) == 130
    assert capsys.readouterr().err == "mner plan: interrupted; what is finished stays\n"


def test_a_reader_that_went_away_is_no_error(tmp_path):
    write_profile(tmp_path)
    program = "import sys; from mner.cli.main import main; sys.exit(main(['profile']))"
    shell = f'set -o pipefail; {sys.executable} -c "{program}" | true'
    ended = subprocess.run(["bash", "-c", shell], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode in (0, READER_GONE)  # 0: all was written before the reader left
    assert ended.stderr == ""


def test_output_nobody_reads_ends_quietly(monkeypatch):
    def gone(options):
        raise BrokenPipeError

    silenced = []
    monkeypatch.setattr("mner.cli.verbs.plan.run", gone)
    monkeypatch.setattr("os.dup2", lambda source, target: silenced.append(target))
    monkeypatch.setattr("sys.stdout", SimpleNamespace(fileno=lambda: 77))
    assert cli.main(["plan"]) == READER_GONE
    assert silenced == [77]


def test_what_is_still_to_be_written_when_the_reader_is_gone_ends_quietly_too(monkeypatch):
    def gone():
        raise BrokenPipeError

    silenced = []
    monkeypatch.setattr("mner.cli.verbs.plan.run", lambda options: None)
    monkeypatch.setattr("os.dup2", lambda source, target: silenced.append(target))
    monkeypatch.setattr("sys.stdout", SimpleNamespace(fileno=lambda: 77, flush=gone))
    assert cli.main(["plan"]) == READER_GONE
    assert silenced == [77]


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("graphs twiter2017", ("'twiter2017'", "'twitter2017'")),
        ("graphs twitter2017 --published", ("retrieval.json", "`dvc repro data@twitter2017`")),
        ("graphs twiter2017 --published", ("'twiter2017'", "'twitter2017'")),
        ("images nope --to somewhere --method github", ("'nope'", "twitter2015", "twitter2017")),
        ("bench --dataset nope", ("'nope'",)),
        ("bench --levers --json found.json", ("--profile", "--levers")),
        ("bench --profile umt --json found.json", ("--profile", "--levers")),
        ("bench --profile nope", ("'nope'", "bilstm-crf")),
        ("bench --only nope", ("nope", "umt", "rgcn", "rgcn-released", "bert-crf")),
        ("bench --device cuda:99", ("--device", "cuda:99", "cpu")),
        ("sweep --gpus 99", ("99", "--gpus")),
        ("reach twitter2017 object-agbn", ("'object-agbn'", "'object-agban'")),
        ("reach twitter2017 object-agban", ("object-agban", "`mner profile NAME`")),
        ("sweep --system nope", ("'nope'", "bilstm-crf")),
    ],
)
def test_names_this_place_does_not_have_are_refused_in_one_line(typed, named, capsys, monkeypatch, tmp_path):
    write_profile(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert cli.main(typed.split()) == 2
    error = capsys.readouterr().err
    assert re.search(names(*named), error)
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "typed",
    [
        "graphs twitter2017 --k 0",
        "bench --threads 0",
        "bench --seeds -1",
        "sweep --workers 0",
        "sweep --workers two",
        "sweep --gpus -1",
        "sweep --minutes nan",
        "sweep --minutes -1",
        "sheet twitter2017 --count 0",
    ],
)
def test_numbers_that_mean_nothing_are_refused_before_anything_is_loaded(typed, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(typed.split())
    assert stopped.value.code == 2
    assert typed.split()[-2] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [(positive, "1", 1), (natural, "0", 0), (natural, "12", 12), (minutes, "0", 0.0), (minutes, "0.5", 0.5)],
)
def test_the_least_number_that_means_something_is_taken(read, text, value):
    assert read(text) == value


@pytest.mark.parametrize("text", ["inf", "-0.1", "soon"])
def test_minutes_are_finite_and_not_negative(text):
    with pytest.raises(argparse.ArgumentTypeError, match=f"'{text}' is not a number of minutes, at least 0"):
        minutes(text)
