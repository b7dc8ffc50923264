"""Distribution functions, taken from ``scipy.special``.

``scipy.stats`` gives the same digits and takes a second longer to import.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

Numbers = Any
"""A number or an array of numbers; the functions broadcast as NumPy does."""


def t_sf(value: Numbers, freedom: Numbers) -> Numbers:
    """Compute Student's upper tail probability of ``value``; ``freedom`` may be infinite."""
    return special.stdtr(freedom, -np.asarray(value))


def t_isf(tail: Numbers, freedom: Numbers) -> Numbers:
    """Compute the value with Student's upper ``tail`` probability."""
    return -special.stdtrit(freedom, tail)


def t_ppf(share: Numbers, freedom: Numbers) -> Numbers:
    """Compute Student's quantile at ``share``."""
    return special.stdtrit(freedom, share)


def normal_cdf(value: Numbers) -> Numbers:
    """Compute the standard normal distribution function."""
    return special.ndtr(value)


def sign_test(negative: int, positive: int) -> float:
    """Compute the two-sided p-value that signs fall so unevenly where either is as likely; 1 without any."""
    signs = negative + positive
    return min(1.0, 2 * float(special.bdtr(min(negative, positive), signs, 0.5))) if signs else 1.0


def chi_pdf(value: Numbers, freedom: int) -> Numbers:
    """Compute the density of the chi distribution at positive values."""
    constant = math.log(2) - 0.5 * math.log(2) * freedom - special.gammaln(0.5 * freedom)
    return np.exp(constant + special.xlogy(freedom - 1.0, value) - 0.5 * np.asarray(value) ** 2)


def beta_ppf(share: Numbers, a: float, b: float) -> Numbers:
    """Compute the quantile of the beta distribution at ``share``."""
    return special.betaincinv(a, b, share)
