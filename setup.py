"""Build the wheel: only ``mner`` is a package of its user; all else that a pipeline starts from lies inside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
CARRIED = ("baselines", "stages", "reports", "dvc.yaml", ".dvcignore")


class BuildWithPipeline(build_py):
    """Copy what ``mner init`` lays out, printed numbers and kept results into the built package."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for name in CARRIED:
            source, target = ROOT / name, Path(self.build_lib) / "mner" / name
            if source.is_dir():
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "rendered", ".*"))
            else:
                shutil.copyfile(source, target)


setup(cmdclass={"build_py": BuildWithPipeline})
