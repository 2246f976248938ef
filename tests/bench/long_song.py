"""How much memory the analysis of a two-hour song takes, in one process for all its stages but the lyrics."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile

from tests import songs
from tests.bench.measuring import Figure, peak_mb
from tests.bench.song_analysis import analyse

_HOURS = 2
_PIECE_S = 300.0
_AT_MOST_MB = 2000.0


def measure() -> Iterator[Figure]:
    """Peak memory; time as multiple of real time."""
    with TemporaryDirectory() as folder:
        song = Path(folder) / "long.flac"
        piece = songs.ramp(duration_s=_PIECE_S)
        with soundfile.SoundFile(song, "w", piece.sample_rate_hz, 2, "PCM_16", format="FLAC") as out:
            for _ in range(round(_HOURS * 3600 / _PIECE_S)):
                out.write(piece.audio)
        spent_s = sum(analyse(song, Path(folder)).values())
        peak = peak_mb()
        yield Figure(
            "analysis of a two-hour song, peak memory",
            f"{peak:.0f} MB, {spent_s:.0f} s of CPU: {_HOURS * 3600 / spent_s:.0f} x real time",
            f"< {_AT_MOST_MB:.0f} MB",
            peak < _AT_MOST_MB,
        )
