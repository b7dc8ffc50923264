"""How a program of ours ends: errors of ours, of files and absent packages in one line, others as tracebacks."""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import NoReturn

from mner.base.escaping import show
from mner.base.exhaustion import no_room

OURS = ("mner.", "baselines.", "stages.")
FAULT, INTERRUPTED, READER_GONE = 2, 130, 141


def exit_code_of(program: str, run: Callable[[], int | None]) -> int:
    """The exit code of ``run`` (None is 0), or that of the error it ended in, told on stderr after ``program``.

    Raises:
        Exception: one that is neither ours nor names a file or an absent package is a defect, and keeps its
            traceback.
    """
    for stream in (sys.stdout, sys.stderr):  # a locale without a character shows its code, and no traceback
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = run() or 0
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Whoever read our output (head, less) has seen enough. Python would complain again when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    except KeyboardInterrupt:
        print(f"{program}: interrupted; what is finished stays", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        told = str(error) if type(error).__module__.startswith(OURS) else _of_a_file(error) or _of_a_package(error)
        if told is None:
            raise
        show(f"{program}: {told}", file=sys.stderr)
        return FAULT


def end_with(stage: str, run: Callable[[], int | None]) -> NoReturn:
    """End this process with the exit code of a stage, which is told by its name and the arguments it was given."""
    sys.exit(exit_code_of(shlex.join([stage, *sys.argv[1:]]), run))


def _of_a_file(error: Exception) -> str | None:
    """What the system says of a file that cannot be used, with its name; None for any other error."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.strerror}: {error.filename}"
    if (number := no_room(error)) is not None:
        return f"{os.strerror(number)}; what is finished stays: free some room, then give the same command"
    return None


def _of_a_package(error: Exception) -> str | None:
    """That a Python package is not installed: a machine that only trains has few; None for any other error."""
    package = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if not package or f"{package}." in OURS or find_spec(package) is not None:
        return None
    return f"the Python package {package!r} is not installed here; `make install` sets up all that commands need"
