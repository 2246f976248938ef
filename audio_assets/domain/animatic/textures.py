"""Textures that are made of seeded noise: clouds and fog, paper grain, skies without bands, vignettes, soft lights."""

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.animatic.planes import Bytes, Rgb

Floats = NDArray[np.float32]


def cloud_noise(rows: int, columns: int, cell_px: float, rng: np.random.Generator, *, stretch: float = 1.0) -> Floats:
    """Soft noise, 0 to 1; its largest lumps are `cell_px` high and `stretch` times as wide."""
    sum_, weight = np.zeros((rows, columns), np.float32), 0.0
    for octave in range(4):
        cell = max(2.0, cell_px / 2**octave)
        grid = rng.random((max(2, round(rows / cell)) + 2, max(2, round(columns / (cell * stretch))) + 2))
        share = 0.55**octave
        sum_ += share * cv2.resize(grid.astype(np.float32), (columns, rows), interpolation=cv2.INTER_CUBIC)
        weight += share
    return np.asarray(np.clip((sum_ / weight - 0.5) * 1.9 + 0.5, 0.0, 1.0), np.float32)


def smooth_step(values: NDArray[np.floating[Any]], low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def gradient(rows: int, columns: int, stops: tuple[tuple[float, Rgb], ...], rng: np.random.Generator) -> Bytes:
    """Colours from top to bottom, (rows, columns, 3); `stops` are (0 to 1, colour). Dithered, so that no bands show."""
    at = np.linspace(0.0, 1.0, rows)
    places = [place for place, _ in stops]
    column = np.stack([np.interp(at, places, [colour[c] for _, colour in stops]) for c in range(3)], axis=1)
    noise = rng.random((rows, columns, 1), dtype=np.float32)
    return np.asarray(np.clip(column[:, None].astype(np.float32) + noise, 0, 255), np.uint8)


@lru_cache(maxsize=4)
def paper(seed: int = 7) -> Bytes:
    """Grain about 128, 512 x 512, that tiles."""
    rng = np.random.default_rng(seed)
    fine = rng.normal(0.0, 1.0, (512, 512)).astype(np.float32)
    wrapped = cv2.copyMakeBorder(fine, 8, 8, 8, 8, cv2.BORDER_WRAP)
    soft = cv2.GaussianBlur(wrapped, (0, 0), 1.1)[8:-8, 8:-8] * 3.4
    return np.asarray(np.clip(128 + 34 * soft, 0, 255), np.uint8)


@lru_cache(maxsize=8)
def vignette(width: int, height: int, amount: float) -> Bytes:
    """What is left of the light, (height, width), 255 in the middle; `amount` 1 leaves a third in the corners."""
    x = np.linspace(-1.0, 1.0, width, dtype=np.float32)[None, :]
    y = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None]
    away = np.sqrt(x * x + y * y) / np.float32(np.sqrt(2))
    kept = 1.0 - 0.66 * amount * smooth_step(away, 0.42, 1.08)
    noise = np.random.default_rng(3).random((height, width), dtype=np.float32)
    return np.asarray(np.clip(255 * kept + noise - 0.5, 0, 255).round(), np.uint8)


def halo(radius_px: float, core: float = 0.0, power: float = 2.0) -> Bytes:
    """A round light, square array of 2 radii: 255 within `core` (a share of the radius), then falling to 0."""
    size = max(3, round(2 * radius_px))
    at = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    away = np.sqrt(at[:, None] ** 2 + at[None, :] ** 2)
    light = np.clip((1.0 - away) / max(1e-3, 1.0 - core), 0.0, 1.0) ** power
    noise = np.random.default_rng(5).random(light.shape, dtype=np.float32)
    return np.asarray(np.clip(255 * light + (noise - 0.5) * (light > 0), 0, 255), np.uint8)


def beam(length_px: float, start_px: float, end_px: float) -> Bytes:
    """A cone of light that begins at the left edge's middle, `start_px` wide, and fades along its length."""
    rows, columns = max(3, round(end_px * 1.1)), max(3, round(length_px))
    along = np.linspace(0.0, 1.0, columns, dtype=np.float32)[None, :]
    half = (start_px + (end_px - start_px) * along) / 2
    off = np.abs(np.arange(rows, dtype=np.float32)[:, None] - rows / 2)
    light = smooth_step(1.0 - off / half, 0.0, 0.9) * (1.0 - along) ** 1.3
    noise = np.random.default_rng(6).random(light.shape, dtype=np.float32)
    return np.asarray(np.clip(255 * light + (noise - 0.5) * (light > 0.002), 0, 255), np.uint8)


def hump(rows: int) -> Floats:
    """0 at the first and the last row, 1 in the middle."""
    return np.asarray(np.sin(np.linspace(0.0, np.pi, rows)).clip(0.0), np.float32)
