"""Music that was made elsewhere, as files: decoded, measured, with the file that came kept beside it.

Nothing is changed about the sound, but that it is turned down where 16 bits would clip it. What the local remixer makes
is in `remixer.py`; what both have in common is in `remix_files.py`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from audio_assets.domain.dsp.levels import clipped_runs
from audio_assets.domain.dsp.loudness import measure_loudness
from audio_assets.domain.music_ask import MusicAsk
from audio_assets.domain.rendering import Rendered
from audio_assets.domain.schemas.records import Check
from resources.engines.remix_files import (
    PICTURE,
    RATE_HZ,
    REMIX_JSON,
    REMIX_SCHEMA,
    REMIX_WAV,
    Block,
    length_facts,
    loudness_facts,
    picture,
    silence_check,
    sketch,
    write_wav,
)
from resources.song_decoding import source_of
from resources.song_files import SongFileError, SongReader, stereo_blocks

_LENGTH_TOLERANCE_S, _LENGTH_TOLERANCE = 1.0, 0.05  # whichever is more
_SUFFIXES = {"wav": ".wav", "flac": ".flac", "mp3": ".mp3", "ogg": ".ogg", "mp4": ".m4a", "aac": ".aac"}


def is_music(path: Path) -> None:
    """Verify what was bought: it can be decoded, all of it.

    Raises:
        SongFileError: a ValueError; it is not audio, is damaged, or ends before its end.
    """
    try:
        header = source_of(path).info.notes
        with SongReader(path) as song:
            for _ in song.blocks():
                pass
            notes = song.facts.notes
    except SongFileError as error:
        raise SongFileError(_named(str(error), path)) from error
    lost = next((note for note in notes if note not in header or " is cut short" in note), "")
    if lost:
        raise SongFileError(_named(lost, path))


def bought_music(came: Path, ask: MusicAsk, record: Mapping[str, Any], source: Path | None, out: Path) -> Rendered:
    """The artifact of the file that `came`: `remix.wav` (written to `out`), `remix.json`, and the file as it came.

    `record` holds what is to be said of the remix: scene, style, provider, model, the request and what was sent.

    Raises:
        SongFileError: the file or the source track can not be decoded.
    """
    with SongReader(came) as song:
        n_clipped, _ = clipped_runs(np.concatenate(list(song.blocks())))  # at its own rate: another rounds them off
        facts_of_file = song.facts
    samples, notes = _fitting(_stereo(came))
    write_wav(samples, out)
    loudness = measure_loudness(samples, RATE_HZ)
    before, before_s = _source(source)
    came_as = {
        "container": facts_of_file.container,
        "codec": facts_of_file.codec,
        "bit_rate_bps": facts_of_file.bit_rate_bps,
        "sample_rate_hz": facts_of_file.sample_rate_hz,
    }
    facts = {
        **record,
        "prompt": ask.prompt,
        "asked_s": ask.duration_s,
        **length_facts(samples),
        **loudness_facts(loudness),
        "seed": ask.seed,
    }
    if before is not None:
        facts["source_duration_s"] = round(before_s, 3)
    notes = (*notes, *(_named(note, came) for note in facts_of_file.notes))
    data = {"schema": REMIX_SCHEMA, **facts, "came_as": came_as, "beats": [], "downbeats": [], "notes": list(notes)}
    shown = {key: value for key, value in facts.items() if key not in ("request", "sent") and value is not None}
    return Rendered(
        files={
            REMIX_WAV: out,
            REMIX_JSON: orjson.dumps(data, option=orjson.OPT_INDENT_2),
            f"original{_SUFFIXES.get(facts_of_file.container, '.bin')}": came,
        },
        previews={PICTURE: picture(before, samples, before_s)},
        facts=shown,
        checks=(silence_check(loudness), _length_check(samples, ask.duration_s), _clipping_check(n_clipped)),
        notes=notes,
    )


def _named(message: str, path: Path) -> str:
    """A message about a scratch file, which has no name that a reader would know."""
    return message.replace(str(path), "the file that came")


def _stereo(path: Path) -> Block:
    """The whole file, sample by sample, whatever order its decoder gives them in."""
    return np.ascontiguousarray(np.concatenate(list(stereo_blocks(path, RATE_HZ))))


def _fitting(samples: Block) -> tuple[Block, tuple[str, ...]]:
    """The samples within full scale, and a note where they were turned down: lossy files pass it as they decode."""
    peak = float(np.abs(samples).max(initial=0.0))
    if peak <= 1.0:
        return samples, ()
    return samples / np.float32(peak), (f"turned down by {20 * np.log10(peak):.2f} dB, for it passes full scale",)


def _source(source: Path | None) -> tuple[Any, float]:
    """The source's spectrogram and length in seconds; None and 0 without one."""
    if source is None:
        return None, 0.0
    samples = _stereo(source)
    return sketch(samples), len(samples) / RATE_HZ


def _length_check(samples: Block, asked_s: float) -> Check:
    length_s = len(samples) / RATE_HZ
    allowed_s = max(_LENGTH_TOLERANCE_S, _LENGTH_TOLERANCE * asked_s)
    detail = f"{length_s:.2f} s, asked {asked_s:.2f} s, allowed ± {allowed_s:.2f} s"
    return Check("as_long_as_asked", abs(length_s - asked_s) <= allowed_s, detail)


def _clipping_check(n_clipped: int) -> Check:
    return Check("not_clipped", n_clipped == 0, f"{n_clipped} runs of samples at or past full scale, limit 0")
