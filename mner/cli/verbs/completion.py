"""Print a script that completes commands and arguments in your shell."""

from __future__ import annotations

import argparse

GROUP, EXAMPLE = "start", "mner completion bash > ~/.local/share/bash-completion/completions/mner"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"))


def run(options: argparse.Namespace) -> None:
    import shtab

    from mner.cli.main import parser

    print(shtab.complete(parser(), options.shell))
