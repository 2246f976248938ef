"""The files of stems and messages: a voice held against the contract of stems, and stems joined to a message.

These functions run in worker processes, so they take and give plain values. A stem is a WAV file of PCM16, mono, at its
provider's own rate: `stem_artifact` reads it back strictly before anything is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from audio_assets.domain.artifacts import PICTURE, SPOKEN, WAV, Speak, voice_artifact, voice_name, wav_bytes
from audio_assets.domain.audio_contract import ANY_RATE, AudioContract, Container, ContractError, Encoding, decode
from audio_assets.domain.bitmerge import Part, Trim, bitmerge, check_merged, samples_of, silent_ends
from audio_assets.domain.dsp.levels import clipped_runs, measure_levels
from audio_assets.domain.pictures import waveform_picture
from audio_assets.domain.rendering import Rendered
from audio_assets.domain.schemas.records import Check
from audio_assets.domain.speech import SpeechRequest

MERGE = "merge.json"
MERGE_SCHEMA = "merge.1"
STEM_CONTAINER: Container = "wav"
STEM_ENCODING: Encoding = "pcm_s16le"
SILENT_BELOW_DB = -50.0
"""Edges are measured, and silence is told, by this level of single samples."""

_SHORTEST_S, _LONGEST_S = 0.03, 600.0
_LONGEST_EDGE_S = 1.0


@dataclass(frozen=True, slots=True)
class Said:
    """Who speaks, as the contract's signature counts it."""

    provider: str
    model: str
    api_version: str


def stem_artifact(speak: Speak, engine: str, request: SpeechRequest, character: str, *, who: Said) -> Rendered:
    """A stem: `out.wav` with `speech.json`, and all of its contract in the facts.

    Raises:
        ContractError: what was spoken is no whole, sounding, unclipped WAV of the contract.
    """
    spoken = voice_artifact(speak, engine, request, character)
    wav = spoken.files[WAV]
    if not isinstance(wav, bytes):
        raise ContractError(f"{engine} answered no sound")
    pcm, rate_hz = read_stem(wav)
    check_stem(pcm, rate_hz)
    leading, trailing = silent_ends(pcm, SILENT_BELOW_DB)
    voice = voice_name(request.voice)
    contract = AudioContract(STEM_CONTAINER, STEM_ENCODING, rate_hz)
    edges_s = max(leading, trailing) / rate_hz
    facts = {
        **spoken.facts, **asdict(who), "container": contract.container, "encoding": contract.encoding,
        "n_channels": contract.n_channels,
        "contract_signature": contract.signature(**asdict(who), voice=voice),
        "leading_silence_samples": leading, "trailing_silence_samples": trailing, "silence_below_db": SILENT_BELOW_DB,
    }  # fmt: skip
    edges = Check(
        "edges_not_silent", edges_s <= _LONGEST_EDGE_S,
        f"{leading} samples before and {trailing} after are silent, {edges_s:.2f} s, limit {_LONGEST_EDGE_S:g} s",
    )  # fmt: skip
    kept = tuple(check for check in spoken.checks if check.name in ("not_truncated", "not_over_long"))
    return replace(spoken, files={WAV: wav, SPOKEN: spoken.files[SPOKEN]}, facts=facts, checks=(*kept, edges))


def read_stem(wav: bytes, sample_rate_hz: int = ANY_RATE) -> tuple[NDArray[np.int16], int]:
    """The samples and the rate of a stem's file, read strictly.

    Raises:
        ContractError: its header and its data disagree, or it is of another container, encoding, rate or channel count.
    """
    found = decode(wav, AudioContract(STEM_CONTAINER, STEM_ENCODING, sample_rate_hz))
    if found.notes:
        raise ContractError("; ".join(found.notes))
    return found.pcm, found.sample_rate_hz


def check_stem(pcm: NDArray[np.int16], sample_rate_hz: int) -> None:
    """Refuse what can be no stem: too short or long, silent, clipped.

    Raises:
        ContractError: which of these.
    """
    duration_s = len(pcm) / sample_rate_hz
    if not _SHORTEST_S <= duration_s <= _LONGEST_S:
        raise ContractError(f"it lasts {duration_s:.3f} s; a stem lasts {_SHORTEST_S:g} to {_LONGEST_S:g} s")
    if silent_ends(pcm, SILENT_BELOW_DB)[0] == len(pcm):
        raise ContractError(f"it is silent: no sample reaches {SILENT_BELOW_DB:g} dB; look at its text")
    n_runs, longest = clipped_runs(pcm)
    if n_runs:
        raise ContractError(
            f"it is clipped: {n_runs} runs of samples at full scale, the longest {longest}; lower the volume of its "
            "provider or voice"
        )


@dataclass(frozen=True, slots=True)
class MessagePart:
    """A stem's file as a message takes it; `gap_ms` is before it."""

    stem: str
    content: str
    signature: str
    wav: bytes
    gap_ms: float
    trim: Trim | None


def message_artifact(parts: Sequence[MessagePart], tail_ms: float, facts: Mapping[str, Any]) -> Rendered:
    """A message: `out.wav`, and `merge.json` with where each stem's samples stand; checked from the written bytes.

    Raises:
        ContractError: a stem is damaged, or their rates differ.
        MergeError: nothing is left of a stem, or the file does not hold what its record says.
    """
    stems: list[NDArray[np.int16]] = []
    rate_hz = ANY_RATE
    for part in parts:
        try:
            pcm, rate_hz = read_stem(part.wav, rate_hz)
        except ContractError as error:
            raise ContractError(f"{part.stem}: {error}") from error
        stems.append(pcm)
    tail = samples_of(tail_ms, rate_hz)
    asked = [
        Part(part.stem, part.content, pcm, part.trim, samples_of(part.gap_ms, rate_hz))
        for part, pcm in zip(parts, stems, strict=True)
    ]
    merged, placed = bitmerge(asked, rate_hz, tail)
    wav = wav_bytes(merged, rate_hz)
    check_merged(read_stem(wav, rate_hz)[0], placed, stems, tail)
    levels = measure_levels(merged, rate_hz)
    rows = [
        {**asdict(one), "contract_signature": part.signature, "trim": None if part.trim is None else asdict(part.trim)}
        for one, part in zip(placed, parts, strict=True)
    ]
    record = {
        "schema": MERGE_SCHEMA, "container": STEM_CONTAINER, "encoding": STEM_ENCODING, "sample_rate_hz": rate_hz,
        "n_channels": 1, "n_samples": len(merged), "tail": tail, "parts": rows,
    }  # fmt: skip
    return Rendered(
        files={WAV: wav, MERGE: orjson.dumps(record, option=orjson.OPT_INDENT_2)},
        previews={PICTURE: waveform_picture(merged, rate_hz, None)},
        facts={
            **facts, "duration_s": round(len(merged) / rate_hz, 4), "n_samples": len(merged), "sample_rate_hz": rate_hz,
            "container": STEM_CONTAINER, "encoding": STEM_ENCODING, "n_channels": 1, "n_parts": len(placed),
            "peak_db": None if levels.peak_db is None else round(levels.peak_db, 2),
        },
        checks=(Check("bit_exact", passed=True, detail=f"{len(placed)} parts stand bit for bit", blocking=True),),
    )  # fmt: skip
