"""Train one cell of a tiny world in a process of its own: ``python tests/tiny_process.py FOLDER SYSTEM``.

With ``--die-after EPOCHS`` it kills itself the hard way, somewhere in the epoch after those.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).resolve().parents[1]))
from support import tiny


def die_after(epochs: int) -> Callable[[int], None]:
    """For a listener: SIGKILL a moment after that many epochs, at the latest when the next one ends."""

    def after_epoch(step: int) -> None:
        if step + 1 == epochs:
            threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGKILL)).start()
        elif step + 1 > epochs:
            time.sleep(60)

    return after_epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("system")
    parser.add_argument("--die-after", type=int)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    sys.path.append(str(arguments.folder / "packages"))
    listener = tiny.Listener(None if arguments.die_after is None else die_after(arguments.die_after))
    records = tiny.train(arguments.folder, arguments.system, listener, lambda line: print(line, flush=True))
    print(f"trained {len(records)}", flush=True)


if __name__ == "__main__":
    main()
