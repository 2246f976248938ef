"""The files of each artifact of a song's analysis; these functions run in worker processes, on local paths.

What is computed is in `audio_assets/domain/music`, decoding in `song_files`, the aligner in `lyric_aligner`; here they
are put together, measured, held against limits and drawn.
"""

import hashlib
import shutil
from collections.abc import Collection
from functools import cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numba
import numpy as np
import orjson
import scipy
import soundfile
import soxr
from numpy.typing import NDArray

from audio_assets.domain.dsp.loudness import LoudnessMeter
from audio_assets.domain.music import pictures
from audio_assets.domain.music.analysis import SURE_OF_BEAT, BeatGrid, Lyrics, Span
from audio_assets.domain.music.beats import track_beats
from audio_assets.domain.music.energy import energy_curve as follow_energy
from audio_assets.domain.music.energy import spectral_summary
from audio_assets.domain.music.features import RATE_HZ, FeatureExtractor, from_bytes, to_bytes
from audio_assets.domain.music.lyrics import lrc_text, sung_spans, time_faults
from audio_assets.domain.music.onsets import find_onsets
from audio_assets.domain.music.sections import find_sections
from audio_assets.domain.music.vocals import VocalExtractor
from audio_assets.domain.rendering import PermanentError, Rendered
from audio_assets.domain.schemas import song_analysis as schema
from audio_assets.domain.schemas.records import Check
from resources import song_files
from resources.engines import lyric_aligner

SONG, FEATURES, SPECTRAL = "song.json", "features.bin", "spectral_features.json"
BEAT_GRID, ONSETS, ENERGY, SECTIONS = "beat_grid.json", "onsets.json", "energy_curve.json", "sections.json"
VOCALS, VOICE, LYRICS, LRC = "vocals.flac", "vocals.json", "lyric_alignment.json", "lyrics.lrc"
PICTURE = "picture.png"

_SILENT_BELOW_DB = -60.0
_SLOWEST_BPM, _FASTEST_BPM = 40.0, 240.0
_OCTAVE = 1.8  # neighbouring tempi that differ by this factor or more: the tracker has changed its level
_SURE, _LEAST_ALIGNED = 0.5, 0.5  # a word's confidence; the share of words that a song needs
_FAULTS_SHOWN = 5
_ALIGNED_AT_HZ = 16_000  # the acoustic model's rate; two hours of it are 460 MB
_ALIGNED_LANGUAGES = ("", "en")  # the aligner's acoustic model is English; who says nothing is taken to sing it


@cache
def decoders() -> dict[str, str]:
    """Who decodes, for the key of what is read from the file."""
    return {"engine": "song reader", **song_files.identity()}


@cache
def analysers() -> dict[str, str]:
    """Who computes: the libraries whose arithmetic decides the bytes."""
    return {"engine": "song analysis", "numpy": np.__version__, "scipy": scipy.__version__, "numba": numba.__version__,
            "soxr": soxr.__version__, **song_files.identity()}  # fmt: skip


@cache
def lyric_aligners() -> dict[str, str]:
    """Who aligns lyrics."""
    return {"engine": "lyric aligner", **lyric_aligner.identity()}


def song_file_name(names: Collection[str]) -> str:
    """The name of the song itself among the files of `song_audio`."""
    (name,) = (name for name in names if name.startswith("song.") and name != SONG)
    return name


