"""The files of a mix: renders it in a worker process, measures it, holds it against its targets."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numba
import orjson
import soundfile
import soxr

from audio_assets.domain.mix_spec import MixSpec, spec_record
from audio_assets.domain.pictures import mix_picture
from audio_assets.domain.rendering import Rendered
from audio_assets.domain.schemas.records import Check
from resources.engines.mixer import MixReport, render_mix

MIX_WAV, MIX_JSON = "mix.wav", "mix.json"
_LOUDNESS_TOLERANCE_LU = 0.5
_PEAK_TOLERANCE_DB = 0.1


@cache
def identity() -> dict[str, str]:
    """All that, beside specification and sounds, decides the bytes: who decodes, resamples and computes."""
    return {
        "engine": "mixer",
        "soxr": soxr.__version__,
        "libsndfile": soundfile.__libsndfile_version__,
        "numba": numba.__version__,
    }


def mix_artifact(spec: MixSpec, sources: Mapping[str, Path], scratch: Path) -> Rendered:
    """Render `spec` into the file `scratch`: `mix.wav`, and `mix.json` with spec and measurements."""
    report = render_mix(
        spec, sources, scratch, has_track_loudness=False
    )  # 1.4 x as fast; each voice has its own figures
    record = {"schema": "mix.1", "spec": spec_record(spec), **report.record(), "duration": report.duration_s,
              "sample_rate": report.sample_rate_hz}  # fmt: skip
    return Rendered(
        files={MIX_WAV: scratch, MIX_JSON: orjson.dumps(record, option=orjson.OPT_INDENT_2)},
        previews={"picture.png": mix_picture(report.duration_s, report.curve.level_db, report.curve.ducking_db)},
        facts={
            "duration_s": round(report.duration_s, 4),
            "n_tracks": len(report.tracks),
            "sample_rate_hz": report.sample_rate_hz,
            "integrated_lufs": _rounded(report.integrated_lufs),
            "true_peak_db": _rounded(report.true_peak_db),
            "loudness_gain_db": _rounded(report.loudness_gain_db),
            "ducked_share": _rounded(report.ducking.ducked_share if report.ducking else 0.0),
        },
        checks=mix_checks(spec, report),
        notes=report.notes,
    )


def mix_checks(spec: MixSpec, report: MixReport) -> tuple[Check, ...]:
    """Silence, loudness against the target, true peak against the ceiling."""
    lufs, peak_db = _rounded(report.integrated_lufs), _rounded(report.true_peak_db)
    is_on_target = spec.target_lufs is None or (
        lufs is not None and abs(lufs - spec.target_lufs) <= _LOUDNESS_TOLERANCE_LU
    )
    return (
        Check("not_silent", peak_db is not None, f"true peak {peak_db} dBTP", blocking=True),
        Check("loudness_on_target", is_on_target, f"{lufs} LUFS, target {spec.target_lufs}"),
        Check(
            "true_peak_below_ceiling",
            peak_db is None or peak_db <= spec.true_peak_db + _PEAK_TOLERANCE_DB,
            f"true peak {peak_db} dBTP, ceiling {spec.true_peak_db}",
        ),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
