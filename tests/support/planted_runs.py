"""Runs of planted skill: counts of correct, predicted and gold entities by run and sentence."""

from __future__ import annotations

import numpy as np

SENTENCES = 400


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def runs(
    generator: np.random.Generator,
    skill: float,
    seeds: int,
    seed_deviation: float = 0.0,
    ease: np.ndarray | None = None,
    gold: np.ndarray | None = None,
) -> np.ndarray:
    """Planted truth: a run finds each entity with chance ``skill`` + its own luck + the sentence's ease."""
    gold = generator.integers(0, 4, SENTENCES) if gold is None else gold
    ease = np.zeros(len(gold)) if ease is None else ease
    chance = np.clip(skill + generator.normal(0, seed_deviation, (seeds, 1)) + ease, 0, 1)
    found = generator.binomial(np.broadcast_to(gold, chance.shape), chance)
    spurious = generator.poisson(0.3, chance.shape)
    return np.stack([found, found + spurious, np.broadcast_to(gold, chance.shape)], axis=2)
