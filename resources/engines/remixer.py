"""The files of a remix: reads a track (or composes a cue), sends it through a style's chain, measures what came out.

Runs in a worker process. The chain is in `audio_assets/domain/music/remixing.py`, the composer beside it in
`compose.py`; here they meet files.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
import orjson
from numpy.typing import NDArray

from audio_assets.domain.dsp.levels import amplitude
from audio_assets.domain.music.analysis import BeatGrid
from audio_assets.domain.music.compose import Cue, compose_cue
from audio_assets.domain.music.remixing import Remix, remixed
from audio_assets.domain.remix_spec import LONGEST_S, RemixError, RemixRequest, Style, request_record, style_record
from audio_assets.domain.rendering import Rendered
from audio_assets.domain.schemas.records import Check
from resources import song_files
from resources.engines.remix_files import (
    PICTURE,
    RATE_HZ,
    REMIX_JSON,
    REMIX_SCHEMA,
    REMIX_WAV,
    SILENT_BELOW_DB,
    length_facts,
    loudness_facts,
    picture,
    rounded,
    silence_check,
    sketch,
    write_wav,
)
from resources.song_files import stereo_blocks

_LOUDNESS_TOLERANCE_LU = 1.0
_CEILING_DB = -1.0
_PEAK_TOLERANCE_DB = 0.1


@cache
def identity() -> dict[str, str]:
    """All that, beside source, grid, request and style, decides the bytes: who decodes, resamples and computes."""
    return {**song_files.identity(), "engine": "remixer", "numba": numba.__version__, "numpy": np.__version__}


def remix_artifact(
    source: Path | None, grid: BeatGrid | None, request: RemixRequest, style: Style, out: Path
) -> Rendered:
    """Remix `source` in `style` into the file `out`, or compose a cue where there is none.

    Gives `remix.wav` (PCM16, stereo, 44.1 kHz) and `remix.json` (request, style, beats, measurements).

    Raises:
        RemixError: a source is asked for and not given; it is silent or longer than ten minutes.
        SongFileError: the source can not be read.
    """
    if source is None:
        if request.source_track:
            raise RemixError(
                f"{request.scene_id}: the source track '{request.source_track}' is not there; add it first"
            )
        cue = compose_cue(style, request.mood_tags, request.seed, request.duration_s)
        remix = remixed(
            cue.audio, RATE_HZ, cue.grid(), style, seed=request.seed, duration_s=request.duration_s, is_cue=True
        )
        return _rendered(remix, request, style, out, None, _cue_facts(cue), _cue_record(cue), cue.remarks)
    samples = _read(source)
    before = sketch(samples)
    remix = remixed(samples, RATE_HZ, grid, style, seed=request.seed, duration_s=request.duration_s)
    facts = {
        "bpm_before": rounded(grid.bpm if grid else None),
        "source_duration_s": round(len(samples) / RATE_HZ, 3),
        "source": source.name,
    }
    return _rendered(remix, request, style, out, before, facts, {}, _mood_notes(request))


# --- In ----------------------------------------------------------------------------------------------------------


def _read(source: Path) -> NDArray[np.float32]:
    """The whole track as float32 stereo at 44.1 kHz."""
    blocks: list[NDArray[np.float32]] = []
    n_samples = 0
    for block in stereo_blocks(source, RATE_HZ):
        blocks.append(block)
        n_samples += len(block)
        if n_samples > LONGEST_S * RATE_HZ:
            raise RemixError(f"{source.name} is longer than a remix may be ({LONGEST_S:.0f} s): cut it first")
    samples = np.concatenate(blocks) if blocks else np.zeros((0, 2), np.float32)
    if np.abs(samples).max(initial=0.0) < amplitude(SILENT_BELOW_DB):
        raise RemixError(f"{source.name} is silent: there is nothing to remix")
    return samples


def _mood_notes(request: RemixRequest) -> tuple[str, ...]:
    if not request.mood_tags:
        return ()
    return (f"mood words ({', '.join(request.mood_tags)}) guide composing; a remix of a track does not use them",)


# --- Out ---------------------------------------------------------------------------------------------------------


def _rendered(
    remix: Remix,
    request: RemixRequest,
    style: Style,
    out: Path,
    before: NDArray[np.float64] | None,
    facts: Mapping[str, Any],
    record: Mapping[str, Any],
    notes: tuple[str, ...],
) -> Rendered:
    write_wav(remix.samples, out)
    bpm_before = facts.get("bpm_before")
    all_facts = {
        "scene_id": request.scene_id,
        "style": style.name,
        "provider": "local",
        **facts,
        "bpm_after": rounded(bpm_before * remix.tempo_ratio if bpm_before else None),
        "tempo_ratio": round(remix.tempo_ratio, 4),
        "pitch_semitones": round(remix.semitones, 3),
        **length_facts(remix.samples),
        "n_bars": len(remix.pulse.downbeats_s),
        "is_looped": remix.n_jumps > 0,
        "n_jumps": remix.n_jumps,
        **loudness_facts(remix.loudness),
        "seed": request.seed,
    }
    all_notes = (*notes, *remix.notes)
    data = {
        "schema": REMIX_SCHEMA,
        **all_facts,
        "request": request_record(request),
        "style": style_record(style),
        "steps": list(remix.steps),
        "beats": [round(float(time), 4) for time in remix.pulse.beats_s],
        "downbeats": [round(float(time), 4) for time in remix.pulse.downbeats_s],
        **record,
        "notes": list(all_notes),
    }
    return Rendered(
        files={REMIX_WAV: out, REMIX_JSON: orjson.dumps(data, option=orjson.OPT_INDENT_2)},
        previews={PICTURE: picture(before, remix.samples, facts.get("source_duration_s", 0.0))},
        facts={key: value for key, value in all_facts.items() if value is not None},
        checks=remix_checks(remix, style),
        notes=all_notes,
    )


def remix_checks(remix: Remix, style: Style) -> tuple[Check, ...]:
    """Silence, clipping, loudness against the style's target."""
    lufs, peak_db = rounded(remix.loudness.integrated_lufs), rounded(remix.loudness.true_peak_db)
    is_on_target = lufs is not None and abs(lufs - style.target_lufs) <= _LOUDNESS_TOLERANCE_LU
    return (
        silence_check(remix.loudness),
        Check(
            "not_clipped",
            peak_db is None or peak_db <= _CEILING_DB + _PEAK_TOLERANCE_DB,
            f"true peak {peak_db} dBTP, ceiling {_CEILING_DB}",
        ),
        Check("loudness", is_on_target, f"{lufs} LUFS, target {style.target_lufs}"),
    )


def _cue_facts(cue: Cue) -> dict[str, Any]:
    return {"bpm_before": rounded(cue.bpm), "key": cue.key}


def _cue_record(cue: Cue) -> dict[str, Any]:
    """What a composer knows of the piece, for those who cut or sing to it."""
    return {
        "sections": [
            {"name": name, "start_time": round(start, 4), "end_time": round(end, 4)}
            for name, start, end in cue.sections
        ],
        "chords": [{"name": chord.name, "time": round(chord.start_s, 4)} for chord in cue.chords],
    }
