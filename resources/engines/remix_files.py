"""The files that every remix has, whoever made it: names, the WAV, the picture, what is measured of the sound.

How a remix is made here is in `remixer.py`, what becomes of one that was bought in `bought_music.py`.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.dsp.loudness import Loudness
from audio_assets.domain.music.pictures import remix_picture, spectrogram
from audio_assets.domain.schemas.records import Check
from resources.audio_files import WavWriter

REMIX_WAV, REMIX_JSON, PICTURE = "remix.wav", "remix.json", "picture.png"
REMIX_SCHEMA = "remix.1"
RATE_HZ = 44_100
SILENT_BELOW_DB = -60.0

_N_BLOCK = 1 << 16
_N_COLUMNS, _N_BANDS = 640, 64

Block = NDArray[np.float32]


def length_facts(samples: Block) -> dict[str, Any]:
    """The length of samples of shape (n_samples, 2) at 44.1 kHz."""
    return {
        "duration_s": round(len(samples) / RATE_HZ, 4),
        "n_samples": len(samples),
        "sample_rate_hz": RATE_HZ,
    }


def loudness_facts(loudness: Loudness) -> dict[str, Any]:
    """How loud it is, None where there is nothing to measure."""
    return {
        "integrated_lufs": rounded(loudness.integrated_lufs),
        "loudness_range_lu": rounded(loudness.range_lu),
        "true_peak_db": rounded(loudness.true_peak_db),
    }


def silence_check(loudness: Loudness) -> Check:
    """Whether there is any sound; without it nothing that comes later may use the file."""
    peak_db = rounded(loudness.peak_db)
    is_audible = peak_db is not None and peak_db > SILENT_BELOW_DB
    return Check("not_silent", is_audible, f"peak {peak_db} dBFS, limit {SILENT_BELOW_DB}", blocking=True)


def sketch(samples: Block) -> NDArray[np.float64]:
    """The spectrogram of a track, as `picture` draws it."""
    return spectrogram(samples.mean(axis=1), RATE_HZ, _N_COLUMNS, _N_BANDS)


def picture(before: NDArray[np.float64] | None, samples: Block, before_s: float) -> bytes:
    """The source's spectrogram above the remix's; of a cue the one there is."""
    return remix_picture(before, sketch(samples), before_s, len(samples) / RATE_HZ)


def write_wav(samples: Block, out: Path) -> None:
    """Samples as PCM16, stereo, 44.1 kHz; a file that could not be finished is removed."""
    writer = WavWriter(out, sample_rate_hz=RATE_HZ, n_channels=2, n_samples=len(samples))
    try:
        for start in range(0, len(samples), _N_BLOCK):
            writer.write(samples[start : start + _N_BLOCK])
        writer.close()
    except BaseException:
        writer.abandon()
        out.unlink(missing_ok=True)
        raise


def rounded(value: float | None) -> float | None:
    """To two places, as facts are written."""
    return None if value is None else round(float(value), 2)
