"""Mouth cues as the text files that Rhubarb writes, so that every tool that reads Rhubarb's reads ours.

File formats only; what the shapes are is in `mouth_shapes`. Facts from Rhubarb 1.13's exporters
(https://github.com/DanielSWolf/rhubarb-lip-sync, `rhubarb/src/exporters`): times have two decimals, lines end in LF;
TSV and DAT close with the shape of rest at the end; DAT counts frames from 1, drops a cue that would start on the frame
of the one before, and takes 10 to 100 frames per second.
"""

import math
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Literal, get_args
from xml.sax.saxutils import escape

import orjson

from audio_assets.domain.mouth_shapes import MouthCue
from audio_assets.domain.visemes import BASIC_FALLBACK

ExportFormat = Literal["tsv", "json", "xml", "dat"]
FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)

DAT_FRAME_RATE = Fraction(24)
"""What Rhubarb takes where nothing else is said."""

PRESTON_BLAIR = {
    "A": "MBP", "B": "etc", "C": "E", "D": "AI", "E": "O", "F": "U", "G": "FV", "H": "L", "X": "rest",
}  # fmt: skip
"""The names of Preston Blair's mouths in Moho, for Rhubarb's nine."""


def export_cues(
    cues: Sequence[MouthCue],
    format: ExportFormat,
    *,
    sound_file: str,
    duration_s: float,
    frame_rate: Fraction = DAT_FRAME_RATE,
    use_preston_blair: bool = False,
) -> str:
    """Return the text of a file of cues.

    `sound_file` is named in JSON and XML. `frame_rate` and `use_preston_blair` (the shapes' names in Moho) are for DAT.
    TSV and DAT close with X, or with A where the cues know none of the extended shapes (and X may not be drawn).
    Raises `ValueError` for an unknown format and for a DAT frame rate that is not within 10 to 100.
    """
    rest = "X" if any(cue.shape in BASIC_FALLBACK for cue in cues) else BASIC_FALLBACK["X"]
    if format == "tsv":
        return _tsv(cues, duration_s, rest)
    if format == "json":
        return _json(_or_rest(cues, rest), sound_file, duration_s)
    if format == "xml":
        return _xml(_or_rest(cues, rest), sound_file, duration_s)
    if format == "dat":
        return _dat(cues, duration_s, rest, frame_rate, PRESTON_BLAIR.__getitem__ if use_preston_blair else str)
    raise ValueError(f'mouth cues can not be written as "{format}": choose one of {", ".join(FORMATS)}')


def _tsv(cues: Sequence[MouthCue], duration_s: float, rest: str) -> str:
    lines = [f"{_time(cue.t_start)}\t{cue.shape}" for cue in cues]
    return "\n".join([*lines, f"{_time(duration_s)}\t{rest}", ""])


def _json(cues: Sequence[MouthCue], sound_file: str, duration_s: float) -> str:
    lines = [
        f'    {{ "start": {_time(cue.t_start)}, "end": {_time(cue.t_end)}, "value": "{cue.shape}" }}' for cue in cues
    ]
    return (
        "{\n"
        '  "metadata": {\n'
        f'    "soundFile": {orjson.dumps(sound_file).decode()},\n'
        f'    "duration": {_time(duration_s)}\n'
        "  },\n"
        '  "mouthCues": [\n' + ",\n".join(lines) + "\n  ]\n}\n"
    )


def _xml(cues: Sequence[MouthCue], sound_file: str, duration_s: float) -> str:
    lines = [
        f'    <mouthCue start="{_time(cue.t_start)}" end="{_time(cue.t_end)}">{cue.shape}</mouthCue>' for cue in cues
    ]
    return "\n".join([
        '<?xml version="1.0" encoding="utf-8"?>',
        "<rhubarbResult>",
        "  <metadata>",
        f"    <soundFile>{escape(sound_file)}</soundFile>",
        f"    <duration>{_time(duration_s)}</duration>",
        "  </metadata>",
        "  <mouthCues>",
        *lines,
        "  </mouthCues>",
        "</rhubarbResult>",
        "",
    ])  # fmt: skip


def _dat(
    cues: Sequence[MouthCue], duration_s: float, rest: str, frame_rate: Fraction, name: Callable[[str], str]
) -> str:
    if not 10 <= frame_rate <= 100:
        raise ValueError(f"a DAT file has 10 to 100 frames per second, not {frame_rate}: choose a rate within that")
    lines = ["MohoSwitch1"]
    last = 0
    for cue in cues:
        frame = _dat_frame(cue.t_start, frame_rate)
        if frame != last:
            lines.append(f"{frame} {name(cue.shape)}")
        last = frame
    end = _dat_frame(duration_s, frame_rate)
    return "\n".join([*lines, f"{end + 1 if end == last else end} {name(rest)}", ""])


def _dat_frame(t_s: float, frame_rate: Fraction) -> int:
    return 1 + math.floor(_hundredths(t_s) * frame_rate / 100)


def _or_rest(cues: Sequence[MouthCue], rest: str) -> Sequence[MouthCue]:
    """Rhubarb writes one cue without length where there is none."""
    return cues or (MouthCue(rest, 0.0, 0.0),)


def _hundredths(t_s: float) -> int:
    return int((Decimal(repr(float(t_s))) * 100).to_integral_value(ROUND_HALF_UP))


def _time(t_s: float) -> str:
    return f"{_hundredths(t_s) / 100:.2f}"
