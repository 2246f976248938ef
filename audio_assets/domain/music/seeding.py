"""Chance that is the same everywhere: generators seeded by names and numbers, through sha256."""

import hashlib

import numpy as np


def seed_of(*parts: str | int | float) -> int:
    """A seed that every part changes."""
    digest = hashlib.sha256("\x1f".join(map(repr, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def generator(*parts: str | int | float) -> np.random.Generator:
    """A generator for one purpose, named by `parts`."""
    return np.random.Generator(np.random.PCG64(seed_of(*parts)))
