"""What ``--json FILE`` means: the command's answer as JSON, in a file or on standard output."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from mner.base.files import json_bytes, write_json_atomically

STANDARD_OUTPUT = Path("-")


def json_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--json FILE``."""
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the answer as JSON, too; - prints nothing but JSON"
    )


def prints_only_json(options: argparse.Namespace) -> bool:
    """Say whether standard output is for JSON alone."""
    return options.json == STANDARD_OUTPUT


def write_answer(options: argparse.Namespace, answer: Any) -> None:
    """Write what ``--json`` asks for; nothing where it was not given."""
    if prints_only_json(options):
        print(json.dumps(json.loads(json_bytes(answer)), indent=1, ensure_ascii=True))
    elif options.json is not None:
        write_json_atomically(options.json, answer)
