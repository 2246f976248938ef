"""Renders a mix specification to a WAV file: files in, file out, block by block, the same bytes for any block size.

The plan is in `audio_assets/domain/mix_spec.py`, the signal processing in `audio_assets/domain/dsp`, file access in
`resources/audio_files.py`; here they meet. Order of work: tracks -> gain and fades -> triggers summed, the rest summed
and ducked -> one gain for the whole programme (when a loudness is asked for) -> true-peak limiter -> meter -> file.
"""

import math
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.dsp.ducking import Ducker, add_hop_powers, add_with_gain_line, hop_samples
from audio_assets.domain.dsp.levels import amplitude, decibels
from audio_assets.domain.dsp.loudness import Block, Loudness, LoudnessMeter, TruePeakLimiter
from audio_assets.domain.mix_spec import MixSpec, MixTrack, check_spec
from resources.audio_files import AudioFileError, AudioInfo, AudioReader, Encoding, WavWriter, probe_audio

N_CURVE_POINTS = 400
_N_BLOCK = 32_768  # 256 KiB of stereo: a few of them fit the second-level cache
_FLOOR_DB = -90.0  # what a picture shows for silence
_DUCKED_FROM_DB = 1.0  # a reduction of less is not counted as ducked time


class MixError(ValueError):
    """The mix can not be rendered; one sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class TrackReport:
    """What one track gave to the mix.

    `duration_s` is the part that sounds, `source_duration_s` the file's. `peak_db`, `integrated_lufs` and
    `range_lu` are measured as mixed: after gain and fades, before ducking.
    """

    source: str
    role: str
    gain_db: float
    offset_s: float
    duration_s: float
    source_duration_s: float
    source_sample_rate_hz: int
    source_n_channels: int
    peak_db: float | None
    integrated_lufs: float | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DuckingReport:
    """What the ducking did. Ducked time is time with more than 1 dB of reduction; the mean is over that time."""

    n_events: int
    max_reduction_db: float
    mean_reduction_db: float
    ducked_share: float


@dataclass(frozen=True, slots=True)
class LimiterReport:
    """What the true-peak limiter did; `limited_s` is time with more than 0.1 dB of reduction."""

    max_reduction_db: float
    limited_s: float


@dataclass(frozen=True, slots=True)
class MixCurve:
    """A coarse picture of the mix: at most 400 points, `step_s` apart.

    `level_db` holds the RMS of each role before ducking (its tracks' powers added), `ducking_db` the mean gain.
    """

    step_s: float
    level_db: dict[str, list[float]]
    ducking_db: list[float]


@dataclass(frozen=True, slots=True)
class MixReport:
    """The finished file, measured. `loudness_gain_db` is the gain that brought it to the target, 0 without one.

    `notes` say what a listener or an editor should know: one sentence each, the tracks' own among them.
    """

    duration_s: float
    n_samples: int
    sample_rate_hz: int
    n_channels: int
    container: str
    encoding: str
    integrated_lufs: float | None
    range_lu: float | None
    true_peak_db: float | None
    loudness_gain_db: float
    tracks: tuple[TrackReport, ...]
    ducking: DuckingReport | None
    limiter: LimiterReport
    curve: MixCurve
    notes: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """The report as plain data for JSON."""
        return asdict(self)


def render_mix(
    spec: MixSpec,
    sources: Mapping[str, Path],
    out_path: Path,
    *,
    encoding: Encoding = "PCM_16",
    has_track_loudness: bool = True,
    n_block: int = _N_BLOCK,
) -> MixReport:
    """Render `spec` to a WAV file at `out_path`, which appears only when whole.

    `sources` gives the file of each track's `source` (path or line); a path that is not in it is used as it stands.
    `has_track_loudness=False` leaves the tracks' `integrated_lufs` out (None): 40 % of a plain mix's CPU time.
    With a loudness target the mix goes through a temporary float file beside `out_path` (8 bytes per stereo sample).

    Raises:
        MixSpecError: the specification has faults.
        MixError: a line has no file; the output would overwrite a source; nothing to render.
        AudioFileError: a source can not be read (missing, not audio, NaN) or the output not written.
    """
    check_spec(spec, "mix")
    plan = _plan(spec, sources)
    if any(out_path.exists() and out_path.samefile(track.info.path) for track in plan.tracks):
        raise MixError(f"the mix would overwrite its own source {out_path}: name another file")
    partial = out_path.with_name(f".{out_path.name}.partial")
    writer = WavWriter(
        partial,
        sample_rate_hz=spec.sample_rate_hz,
        n_channels=spec.n_channels,
        n_samples=plan.n_samples,
        encoding=encoding,
    )
    try:
        report = _render(plan, writer, n_block, has_track_loudness)
        partial.replace(out_path)
    except BaseException:
        writer.abandon()
        partial.unlink(missing_ok=True)
        raise
    return report


# --- Plan --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _PlannedTrack:
    """A track in samples of the mix: it sounds in [start, end), after `n_skipped` samples of its source."""

    track: MixTrack
    info: AudioInfo
    start: int
    end: int
    n_skipped: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    spec: MixSpec
    n_samples: int
    tracks: tuple[_PlannedTrack, ...]


def _plan(spec: MixSpec, sources: Mapping[str, Path]) -> _Plan:
    infos = [probe_audio(_file_of(track, sources)) for track in spec.tracks]
    ends = [
        round(track.offset_s * spec.sample_rate_hz) + info.n_samples_at(spec.sample_rate_hz)
        for track, info in zip(spec.tracks, infos, strict=True)
        if not track.loop
    ]
    n_samples = round(spec.duration_s * spec.sample_rate_hz) if spec.duration_s is not None else max(0, *ends, 0)
    if n_samples == 0:
        raise MixError("the mix has no length: its tracks hold no samples, or end before it begins")
    return _Plan(spec, n_samples, tuple(_place(t, i, spec, n_samples) for t, i in zip(spec.tracks, infos, strict=True)))


def _file_of(track: MixTrack, sources: Mapping[str, Path]) -> Path:
    if track.source in sources:
        return sources[track.source]
    if track.line:
        raise MixError(f"line {track.line!r} has no audio file: render its voice first")
    return Path(track.path)


def _place(track: MixTrack, info: AudioInfo, spec: MixSpec, n_samples: int) -> _PlannedTrack:
    rate_hz = spec.sample_rate_hz
    n_source = info.n_samples_at(rate_hz)
    offset = round(track.offset_s * rate_hz)
    end = n_samples if track.loop else min(n_samples, offset + n_source)
    start = min(max(0, offset), max(end, 0))
    end = max(start, end)
    notes: list[str] = []
    if track.loop and info.n_samples == 0:
        raise AudioFileError(f"{info.path} holds no samples: it can not be looped")
    if offset < 0:
        notes.append(f"{track.source} starts {-offset / rate_hz:.3f} s into its source (negative offset)")
    if end == start and n_source > 0:
        notes.append(f"{track.source} lies outside the mix and is not heard")
    elif not track.loop and offset + n_source > n_samples:
        n_cut = offset + n_source - n_samples
        notes.append(f"{track.source} is cut by the end of the mix: its last {n_cut / rate_hz:.3f} s are not heard")
    return _PlannedTrack(track, info, start, end, max(0, -offset), tuple(notes))


# --- Tracks ------------------------------------------------------------------------------------------------------


class _TrackStream:
    """One track's samples on the mix's clock, with gain and fades, measured as they pass."""

    def __init__(self, planned: _PlannedTrack, spec: MixSpec, has_loudness: bool) -> None:
        self.planned = planned
        self.spec = spec
        self._reader: AudioReader | None = None
        self._meter = LoudnessMeter(
            spec.sample_rate_hz, spec.n_channels, has_loudness=has_loudness, has_true_peak=False
        )
        self._gain = np.float32(amplitude(planned.track.gain_db))
        self._notes = planned.info.notes

    def read(self, start: int, n_samples: int) -> Block:
        """The samples in [start, start + n_samples), in which the track sounds. Calls move forward only."""
        planned = self.planned
        if self._reader is None:
            self._reader = AudioReader(
                planned.info.path,
                sample_rate_hz=self.spec.sample_rate_hz,
                n_channels=self.spec.n_channels,
                is_looped=planned.track.loop,
            )
            self._reader.skip(planned.n_skipped)
        first, last = max(start, planned.start), min(start + n_samples, planned.end)
        block = self._reader.read(last - first)
        if self._gain != 1.0:
            block *= self._gain
        self._fade(block, first)
        self._meter.add(block)
        if last == planned.end:
            self.close()
        if len(block) == n_samples:
            return block
        padded = np.zeros((n_samples, self.spec.n_channels), dtype=np.float32)
        padded[first - start : first - start + len(block)] = block
        return padded

    def close(self) -> None:
        """Close the file; the track has nothing more to give."""
        if self._reader is not None:
            self._notes = self._reader.notes
            self._reader.close()
            self._reader = None

    def report(self) -> TrackReport:
        """What was mixed."""
        planned, loudness = self.planned, self._meter.result()
        return TrackReport(
            source=planned.track.source,
            role=planned.track.role,
            gain_db=planned.track.gain_db,
            offset_s=planned.track.offset_s,
            duration_s=(planned.end - planned.start) / self.spec.sample_rate_hz,
            source_duration_s=planned.info.duration_s,
            source_sample_rate_hz=planned.info.sample_rate_hz,
            source_n_channels=planned.info.n_channels,
            peak_db=loudness.peak_db,
            integrated_lufs=loudness.integrated_lufs,
            notes=(*planned.notes, *self._notes),
        )

    def _fade(self, block: Block, first: int) -> None:
        rate_hz = self.spec.sample_rate_hz
        _fade_edge(block, first - self.planned.start, round(self.planned.track.fade_in_s * rate_hz))
        n_after = self.planned.end - first - len(block)
        _fade_edge(block[::-1], n_after, round(self.planned.track.fade_out_s * rate_hz))


def _fade_edge(block: Block, n_before: int, n_fade: int) -> None:
    """Scale in place by a rising half cosine of `n_fade` samples, `n_before` of which lie before `block`."""
    n = min(len(block), n_fade - n_before)
    if n > 0:
        rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(n_before, n_before + n) / n_fade)
        block[:n] *= rise.astype(np.float32)[:, np.newaxis]


# --- Mixing ------------------------------------------------------------------------------------------------------


class _Group:
    """Tracks summed together. Only those that sound are looked at, so that a thousand lines cost no more than one."""

    def __init__(self, streams: Iterable[_TrackStream]) -> None:
        # One order for all blocks: sums of floats depend on it.
        self._waiting = deque(sorted(streams, key=lambda stream: stream.planned.start))
        self._sounding: list[_TrackStream] = []

    def sounding(self, start: int, end: int) -> list[_TrackStream]:
        """The tracks that sound somewhere in [start, end); calls move forward only."""
        while self._waiting and self._waiting[0].planned.start < end:
            self._sounding.append(self._waiting.popleft())
        self._sounding = [stream for stream in self._sounding if stream.planned.end > start]
        return self._sounding


@dataclass(slots=True)
class _Bus:
    """One block of summed tracks: samples and the power of each hop, added over the tracks."""

    samples: Block
    powers: NDArray[np.float64]


class _Mixer:
    """Sums and ducks the tracks; `blocks` yields the mix."""

    def __init__(self, plan: _Plan, n_block: int, has_track_loudness: bool) -> None:
        spec = plan.spec
        self.plan = plan
        self.hop = hop_samples(spec.sample_rate_hz)
        self.n_block = max(1, n_block // self.hop) * self.hop  # gains and powers live on hops: blocks are whole hops
        self.streams = [_TrackStream(planned, spec, has_track_loudness) for planned in plan.tracks]
        roles = spec.ducking.trigger_roles if spec.ducking else ()
        self._triggers = _Group(stream for stream in self.streams if stream.planned.track.role in roles)
        self._others = _Group(stream for stream in self.streams if stream.planned.track.role not in roles)
        self.ducker = Ducker(spec.ducking, spec.sample_rate_hz) if spec.ducking else None
        self.curve = _CurveBuilder(plan, self.hop)
        self.reduction = _ReductionMeter()

    def blocks(self) -> Iterator[Block]:
        """The mix from its first sample to its last."""
        n_samples = self.plan.n_samples
        try:
            ahead = self._trigger_blocks()
            for start in range(0, n_samples, self.n_block):
                trigger = next(ahead)
                n = min(self.n_block, n_samples - start)
                yield self._mixed(start, trigger)[:n]
        finally:
            for stream in self.streams:
                stream.close()

    def _mixed(self, start: int, trigger: _Bus) -> Block:
        n_hops = self.n_block // self.hop
        if self.ducker is None:
            return self._sum(self._others, start, trigger.samples).samples
        gains_db = self.ducker.take(n_hops)
        n_real = min(n_hops, -(-(self.plan.n_samples - start) // self.hop))
        self.curve.add_gain(start // self.hop, gains_db[1 : n_real + 1])
        self.reduction.add(gains_db[1 : n_real + 1])
        bed = self._sum(self._others, start, None).samples
        add_with_gain_line(trigger.samples, bed, 10.0 ** (gains_db / 20.0), self.hop)
        return trigger.samples

    def _trigger_blocks(self) -> Iterator[_Bus]:
        """The triggers' sum, rendered ahead of its use by the look-ahead, so that the ducker knows what comes."""
        n_ahead = -(-self.ducker.n_lookahead * self.hop // self.n_block) if self.ducker else 0
        waiting: deque[_Bus] = deque()
        for start in range(0, self.plan.n_samples, self.n_block):
            bus = self._sum(self._triggers, start, None)
            if self.ducker is not None:
                self.ducker.push(bus.powers)
            waiting.append(bus)
            if len(waiting) > n_ahead:
                yield waiting.popleft()
        if self.ducker is not None:
            self.ducker.end()
        yield from waiting

    def _sum(self, group: _Group, start: int, onto: Block | None) -> _Bus:
        n_hops = self.n_block // self.hop
        shape = (self.n_block, self.plan.spec.n_channels)
        total = np.zeros(shape, dtype=np.float32) if onto is None else onto
        powers = np.zeros(n_hops)
        for stream in group.sounding(start, start + self.n_block):
            block = stream.read(start, self.n_block)
            own = np.zeros(n_hops)
            add_hop_powers(block, self.hop, own)
            self.curve.add_power(stream.planned.track.role, start // self.hop, own)
            powers += own
            total += block
        return _Bus(total, powers)


class _ReductionMeter:
    def __init__(self) -> None:
        self._n_hops = 0
        self._n_ducked = 0
        self._total_db = 0.0
        self._max_db = 0.0

    def add(self, gains_db: NDArray[np.float64]) -> None:
        ducked = gains_db[gains_db < -_DUCKED_FROM_DB]
        self._n_hops += len(gains_db)
        self._n_ducked += len(ducked)
        # Added one after the other (unlike `sum`), so that block sizes do not change the result.
        self._total_db = float(np.cumsum(np.concatenate([[self._total_db], -ducked]))[-1])
        self._max_db = max(self._max_db, -float(gains_db.min(initial=0.0)))

    def report(self, n_events: int) -> DuckingReport:
        mean_db = self._total_db / self._n_ducked if self._n_ducked else 0.0
        return DuckingReport(n_events, self._max_db, mean_db, self._n_ducked / max(1, self._n_hops))


class _CurveBuilder:
    """Gathers hop levels into at most `N_CURVE_POINTS` buckets."""

    def __init__(self, plan: _Plan, hop: int) -> None:
        n_hops = -(-plan.n_samples // hop)
        self._n_bucket = -(-n_hops // N_CURVE_POINTS)
        n_points = -(-n_hops // self._n_bucket)
        self._step_s = self._n_bucket * hop / plan.spec.sample_rate_hz
        self._n_hops = np.bincount(np.arange(n_hops) // self._n_bucket, minlength=n_points)
        self._powers = {role: np.zeros(n_points + 1) for role in plan.spec.roles}
        self._gains = np.zeros(n_points + 1)

    def add_power(self, role: str, first_hop: int, powers: NDArray[np.float64]) -> None:
        self._add(self._powers[role], first_hop, powers)

    def add_gain(self, first_hop: int, gains_db: NDArray[np.float64]) -> None:
        self._add(self._gains, first_hop, gains_db)

    def curve(self) -> MixCurve:
        levels = {
            role: [_rounded(decibels(math.sqrt(power))) for power in powers[:-1] / self._n_hops]
            for role, powers in self._powers.items()
        }
        return MixCurve(self._step_s, levels, [round(float(gain), 2) for gain in self._gains[:-1] / self._n_hops])

    def _add(self, buckets: NDArray[np.float64], first_hop: int, values: NDArray[np.float64]) -> None:
        at = np.minimum((first_hop + np.arange(len(values))) // self._n_bucket, len(buckets) - 1)
        np.add.at(buckets, at, values)  # one after the other, so that block sizes do not change the sums


def _rounded(level_db: float | None) -> float:
    return _FLOOR_DB if level_db is None else round(max(_FLOOR_DB, level_db), 2)


# --- Mastering ---------------------------------------------------------------------------------------------------


def _render(plan: _Plan, writer: WavWriter, n_block: int, has_track_loudness: bool) -> MixReport:
    spec = plan.spec
    mixer = _Mixer(plan, n_block, has_track_loudness)
    gain_db = 0.0
    notes: list[str] = []
    if spec.target_lufs is None:
        limiter, loudness = _master(mixer.blocks(), 0.0, spec, writer)
    else:
        with tempfile.TemporaryFile(dir=writer.path.parent) as spool:
            before = _spool(mixer.blocks(), spool, spec)
            gain_db, notes = _loudness_gain(before, spec.target_lufs)
            limiter, loudness = _master(_unspool(spool, spec, n_block), gain_db, spec, writer)
    writer.close()
    tracks = tuple(stream.report() for stream in mixer.streams)
    notes += _loudness_notes(loudness, spec)
    notes += [note for track in tracks for note in track.notes]
    return MixReport(
        duration_s=plan.n_samples / spec.sample_rate_hz,
        n_samples=plan.n_samples,
        sample_rate_hz=spec.sample_rate_hz,
        n_channels=spec.n_channels,
        container=writer.container,
        encoding=writer.encoding,
        integrated_lufs=loudness.integrated_lufs,
        range_lu=loudness.range_lu,
        true_peak_db=loudness.true_peak_db,
        loudness_gain_db=gain_db,
        tracks=tracks,
        ducking=mixer.reduction.report(mixer.ducker.n_events) if mixer.ducker else None,
        limiter=LimiterReport(limiter.max_reduction_db, limiter.n_limited_samples / spec.sample_rate_hz),
        curve=mixer.curve.curve(),
        notes=tuple(dict.fromkeys(notes)),
    )


def _master(
    blocks: Iterable[Block], gain_db: float, spec: MixSpec, writer: WavWriter
) -> tuple[TruePeakLimiter, Loudness]:
    limiter = TruePeakLimiter(spec.sample_rate_hz, spec.n_channels, ceiling_db=spec.true_peak_db)
    meter = LoudnessMeter(spec.sample_rate_hz, spec.n_channels)
    gain = np.float32(amplitude(gain_db))

    def put(block: Block) -> None:
        meter.add(block)
        writer.write(block)

    for block in blocks:
        put(limiter.push(block if gain == 1.0 else block * gain))
    put(limiter.flush())
    return limiter, meter.result()


def _spool(blocks: Iterable[Block], spool: Any, spec: MixSpec) -> Loudness:
    meter = LoudnessMeter(spec.sample_rate_hz, spec.n_channels, has_true_peak=False)
    for block in blocks:
        meter.add(block)
        spool.write(np.ascontiguousarray(block).data)
    return meter.result()


def _unspool(spool: Any, spec: MixSpec, n_block: int) -> Iterator[Block]:
    spool.seek(0)
    while data := spool.read(n_block * spec.n_channels * 4):
        yield np.frombuffer(data, dtype=np.float32).reshape(-1, spec.n_channels)


def _loudness_gain(before: Loudness, target_lufs: float) -> tuple[float, list[str]]:
    if before.integrated_lufs is None:
        return 0.0, [f"the mix is silent or shorter than 0.4 s: it has no loudness to bring to {target_lufs:g} LUFS"]
    return target_lufs - before.integrated_lufs, []


def _loudness_notes(loudness: Loudness, spec: MixSpec) -> list[str]:
    if spec.target_lufs is None or loudness.integrated_lufs is None:
        return []
    missed_lu = spec.target_lufs - loudness.integrated_lufs
    if abs(missed_lu) < 0.1:
        return []
    return [
        f"the mix is {missed_lu:.1f} LU under its target of {spec.target_lufs:g} LUFS, which its peaks do not allow"
        f" under {spec.true_peak_db:g} dBTP"
    ]