def song_audio(path: Path, sha256: str, copy: Path) -> Rendered:
    """Copy the dropped file, verified; decode it once for its exact length, loudness and peak.

    Raises:
        PermanentError: it is gone, has changed since it was registered, or is no audio; one sentence.
    """
    _copy_verified(path, sha256, copy)
    try:
        with song_files.SongReader(copy) as reader:
            meter = LoudnessMeter(reader.sample_rate_hz, reader.n_channels)
            for block in reader.blocks():
                meter.add(block)
            facts = reader.facts
    except song_files.SongFileError as error:
        copy.unlink(missing_ok=True)
        raise PermanentError(str(error).replace(str(copy), str(path))) from error
    loudness = meter.result()
    lufs, peak_db = _rounded(loudness.integrated_lufs), _rounded(loudness.true_peak_db)
    shown = {
        "container": facts.container,
        "codec": facts.codec,
        "sample_rate_hz": facts.sample_rate_hz,
        "n_channels": facts.n_channels,
        "n_samples": facts.n_samples,
        "duration_s": round(facts.duration_s, 4),
        "integrated_lufs": lufs,
        "true_peak_db": peak_db,
        "sha256": sha256,
    }
    is_heard = peak_db is not None and peak_db > _SILENT_BELOW_DB
    peak = "there is no sound at all" if peak_db is None else f"true peak {peak_db} dBTP"
    notes = tuple(note.replace(str(copy), str(path)) for note in facts.notes)
    return Rendered(
        files={f"song{copy.suffix}": copy, SONG: _json({"schema": "song_audio.1", **shown})},
        facts=shown,
        checks=(Check("not_silent", is_heard, f"{peak}, limit {_SILENT_BELOW_DB} dBTP"),
                Check("not_damaged", not notes, "; ".join(notes) or "the whole file decodes")),
        notes=notes,
    )  # fmt: skip


def _copy_verified(path: Path, sha256: str, copy: Path) -> None:
    try:
        shutil.copyfile(path, copy)
    except OSError as error:
        raise PermanentError(f"{path} can not be read any more ({error.strerror}); drop the song again") from error
    with copy.open("rb") as source:
        if hashlib.file_digest(source, "sha256").hexdigest() != sha256:
            copy.unlink()
            raise PermanentError(f"{path} has changed since it was registered; it is read again with the next look")


def spectral_features(song: Path) -> Rendered:
    """One pass over the song: the frames that all analysis reads, and a summary."""
    extractor = FeatureExtractor()
    for block in song_files.mono_blocks(song, RATE_HZ):
        extractor.push(block)
    features = extractor.finish()
    summary = spectral_summary(features)
    curve = follow_energy(features)
    picture = pictures.song_picture(features.rms, features.duration_s, None, (), [(p.time, p.energy) for p in curve])
    shown = {name: value for name, value in summary.items() if not isinstance(value, list | dict)}
    return Rendered(
        files={FEATURES: to_bytes(features), SPECTRAL: _json({"schema": "spectral_features.1", **summary})},
        previews={PICTURE: picture},
        facts={"duration_s": round(features.duration_s, 4), "n_frames": len(features.rms), **shown},
    )


def beat_grid(features_file: Path) -> Rendered:
    """`beat_grid.json`."""
    features = from_bytes(features_file.read_bytes())
    grid = track_beats(features)
    return Rendered(
        files={BEAT_GRID: schema.beat_grid_to_bytes(grid)},
        previews={PICTURE: pictures.beat_picture(grid)},
        facts={
            "bpm": round(grid.bpm, 3),
            "n_beats": len(grid.beats),
            "beats_per_bar": grid.beats_per_bar,
            "beat_confidence": round(grid.confidence, 3),
            "duration_s": round(grid.duration_s, 4),
        },
        checks=beat_checks(grid),
    )


def beat_checks(grid: BeatGrid) -> tuple[Check, ...]:
    """Whether a beat was found for sure, at a tempo that people play, without a change of level."""
    found = f"{len(grid.beats)} beats at {grid.bpm:.1f} bpm, confidence {grid.confidence:.2f}"
    tempi = [point.bpm for point in grid.tempo_curve]
    jumps = [
        (before, after) for before, after in pairwise(tempi)
        if max(before, after) >= _OCTAVE * min(before, after)
    ]  # fmt: skip
    is_playable = not grid.beats or all(_SLOWEST_BPM <= bpm <= _FASTEST_BPM for bpm in [grid.bpm, *tempi])
    jumped = "; ".join(f"{before:.0f} to {after:.0f} bpm" for before, after in jumps[:3])
    return (
        Check("beat_is_sure", grid.confidence >= SURE_OF_BEAT, f"{found}, at least {SURE_OF_BEAT}"),
        Check(
            "tempo_is_plausible",
            is_playable and not jumps,
            f"the tempo jumps: {jumped}" if jumps else f"{found}, {_SLOWEST_BPM:.0f} to {_FASTEST_BPM:.0f} expected",
        ),
    )


