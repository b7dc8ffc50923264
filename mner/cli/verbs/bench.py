"""Measure how fast training and inference are on this machine, each number beside its anchor."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from mner.base.escaping import show
from mner.cli import settings
from mner.cli.argument_types import positive
from mner.config.names import require_dataset
from mner.config.strict import ConfigError

GROUP, EXAMPLE = "check", "mner bench --quick --threads 2"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="one round of few batches: a first look")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round, too")
    parser.add_argument("--dataset", default="twitter2017", help="whose sentences (default: twitter2017)")
    parser.add_argument("--device", default=None, help="cpu or cuda (default: cuda where there is one)")
    parser.add_argument("--threads", type=positive, default=None, help="CPU threads (default: torch's own choice)")
    parser.add_argument("--cpu-time", action="store_true", help="count CPU time, for ratios on a busy machine")
    parser.add_argument("--only", action="append", metavar="SYSTEM", help="umt, rgcn, rgcn-released or bert-crf")
    parser.add_argument("--size", choices=("tiny", "minilm", "bert-base"), default=None, help="encoder's size")
    parser.add_argument("--profile", metavar="SYSTEM", help="instead: where the time of a training step goes")
    parser.add_argument("--levers", action="store_true", help="instead: what each lever of the step is worth")
    parser.add_argument("--packing", action="store_true", help="instead: several seeds at once against one")
    parser.add_argument("--seeds", type=positive, default=5, help="with --packing: how many at once (default: 5)")


def run(options: argparse.Namespace) -> None:
    import torch

    from mner.base.hardware import device_of
    from mner.benchmarking import bench_report as report
    from mner.training.determinism import keep_freed_memory, make_deterministic

    if options.json is not None and (options.profile or options.levers):
        raise ConfigError("--json is for the table and for --packing: --profile and --levers write no file")
    config = settings()
    require_dataset(options.dataset, config)
    make_deterministic()
    device = device_of(options.device)
    keep_freed_memory()
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    if options.profile:
        show(report.profile_report(config, options, Path(), device))
    elif options.levers:
        show(report.levers_report(config, options, Path(), device))
    elif options.packing:
        show(report.packing_report(config, options, device))
    else:
        command = shlex.join(["mner", *sys.argv[1:]])
        show(report.speed_report(config, options, Path(), device, command), end="")
