"""Import MLflow without its chatter, and check the SQLite file of a local store."""

from __future__ import annotations

import importlib
import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from types import ModuleType

_SQLITE = "sqlite:///"
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",  # a benchmark reports to nobody
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # the defaults hold up training for minutes per call
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
}
_QUIET = {"mlflow": logging.WARNING, "alembic": logging.WARNING, "mlflow.system_metrics": logging.CRITICAL}


class TrackingError(RuntimeError):
    """Files and store do not fit together; the message says which file and what to do."""


def refuse_broken(database: Path | None) -> None:
    """Say in one line what SQLAlchemy would in a traceback of a hundred.

    Raises:
        TrackingError: the file is there and is no whole SQLite database.
    """
    if database is None or not database.is_file():
        return
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as opened:
            found = opened.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise TrackingError(
            f"{database} is damaged ({found.splitlines()[0]}); move it away: a new one is made, and `mner track` "
            "fills it from the records"
        )


def database_file(uri: str) -> Path | None:
    return Path(uri.removeprefix(_SQLITE).partition("?")[0]).resolve() if uri.startswith(_SQLITE) else None


def import_mlflow() -> ModuleType:
    """MLflow without its chatter; imported only here, as that costs seconds."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)  # it takes settings of this kind from nowhere else
    module = importlib.import_module("mlflow")
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(level)
    return module
