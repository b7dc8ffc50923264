"""The command line: every command is a file that says what it is, and our errors are one line, not a traceback."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from mner import cli
from mner.commands import all_commands


def test_every_command_is_documented_and_runnable():
    commands = all_commands()
    assert {"profile", "plan", "run", "score", "verify", "explain", "which", "parity", "card"} <= commands.keys()
    for name, module in commands.items():
        assert (module.__doc__ or "").strip(), f"{name} has no docstring, so no help text"
        assert list(inspect.signature(module.run).parameters) == ["options"], name


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

    monkeypatch.setattr("mner.commands.plan.run", fail)
    with pytest.raises(RuntimeError, match="must not hide"):
        cli.main(["plan"])


def test_a_file_that_cannot_be_read_is_one_line(capsys, monkeypatch):
    def fail(options):
        Path("/nowhere/to/be/found").read_bytes()

    monkeypatch.setattr("mner.commands.plan.run", fail)
    assert cli.main(["plan"]) == 2
    assert capsys.readouterr().err == "mner plan: No such file or directory: /nowhere/to/be/found\n"


def test_an_interrupt_is_one_line(capsys, monkeypatch):
    def interrupted(options):
        raise KeyboardInterrupt

    monkeypatch.setattr("mner.commands.plan.run", interrupted)
    assert cli.main(["plan"]) == 130
    assert capsys.readouterr().err == "mner plan: interrupted; what is finished stays\n"