def onsets(features_file: Path) -> Rendered:
    """`onsets.json`."""
    features = from_bytes(features_file.read_bytes())
    found = find_onsets(features)
    times = [onset.time for onset in found]
    strengths = [onset.strength for onset in found]
    return Rendered(
        files={ONSETS: schema.onsets_to_bytes(found)},
        previews={PICTURE: pictures.curve_picture(times, strengths, features.duration_s, "onset strength")},
        facts={
            "n_onsets": len(found),
            "onsets_per_s": round(len(found) / features.duration_s, 2) if features.duration_s else 0.0,
            "duration_s": round(features.duration_s, 4),
        },
    )


def energy_curve(features_file: Path) -> Rendered:
    """`energy_curve.json`."""
    features = from_bytes(features_file.read_bytes())
    curve = follow_energy(features)
    energies = [point.energy for point in curve]
    times = [point.time for point in curve]
    return Rendered(
        files={ENERGY: schema.energy_curve_to_bytes(curve)},
        previews={PICTURE: pictures.curve_picture(times, energies, features.duration_s, "energy")},
        facts={
            "n_points": len(curve),
            "mean_energy": round(float(np.mean(energies)), 3) if energies else 0.0,
            "duration_s": round(features.duration_s, 4),
        },
    )


def vocals(song: Path, out: Path) -> Rendered:
    """`vocals.flac`: the voice, mono, as many samples as the song at its rate; `vocals.json`: where one is heard."""
    with song_files.SongReader(song) as reader:
        rate_hz, n_channels = reader.sample_rate_hz, reader.n_channels
    extractor, heard, mixed = VocalExtractor(rate_hz), _Envelope(rate_hz), _Envelope(rate_hz)
    with soundfile.SoundFile(out, "w", rate_hz, 1, "PCM_16", format="FLAC") as flac:
        for block in chain(song_files.stereo_blocks(song), [None]):
            voice = extractor.finish() if block is None else extractor.push(block)
            flac.write(np.clip(voice, -1.0, 32767 / 32768))
            heard.push(voice)
            if block is not None:
                mixed.push(block.mean(axis=1))
    activity = extractor.activity()
    n_samples, duration_s = heard.n_samples, heard.n_samples / rate_hz
    facts = {
        "method": "centre of the stereo picture, band of voices" if n_channels > 1 else "band of voices (mono song)",
        "sample_rate_hz": rate_hz,
        "n_samples": n_samples,
        "voice_share": round(activity.share, 3),
        "voice_confidence": round(activity.confidence, 3),
    }
    notes = (
        () if n_channels > 1 else ("the song is mono: its voice can not be told by its place in the stereo picture",)
    )
    return Rendered(
        files={VOCALS: out, VOICE: schema.voice_to_bytes(activity.spans, {**facts, "duration_s": duration_s})},
        previews={PICTURE: pictures.vocals_picture(mixed.rms(), heard.rms(), activity.spans, duration_s)},
        facts={**facts, "duration_s": round(duration_s, 4)},
        notes=notes,
    )


