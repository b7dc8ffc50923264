"""The training core runs on machines that only train: no MLflow, no DVC, nothing that reports."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from modulefinder import ModuleFinder
from pathlib import Path

from support import tiny

STARTS = (
    "mner/sweeping/sweep_session.py",
    "mner/sweeping/workers/worker.py",
    "mner/tracking/run_archive.py",
    "mner/training/arrival.py",
    *(f"mner/cli/verbs/{name}.py" for name in ("plan", "sweep", "pack", "unpack")),
    *(f"stages/{name}.py" for name in ("features", "graphs", "train")),
)
NEEDED = {"torch", "transformers", "torch_geometric", "torchcrf"}
NEEDED |= {"numpy", "yaml", "safetensors", "tqdm", "jaxtyping", "seqeval", "filelock", "PIL"}
# Asked for by what is on: word vectors, meters of a GPU, a cluster, an index, the stages that open pictures.
ON_DEMAND = {"pyarrow", "PIL", "pynvml", "ray", "faiss"}
THEIR_OWN = {"jinja2", "markupsafe", "psutil", "scipy", "huggingface_hub", "tokenizers"}
"""What the needed packages bring with them."""
IMPORTED_AS = {"pillow": "PIL", "nvidia-ml-py": "pynvml", "pytorch-crf": "torchcrf", "pyyaml": "yaml"}


def test_what_trains_imports_few_packages():
    rows = [path.relative_to(tiny.ROOT) for folder in ("baselines", "mner/systems") for path in rows_of(folder)]
    finder = ModuleFinder(path=[str(tiny.ROOT)])
    for file in (*map(Path, STARTS), *rows):
        finder.run_script(str(tiny.ROOT / file))
    outside = {name.partition(".")[0] for name in finder.badmodules}
    outside -= {"mner", "baselines", "stages", *sys.stdlib_module_names}
    assert outside - ON_DEMAND <= NEEDED | THEIR_OWN
    assert not any(name.startswith("mner.reporting") for name in finder.modules)


def rows_of(folder: str) -> list[Path]:
    return sorted((tiny.ROOT / folder).glob("*.py"))


def not_needed() -> list[str]:
    """Every dependency of ours that a machine which only trains may lack, as it is imported."""
    with (tiny.ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    stated = [*project["dependencies"], *project["optional-dependencies"]["track"]]
    packages = [re.match(r"[\w.-]+", line)[0].rstrip(".") for line in stated]
    return [
        name
        for name in (IMPORTED_AS.get(package, package.replace("-", "_")) for package in packages)
        if name not in NEEDED | THEIR_OWN
    ]


def test_a_machine_with_few_packages_trains_packs_and_says_what_it_lacks(tmp_path):
    root = tmp_path / "world"
    tiny.make_world(root, epochs=1)
    tiny.change_parameters(root, lambda raw: raw["active"].update(systems=["bert-crf", "rgcn"]))
    absent = tmp_path / "absent"
    absent.mkdir()
    # Read by every process that starts, workers too: what is None in sys.modules cannot be imported.
    blocked = not_needed()
    assert {"mlflow", "dvc", "pyarrow", "pynvml"} <= set(blocked)
    block = f"import sys\nsys.modules.update(dict.fromkeys({blocked!r}))\n"
    (absent / "sitecustomize.py").write_text(block)
    paths = os.pathsep.join(map(str, (absent, tiny.ROOT, root / "packages")))
    named = "MLflow is not installed: nothing is tracked live"
    told = mner(root, paths, "run", tiny.DATASET, "rgcn", "--seed", "1")
    assert told.count(named) == 1
    told = mner(root, paths, "sweep", "--workers", "1")
    assert named in told
    assert "1 trained" in told
    assert not list(root.glob("mlflow*"))
    assert re.search(r"\b2\b", mner(root, paths, "pack", "runs.tar.gz"))
    assert "nothing to train" in mner(root, paths, "plan")
    lacking = mner(root, paths, "track", "--rebuild", code=2)
    assert lacking.startswith("mner track: the Python package 'mlflow' is not installed here; `make install`")
    assert lacking.count("\n") == 1


def mner(root: Path, paths: str, *arguments: str, code: int = 0) -> str:
    """What a command prints in a world, with these folders before all installed packages."""
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "mner.cli", *arguments]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout
