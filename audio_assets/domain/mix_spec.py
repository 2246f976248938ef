"""The mix specification: which tracks sound when, how loud, and what ducks under what. Pure data, parsed and checked.

Rendering is in `resources/engines/mixer.py`, the gain that follows speech in `dsp/ducking.py`. Times are seconds,
gains decibels; times become samples once, in the renderer.

Input keys (JSON or TOML), all optional but `tracks`:
    tracks: [{path | line, role, gain | gain_db, offset, loop, fade_in, fade_out}]
    ducking: {trigger_roles, amount_db, attack, release, lookahead, hold, threshold_db}; true means all defaults
    sample_rate, channels, target_lufs, true_peak_db, duration, metadata
"""

import difflib
import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, Literal

SAMPLE_RATES_HZ = (8_000, 192_000)
MAX_HOURS = 24
DEFAULT_SAMPLE_RATE_HZ = 48_000
DEFAULT_N_CHANNELS = 2
DEFAULT_TRUE_PEAK_DB = -1.0
DEFAULT_ROLE = "voice"


class MixSpecError(ValueError):
    """The specification can not be mixed as it stands; one sentence says what, where and what to do."""


@dataclass(frozen=True, slots=True)
class MixTrack:
    """One sound in the mix: a file (`path`) or a dialogue line's partition key (`line`), which the caller resolves.

    `offset_s` places its first sample; a negative offset starts the mix that far inside the track. `loop` repeats it
    to the end of the mix. Fades are half-cosine and lie inside the part that sounds.
    """

    path: str = ""
    role: str = DEFAULT_ROLE
    gain_db: float = 0.0
    offset_s: float = 0.0
    loop: bool = False
    fade_in_s: float = 0.0
    fade_out_s: float = 0.0
    line: str = ""

    @property
    def source(self) -> str:
        """What names the audio: the path or the line."""
        return self.path or self.line


@dataclass(frozen=True, slots=True)
class Ducking:
    """How every other role steps back while one of `trigger_roles` sounds.

    The gain aims at `-amount_db` from `lookahead_s` before the triggers' level (RMS over 10 ms) passes
    `threshold_db` until `hold_s` after it fell below. Attack and release are time constants (63 %): with the defaults
    96 % of the reduction stands when speech begins, and a gap between words (up to 0.3 s) never lifts it.
    """

    trigger_roles: tuple[str, ...] = (DEFAULT_ROLE,)
    amount_db: float = 12.0
    attack_s: float = 0.06
    release_s: float = 0.35
    lookahead_s: float = 0.2
    threshold_db: float = -40.0
    hold_s: float = 0.4


@dataclass(frozen=True, slots=True)
class MixSpec:
    """A whole mix.

    `target_lufs` asks for one gain over the whole programme; None leaves the level as it sums. `true_peak_db` is the
    ceiling of the limiter. `duration_s` None ends the mix with its last track that does not loop.
    """

    tracks: tuple[MixTrack, ...]
    ducking: Ducking | None = None
    sample_rate_hz: int = DEFAULT_SAMPLE_RATE_HZ
    n_channels: int = DEFAULT_N_CHANNELS
    target_lufs: float | None = None
    true_peak_db: float = DEFAULT_TRUE_PEAK_DB
    duration_s: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def roles(self) -> tuple[str, ...]:
        """The tracks' roles, each once, in order of appearance."""
        return tuple(dict.fromkeys(track.role for track in self.tracks))


# --- Reading -----------------------------------------------------------------------------------------------------

_MIX_KEYS = (
    "tracks", "ducking", "sample_rate", "channels", "target_lufs", "true_peak_db", "duration", "metadata",
)  # fmt: skip
_TRACK_KEYS = ("path", "line", "role", "gain", "gain_db", "offset", "loop", "fade_in", "fade_out")
_DUCKING_KEYS = ("trigger_roles", "amount_db", "attack", "release", "lookahead", "hold", "threshold_db")


def parse_mix_text(source: str, format: Literal["json", "toml"], where: str) -> MixSpec:
    """Read a specification from JSON or TOML text.

    Raises:
        MixSpecError: not JSON or TOML, or as `parse_mix_spec`.
    """
    try:
        data = (
            json.loads(source.removeprefix("\ufeff"))
            if format == "json"
            else tomllib.loads(source.removeprefix("\ufeff"))
        )
    except ValueError as error:
        raise MixSpecError(f"{where}: not valid {format.upper()}: {error}") from error
    return parse_mix_spec(data, where)


def parse_mix_spec(data: Mapping[str, Any], where: str) -> MixSpec:
    """Read and check a specification; `where` (a file, an endpoint) begins every message.

    Raises:
        MixSpecError: an unknown or missing key, a wrong type, or any of `spec_faults`.
    """
    check_keys(table(data, where), _MIX_KEYS, where)
    entries = data.get("tracks")
    if not isinstance(entries, list | tuple):
        raise MixSpecError(f"{where}: tracks must be a list of tables such as {{path, role, gain_db, offset}}")
    duration_s, target_lufs = data.get("duration"), data.get("target_lufs")
    spec = MixSpec(
        tracks=tuple(_parse_track(entry, f"{where}: tracks[{number}]") for number, entry in enumerate(entries)),
        ducking=parse_ducking(data.get("ducking"), f"{where}: ducking"),
        sample_rate_hz=_whole(data, "sample_rate", DEFAULT_SAMPLE_RATE_HZ, where),
        n_channels=_whole(data, "channels", DEFAULT_N_CHANNELS, where),
        target_lufs=None if target_lufs is None else number(data, "target_lufs", 0.0, where),
        true_peak_db=number(data, "true_peak_db", DEFAULT_TRUE_PEAK_DB, where),
        duration_s=None if duration_s is None else number(data, "duration", 0.0, where),
        metadata=dict(table(data.get("metadata") or {}, f"{where}: metadata")),
    )
    check_spec(spec, where)
    return spec


def spec_record(spec: MixSpec) -> dict[str, Any]:
    """The specification as plain data with every default written out; `parse_mix_spec` reads it back unchanged."""
    ducking = spec.ducking and {
        "trigger_roles": list(spec.ducking.trigger_roles),
        "amount_db": spec.ducking.amount_db,
        "attack": spec.ducking.attack_s,
        "release": spec.ducking.release_s,
        "lookahead": spec.ducking.lookahead_s,
        "hold": spec.ducking.hold_s,
        "threshold_db": spec.ducking.threshold_db,
    }
    return {
        "tracks": [_track_record(track) for track in spec.tracks],
        "ducking": ducking,
        "sample_rate": spec.sample_rate_hz,
        "channels": spec.n_channels,
        "target_lufs": spec.target_lufs,
        "true_peak_db": spec.true_peak_db,
        "duration": spec.duration_s,
        "metadata": dict(spec.metadata),
    }


def resolved_paths(spec: MixSpec, folder: str) -> MixSpec:
    """The specification with every relative path taken from `folder`, an absolute one."""
    tracks = tuple(
        replace(track, path=str(PurePath(folder) / track.path)) if track.path else track for track in spec.tracks
    )
    return replace(spec, tracks=tracks)


def check_spec(spec: MixSpec, where: str) -> None:
    """Refuse a specification with faults.

    Raises:
        MixSpecError: one sentence with all of `spec_faults`.
    """
    if faults := spec_faults(spec):
        raise MixSpecError(f"{where}: {'; '.join(faults)}")


def spec_faults(spec: MixSpec) -> list[str]:
    """What keeps the specification from being mixed, in words; empty when it can be."""
    return [*_mix_faults(spec), *_track_faults(spec), *_ducking_faults(spec)]


def _parse_track(entry: Any, where: str) -> MixTrack:
    data = table(entry, where)
    check_keys(data, _TRACK_KEYS, where)
    if "gain" in data and "gain_db" in data:
        raise MixSpecError(f"{where} gives both gain (linear) and gain_db: keep one")
    gain_db = number(data, "gain_db", 0.0, where)
    if "gain" in data:
        gain = number(data, "gain", 1.0, where)
        if gain <= 0.0:
            raise MixSpecError(f"{where}: gain is {gain:g}; a linear gain is above 0 (leave the track out to mute it)")
        gain_db = 20.0 * math.log10(gain)
    return MixTrack(
        path=text(data, "path", "", where),
        line=text(data, "line", "", where),
        role=text(data, "role", DEFAULT_ROLE, where),
        gain_db=gain_db,
        offset_s=number(data, "offset", 0.0, where),
        loop=_flag(data, "loop", where),
        fade_in_s=number(data, "fade_in", 0.0, where),
        fade_out_s=number(data, "fade_out", 0.0, where),
    )


def parse_ducking(entry: Any, where: str) -> Ducking | None:
    """Ducking from its table, true (all defaults), false or nothing; ranges and roles are checked with the mix.

    Raises:
        MixSpecError: an unknown key or a wrong type.
    """
    if entry is None or entry is False:
        return None
    if entry is True:
        return Ducking()
    data = table(entry, where)
    check_keys(data, _DUCKING_KEYS, where)
    roles = data.get("trigger_roles", list(Ducking().trigger_roles))
    if not isinstance(roles, list | tuple) or not all(isinstance(role, str) for role in roles):
        raise MixSpecError(f'{where}: trigger_roles must be a list of role names such as ["voice"]')
    default = Ducking()
    return Ducking(
        trigger_roles=tuple(roles),
        amount_db=number(data, "amount_db", default.amount_db, where),
        attack_s=number(data, "attack", default.attack_s, where),
        release_s=number(data, "release", default.release_s, where),
        lookahead_s=number(data, "lookahead", default.lookahead_s, where),
        threshold_db=number(data, "threshold_db", default.threshold_db, where),
        hold_s=number(data, "hold", default.hold_s, where),
    )


def _track_record(track: MixTrack) -> dict[str, Any]:
    named = {"path": track.path} if track.path else {"line": track.line}
    return named | {
        "role": track.role,
        "gain_db": track.gain_db,
        "offset": track.offset_s,
        "loop": track.loop,
        "fade_in": track.fade_in_s,
        "fade_out": track.fade_out_s,
    }


def table(value: Any, where: str) -> Mapping[str, Any]:
    """`value` as a table.

    Raises:
        MixSpecError: it is none.
    """
    if not isinstance(value, Mapping):
        raise MixSpecError(f"{where} must be a table of keys and values, not {_kind(value)}")
    return value


def check_keys(data: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Refuse keys that are not `known`.

    Raises:
        MixSpecError: names every unknown key and the nearest valid one.
    """
    unknown = [str(key) for key in data if key not in known]
    if not unknown:
        return
    named = []
    for key in unknown:
        nearest = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
        named.append(f"{key!r} (did you mean {nearest[0]!r}?)" if nearest else repr(key))
    raise MixSpecError(f"{where}: unknown key {', '.join(named)}; valid keys are {', '.join(known)}")


def number(data: Mapping[str, Any], key: str, default: float, where: str) -> float:
    """The finite number at `key`, `default` where it is left out.

    Raises:
        MixSpecError: something else stands there.
    """
    value = data.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise MixSpecError(f"{where}: {key} must be a number, not {_kind(value)}")
    return float(value)


def _whole(data: Mapping[str, Any], key: str, default: int, where: str) -> int:
    value = number(data, key, default, where)
    if value != int(value):
        raise MixSpecError(f"{where}: {key} must be a whole number, not {value:g}")
    return int(value)


def text(data: Mapping[str, Any], key: str, default: str, where: str) -> str:
    """The text at `key`, `default` where it is left out.

    Raises:
        MixSpecError: something else stands there.
    """
    value = data.get(key, default)
    if not isinstance(value, str):
        raise MixSpecError(f"{where}: {key} must be text, not {_kind(value)}")
    return value


def _flag(data: Mapping[str, Any], key: str, where: str) -> bool:
    value = data.get(key, False)
    if not isinstance(value, bool):
        raise MixSpecError(f"{where}: {key} must be true or false, not {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    return "nothing" if value is None else f"{type(value).__name__} {value!r}"[:60]


# --- Checking ----------------------------------------------------------------------------------------------------


def _mix_faults(spec: MixSpec) -> list[str]:
    low_hz, high_hz = SAMPLE_RATES_HZ
    faults = [
        _out_of_range("sample_rate", spec.sample_rate_hz, low_hz, high_hz),
        _out_of_range("true_peak_db", spec.true_peak_db, -20.0, 0.0),
        _out_of_range("target_lufs", spec.target_lufs, -60.0, -5.0),
        _out_of_range("duration", spec.duration_s, 0.001, MAX_HOURS * 3600.0),
    ]
    if spec.n_channels not in (1, 2):
        faults.append(f"channels is {spec.n_channels}; a mix is mono (1) or stereo (2)")
    if not spec.tracks:
        faults.append("tracks is empty: name at least one file or line")
    elif spec.duration_s is None and all(track.loop for track in spec.tracks):
        faults.append("every track loops, so the mix has no end: give a duration")
    return [fault for fault in faults if fault]


def _track_faults(spec: MixSpec) -> list[str]:
    faults: list[str] = []
    first_seen: dict[MixTrack, int] = {}
    for number, track in enumerate(spec.tracks):
        name = f"tracks[{number}]"
        if bool(track.path) == bool(track.line):
            faults.append(f"{name} must name either a path or a line")
        if not track.role.strip():
            faults.append(f"{name} has an empty role")
        faults += [
            fault
            for fault in (
                _out_of_range(f"{name}.gain_db", track.gain_db, -120.0, 60.0),
                _out_of_range(f"{name}.offset", track.offset_s, -MAX_HOURS * 3600.0, MAX_HOURS * 3600.0),
                _out_of_range(f"{name}.fade_in", track.fade_in_s, 0.0, 3600.0),
                _out_of_range(f"{name}.fade_out", track.fade_out_s, 0.0, 3600.0),
            )
            if fault
        ]
        earlier = first_seen.setdefault(track, number)
        if earlier != number:
            faults.append(f"{name} repeats tracks[{earlier}] ({track.source}): drop one, or raise gain_db by 6")
    return faults


def _ducking_faults(spec: MixSpec) -> list[str]:
    ducking = spec.ducking
    if ducking is None:
        return []
    faults = [
        _out_of_range("ducking.amount_db", ducking.amount_db, 0.0, 80.0),
        _out_of_range("ducking.attack", ducking.attack_s, 0.001, 10.0),
        _out_of_range("ducking.release", ducking.release_s, 0.001, 30.0),
        _out_of_range("ducking.lookahead", ducking.lookahead_s, 0.0, 10.0),
        _out_of_range("ducking.hold", ducking.hold_s, 0.0, 30.0),
        _out_of_range("ducking.threshold_db", ducking.threshold_db, -90.0, 0.0),
    ]
    if not ducking.trigger_roles:
        faults.append("ducking.trigger_roles is empty: name the roles that are spoken over the others")
    missing = [role for role in ducking.trigger_roles if role not in spec.roles]
    if missing and spec.tracks:
        faults.append(
            f"ducking.trigger_roles names {', '.join(map(repr, missing))}, which no track has;"
            f" the roles there are: {', '.join(spec.roles)}"
        )
    return [fault for fault in faults if fault]


def _out_of_range(name: str, value: float | None, low: float, high: float) -> str:
    if value is None or low <= value <= high:
        return ""
    return f"{name} is {value:g}; it must lie between {low:g} and {high:g}"
