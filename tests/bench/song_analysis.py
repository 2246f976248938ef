"""How long the analysis of a song takes, in units of librosa's default beat tracker on the same file.

The song is the 288 s one of the shared data where it is there, else a synthetic one of that length. Everything is timed
from the file on, decoding and resampling included, for both. Each is run twice and the second time counts, so that
compiling is no part of it. The lyrics are timed by themselves: librosa has nothing like them.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import soundfile

from audio_assets.domain.music.lyrics import parse_lyrics
from audio_assets.domain.rendering import Rendered
from resources.engines import song_artifacts as engine
from tests import songs
from tests.bench.measuring import SHARED, Figure

_SYNTHETIC_S = 288.0
_WHOLE_AT_MOST, _BEATS_AT_MOST = 8.0, 2.0
_SECTIONS_READ = (engine.FEATURES, engine.BEAT_GRID, engine.VOICE, engine.LYRICS)
BEAT_STAGES = ("spectral_features", "beat_grid")


def measure() -> Iterator[Figure]:
    """The whole analysis, and its beat part, against librosa."""
    with TemporaryDirectory() as folder:
        song = _song(Path(folder))
        for _ in range(2):
            yardstick_s = _cpu_s(lambda: _librosa_beats(song))
            spent_s = analyse(song, Path(folder))
        whole, beats = sum(spent_s.values()) / yardstick_s, sum(spent_s[s] for s in BEAT_STAGES) / yardstick_s
        stages = ", ".join(f"{name} {seconds:.2f}" for name, seconds in spent_s.items())
        yield Figure(
            "analysis of a 288 s song against librosa's beat_track, both from the file",
            f"{sum(spent_s.values()):.2f} s ({stages}) to {yardstick_s:.2f} s of CPU",
            f"< {_WHOLE_AT_MOST:.0f} x",
            whole < _WHOLE_AT_MOST,
            f"{whole:.1f} x",
        )
        yield Figure(
            "of it features and beats", "", f"< {_BEATS_AT_MOST:.0f} x", beats < _BEATS_AT_MOST, f"{beats:.1f} x"
        )
        yield _lyrics(Path(folder))


def analyse(song: Path, folder: Path) -> dict[str, float]:
    """Every stage, of a song without lyrics, each file where the next finds it; CPU seconds by stage."""
    sha256 = hashlib.sha256(song.read_bytes()).hexdigest()
    copy = folder / f"copy{song.suffix}"
    stages: dict[str, Callable[[], Rendered]] = {
        "song_audio": lambda: engine.song_audio(song, sha256, copy),
        "spectral_features": lambda: engine.spectral_features(copy),
        "beat_grid": lambda: engine.beat_grid(folder / engine.FEATURES),
        "onsets": lambda: engine.onsets(folder / engine.FEATURES),
        "energy_curve": lambda: engine.energy_curve(folder / engine.FEATURES),
        "vocals": lambda: engine.vocals(copy, folder / engine.VOCALS),
        "lyric_alignment": lambda: engine.lyric_alignment(None, "", folder / engine.VOCALS),
        "sections": lambda: engine.sections(*(folder / name for name in _SECTIONS_READ)),
    }
    return {name: _cpu_s(lambda stage=stage: _store(stage(), folder)) for name, stage in stages.items()}


def _store(rendered: Rendered, folder: Path) -> None:
    for name, data in rendered.files.items():
        if isinstance(data, bytes):
            (folder / name).write_bytes(data)


def _lyrics(folder: Path) -> Figure:
    words = SHARED / "songs" / "on_the_run" / "song.txt"
    if not words.is_file():
        return Figure("alignment of its lyrics", "skipped: no songs in ../shared/data")
    lyrics = parse_lyrics(words.read_text("utf-8"), words.name)
    plain = parse_lyrics("\n".join(line.text for line in lyrics.lines), words.name)
    spent_s = _cpu_s(lambda: engine.lyric_alignment(plain, "en", folder / engine.VOCALS))
    return Figure("alignment of its lyrics, CPU", f"{spent_s:.1f} s: {_SYNTHETIC_S / spent_s:.0f} x real time")


def _song(folder: Path) -> Path:
    real = SHARED / "songs" / "on_the_run" / "audio.ogg"
    if real.is_file():
        return real
    made = songs.constant(duration_s=_SYNTHETIC_S)
    path = folder / "synthetic.flac"
    soundfile.write(path, made.audio, made.sample_rate_hz)
    return path


def _librosa_beats(song: Path) -> Any:
    import librosa

    samples, rate_hz = librosa.load(song)
    return librosa.beat.beat_track(y=samples, sr=rate_hz)


def _cpu_s(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