class _Envelope:
    """RMS of a stream, twenty values a second."""

    def __init__(self, rate_hz: int) -> None:
        self._hop = max(1, rate_hz // 20)
        self._rest = np.zeros(0, np.float32)
        self._rms: list[NDArray[np.float32]] = []
        self.n_samples = 0

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take more samples, 1-D."""
        self.n_samples += len(samples)
        held = np.concatenate([self._rest, samples])
        n_whole = len(held) // self._hop * self._hop
        self._rms.append(np.sqrt(np.mean(np.square(held[:n_whole].reshape(-1, self._hop)), axis=1)))
        self._rest = held[n_whole:]

    def rms(self) -> NDArray[np.float64]:
        """What has been pushed so far, whole hops."""
        return np.concatenate([np.zeros(0), *self._rms])


def sections(features_file: Path, grid_file: Path, voice_file: Path, lyrics_file: Path) -> Rendered:
    """`sections.json`, and the picture of the whole song."""
    features = from_bytes(features_file.read_bytes())
    grid = schema.beat_grid_from_bytes(grid_file.read_bytes())
    voice, _ = sung(voice_file, lyrics_file)
    found = find_sections(features, grid, voice=voice)
    energy = [(point.time, point.energy) for point in follow_energy(features)]
    is_covered = bool(found) and found[0].start_time == 0 and abs(found[-1].end_time - features.duration_s) < 1e-3
    is_covered &= all(a.end_time == b.start_time for a, b in pairwise(found))
    return Rendered(
        files={SECTIONS: schema.sections_to_bytes(found)},
        previews={PICTURE: pictures.song_picture(features.rms, features.duration_s, grid, found, energy)},
        facts={
            "sections": ", ".join(section.name for section in found),
            "n_sections": len(found),
            "duration_s": round(features.duration_s, 4),
        },
        checks=(Check("sections_cover_song", is_covered, f"{len(found)} sections", blocking=True),),
    )


def sung(voice_file: Path, lyrics_file: Path) -> tuple[tuple[Span, ...], bool]:
    """Where somebody sings, and whether that is known: from the lyrics if most were found, else from the sound.

    Loud centred instruments pass for a voice (of instrumental rock about two thirds); aligned words do not.
    """
    lyrics = schema.lyrics_from_bytes(lyrics_file.read_bytes())
    words = [word for line in lyrics.lines for word in line.words]
    n_sure = sum(word.confidence >= _SURE for word in words)
    if words and n_sure >= _LEAST_ALIGNED * len(words):
        return sung_spans(lyrics, least_confidence=_SURE), True
    return schema.voice_from_bytes(voice_file.read_bytes()), False


def lyric_alignment(lyrics: Lyrics | None, language: str, vocals_file: Path) -> Rendered:
    """`lyric_alignment.json` and `lyrics.lrc`: times as written where all came along, else found in the voice."""
    if lyrics is None:
        empty = Lyrics((), "plain", language)
        return Rendered(
            files={LYRICS: schema.lyrics_to_bytes(empty, {"aligned_by": ""})},
            facts={"n_words": 0, "n_aligned": 0},
            notes=("there are no lyrics for this song",),
        )
    aligned, by, notes = _aligned(lyrics, language, vocals_file)
    words = [word for line in aligned.lines for word in line.words]
    n_aligned = sum(word.start_time is not None for word in words)
    confidence = float(np.mean([word.confidence for word in words])) if words else 0.0
    duration_s = soundfile.info(vocals_file).duration
    share = n_aligned / len(words) if words else 0.0
    faults = time_faults(aligned, duration_s)
    return Rendered(
        files={LYRICS: schema.lyrics_to_bytes(aligned, {"aligned_by": by}), LRC: lrc_text(aligned).encode()},
        previews={PICTURE: pictures.lyrics_picture(aligned.lines, duration_s)},
        facts={
            "n_lines": len(aligned.lines),
            "n_words": len(words),
            "n_aligned": n_aligned,
            "mean_confidence": round(confidence, 3),
            "aligned_by": by,
            "duration_s": round(duration_s, 4),
        },
        checks=(
            Check("words_are_aligned", share >= _LEAST_ALIGNED, f"{n_aligned} of {len(words)} words have times"),
            Check("times_fit_song", not faults, "; ".join(faults[:_FAULTS_SHOWN]) or "every time lies in the song"),
        ),
        notes=(*aligned.notes, *notes),
    )


def _aligned(lyrics: Lyrics, language: str, vocals_file: Path) -> tuple[Lyrics, str, tuple[str, ...]]:
    """The lyrics with times, who found them, and what there is to say of it."""
    if lyrics.lines and all(word.start_time is not None for line in lyrics.lines for word in line.words):
        return lyrics, lyrics.source, ()
    if language.partition("-")[0] not in _ALIGNED_LANGUAGES:
        said = f"the aligner knows English only: words in '{language}' have the times that came with the lyrics, if any"
        return lyrics, lyrics.source if lyrics.source != "plain" else "", (said,)
    voice = np.concatenate([np.zeros(0, np.float32), *song_files.mono_blocks(vocals_file, _ALIGNED_AT_HZ)])
    return lyric_aligner.align_lyrics(voice, _ALIGNED_AT_HZ, lyrics), "voice", ()


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
