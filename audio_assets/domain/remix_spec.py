"""What a music remix is asked for, and what a style does: requests, chains of effects, how a style writes music.

Pure data, parsed and checked. The effects themselves are in `dsp/`, their order of work in `music/remixing.py`, the
composer in `music/compose.py`. Styles stand in `workflows/remix_styles.toml`; a user's own file has the same shape.

A style in TOML:
    [dusty]
    about = "what it sounds like"
    prompt = "what to say to a provider that makes music from words"     # left out: `about`
    target_lufs = -16.0
    steps = [{ effect = "low_pass", cutoff_hz = 4000 }, { effect = "vinyl" }]    # settings left out have defaults
    [dusty.compose]     # how it writes a cue where there is no source track
    bpm = [70, 84]
    mode = "minor"
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from audio_assets.domain.toml_tables import TomlError, nearest, parse_toml

SHORTEST_S, LONGEST_S = 5.0, 600.0
"""What a remix or a cue may be asked to last."""


class RemixError(ValueError):
    """A remix can not be made as it is asked for; one sentence says what, where and what to do."""


@dataclass(frozen=True, slots=True)
class RemixRequest:
    """Music for a scene: `source_track` in `target_style`, or, where it is empty, a cue composed in that style.

    `duration_s` loops, shortens or composes to this length; None keeps what comes. `provider`, `model` and `fallback`
    are "" for what the studio's settings say. `lyrics` are for providers that sing; `source_share` (0 to 1, None for
    half) is how much of the source track a provider keeps that makes music anew.
    """

    scene_id: str
    target_style: str
    source_track: str = ""
    seed: int = 0
    mood_tags: tuple[str, ...] = ()
    duration_s: float | None = None
    provider: str = ""
    model: str = ""
    fallback: str = ""
    lyrics: str = ""
    source_share: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One effect of a chain with every setting of it."""

    effect: str
    settings: Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class Composition:
    """How a style writes music: the range its tempo is taken from, mode, harmony and who plays.

    `swing` moves every second sixteenth late, by this share of a sixteenth.
    """

    bpm: tuple[float, float] = (92.0, 108.0)
    mode: str = "major"
    harmony: str = "triads"
    drums: str = "rock"
    chords: str = "pad"
    bass: str = "round"
    lead: str = "keys"
    swing: float = 0.0


@dataclass(frozen=True, slots=True)
class Style:
    """A named chain of effects, the loudness it ends at, and how it composes.

    `about` is for people, `prompt` for providers that make music from words; "" lets them read `about`.
    """

    name: str
    steps: tuple[Step, ...] = ()
    compose: Composition = field(default_factory=Composition)
    target_lufs: float = -14.0
    about: str = ""
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """A number an effect takes: what it is when left out, and its range."""

    default: float
    low: float
    high: float


EFFECTS: dict[str, dict[str, Setting]] = {
    # time and pitch
    "tempo": {"ratio": Setting(1.0, 0.5, 2.0)},
    "pitch": {"semitones": Setting(0.0, -12.0, 12.0)},
    "speed": {"ratio": Setting(1.0, 0.5, 2.0)},
    # tone
    "low_pass": {"cutoff_hz": Setting(8000.0, 20.0, 20_000.0), "order": Setting(2.0, 1.0, 8.0)},
    "high_pass": {"cutoff_hz": Setting(40.0, 20.0, 20_000.0), "order": Setting(2.0, 1.0, 8.0)},
    "low_shelf": {"corner_hz": Setting(150.0, 20.0, 20_000.0), "gain_db": Setting(3.0, -24.0, 24.0)},
    "high_shelf": {"corner_hz": Setting(6000.0, 20.0, 20_000.0), "gain_db": Setting(3.0, -24.0, 24.0)},
    "peak": {
        "center_hz": Setting(1000.0, 20.0, 20_000.0), "gain_db": Setting(3.0, -24.0, 24.0), "q": Setting(1.0, 0.1, 10.0)
    },
    "saturation": {"drive_db": Setting(6.0, 0.0, 36.0), "mix": Setting(1.0, 0.0, 1.0)},
    "square": {"amount": Setting(0.5, 0.0, 1.0)},
    "crush": {"bits": Setting(8.0, 2.0, 16.0), "rate_hz": Setting(22_050.0, 1000.0, 44_100.0)},
    # tape, record
    "wow": {
        "wow_cents": Setting(8.0, 0.0, 100.0), "wow_hz": Setting(0.6, 0.05, 4.0),
        "flutter_cents": Setting(2.0, 0.0, 50.0), "flutter_hz": Setting(7.0, 2.0, 30.0),
    },
    "vinyl": {
        "crackle_db": Setting(-30.0, -80.0, 0.0), "hiss_db": Setting(-54.0, -100.0, -20.0),
        "clicks_per_s": Setting(8.0, 0.0, 200.0),
    },
    # room
    "reverb": {
        "decay_s": Setting(2.0, 0.1, 12.0), "mix": Setting(0.25, 0.0, 1.0), "predelay_ms": Setting(15.0, 0.0, 250.0),
        "damping_hz": Setting(6000.0, 500.0, 20_000.0),
    },
    "echo": {"beats": Setting(0.75, 0.125, 4.0), "feedback": Setting(0.35, 0.0, 0.9), "mix": Setting(0.2, 0.0, 1.0)},
    "width": {"amount": Setting(1.0, 0.0, 2.0)},
    "smear": {"window_s": Setting(0.35, 0.05, 2.0), "mix": Setting(0.7, 0.0, 1.0)},
    # dynamics
    "soften": {"amount_db": Setting(12.0, 0.0, 36.0), "attack_ms": Setting(80.0, 5.0, 500.0)},
    "compress": {
        "threshold_db": Setting(-20.0, -60.0, 0.0), "ratio": Setting(3.0, 1.0, 20.0),
        "attack_ms": Setting(10.0, 0.1, 200.0), "release_ms": Setting(150.0, 5.0, 2000.0),
    },
    "gate": {
        "beats": Setting(0.25, 0.125, 4.0), "open": Setting(0.5, 0.05, 0.95), "depth_db": Setting(24.0, 0.0, 60.0)
    },
    "pump": {"depth_db": Setting(8.0, 0.0, 36.0), "release": Setting(0.6, 0.1, 1.0)},
    "drums": {"level_db": Setting(-6.0, -36.0, 6.0)},
    "gain": {"gain_db": Setting(0.0, -36.0, 36.0)},
}  # fmt: skip
"""Every effect and its settings.

`beats` are lengths in beats of the song; `release` is a share of a beat; `mix` 0 is dry, 1 wet; `speed` changes tempo
and pitch together, as a record player does.
"""

MODES = ("major", "minor", "dorian", "mixolydian", "lydian", "phrygian")
HARMONIES = ("triads", "sevenths", "power")
DRUMS = ("none", "boom_bap", "four_on_floor", "rock", "half_time", "breakbeat", "chip")
VOICES = ("pad", "strings", "keys", "pluck", "bell", "saw", "pulse", "flute")
BASSES = ("round", "sub", "saw", "chip", "upright")

_CHOICES = {"mode": MODES, "harmony": HARMONIES, "drums": DRUMS, "chords": VOICES, "bass": BASSES}
_CHOICES["lead"] = (*VOICES, "none")
_REQUEST_KEYS = tuple(field.name for field in fields(RemixRequest))
_LATER = ("provider", "model", "fallback", "lyrics", "source_share")  # keys that the first requests did not have
_STYLE_KEYS = ("about", "prompt", "target_lufs", "steps", "compose")
_COMPOSE_KEYS = ("bpm", "swing", *_CHOICES)
_BPM_RANGE = (40.0, 220.0)
_LUFS_RANGE = (-36.0, -8.0)
_MAX_SEED = 2**63 - 1
_MAX_SWING = 0.6


# --- Requests ----------------------------------------------------------------------------------------------------


def parse_remix_request(value: Mapping[str, Any], path: str) -> RemixRequest:
    """A request from plain data; `path` (a file, an endpoint) begins every message.

    Raises:
        RemixError: an unknown or missing key, a wrong type, a length out of range.
    """
    data = _table(value, path)
    _check_keys(data, _REQUEST_KEYS, path)
    duration, share = data.get("duration_s"), data.get("source_share")
    return RemixRequest(
        scene_id=_required_text(data, "scene_id", "scene.harbour", path),
        target_style=_required_text(data, "target_style", "lofi", path),
        source_track=_text(data, "source_track", path),
        seed=_seed(data, path),
        mood_tags=_tags(data, path),
        duration_s=None if duration is None else _number(data, "duration_s", SHORTEST_S, LONGEST_S, path),
        provider=_text(data, "provider", path),
        model=_text(data, "model", path),
        fallback=_text(data, "fallback", path),
        lyrics=_text(data, "lyrics", path),
        source_share=None if share is None else _number(data, "source_share", 0.0, 1.0, path),
    )


def request_record(request: RemixRequest) -> dict[str, Any]:
    """The request as plain data; `parse_remix_request` reads it back unchanged.

    Every default is written out but those of keys that came later: a request that does not use them stays what it was,
    with the action keys and files of its time.
    """
    record = asdict(request) | {"mood_tags": list(request.mood_tags)}
    return {key: value for key, value in record.items() if key not in _LATER or value not in ("", None)}


def without_maker(request: RemixRequest) -> RemixRequest:
    """The request without who is to make it: what is left decides what is made."""
    return replace(request, provider="", model="", fallback="")


# --- Styles ------------------------------------------------------------------------------------------------------


def parse_styles(data: bytes, path: str, *, base: Mapping[str, Style] | None = None) -> dict[str, Style]:
    """The styles of a TOML file, on top of those of `base`: a key that a style leaves out is taken from there.

    Raises:
        RemixError: not TOML; an unknown effect, setting or key; a value of the wrong type or out of range.
    """
    try:
        tables = parse_toml(data, path)
    except TomlError as error:
        raise RemixError(str(error)) from error
    styles = dict(base or {})
    for name, value in tables.items():
        styles[name] = _style(name, _table(value, f"{path}: [{name}]"), styles.get(name, Style(name)), path)
    return styles


def style_named(styles: Mapping[str, Style], name: str, where: str) -> Style:
    """The style called `name`.

    Raises:
        RemixError: there is none; names the nearest one.
    """
    if name not in styles:
        raise RemixError(f"{where}: there is no style '{name}'; {_hint(name, styles)}")
    return styles[name]


def style_record(style: Style) -> dict[str, Any]:
    """What a style does here, as plain data with every setting written out, as it enters an action key.

    Its `prompt` does nothing here: it enters the keys of those that it is sent to, as part of what is sent.
    """
    return {
        "name": style.name,
        "about": style.about,
        "target_lufs": style.target_lufs,
        "steps": [{"effect": step.effect, **step.settings} for step in style.steps],
        "compose": asdict(style.compose) | {"bpm": list(style.compose.bpm)},
    }


def style_from_record(record: Mapping[str, Any]) -> Style:
    """The style that `style_record` wrote; without a prompt, which does nothing here."""
    steps = tuple(Step(step["effect"], {k: v for k, v in step.items() if k != "effect"}) for step in record["steps"])
    compose = Composition(**{**record["compose"], "bpm": tuple(record["compose"]["bpm"])})
    return Style(record["name"], steps, compose, record["target_lufs"], record["about"])


def _style(name: str, data: Mapping[str, Any], base: Style, path: str) -> Style:
    where = f"{path}: [{name}]"
    _check_keys(data, _STYLE_KEYS, where)
    style = replace(base, name=name)
    if "about" in data:
        style = replace(style, about=_text(data, "about", where))
    if "prompt" in data:
        style = replace(style, prompt=_text(data, "prompt", where))
    if "target_lufs" in data:
        style = replace(style, target_lufs=_number(data, "target_lufs", *_LUFS_RANGE, where))
    if "steps" in data:
        style = replace(style, steps=_steps(data["steps"], where))
    if "compose" in data:
        style = replace(style, compose=_composition(data["compose"], base.compose, f"{path}: [{name}.compose]"))
    return style


def _steps(value: object, where: str) -> tuple[Step, ...]:
    if not isinstance(value, list):
        raise RemixError(f'{where} steps must be a list of tables such as {{ effect = "reverb", decay_s = 3 }}')
    return tuple(_step(entry, f"{where} step {number}") for number, entry in enumerate(value, start=1))


def _step(value: object, where: str) -> Step:
    data = _table(value, where)
    effect = data.get("effect")
    if not isinstance(effect, str):
        raise RemixError(f"{where} names no effect; known are {', '.join(EFFECTS)}")
    if effect not in EFFECTS:
        raise RemixError(f"{where}: there is no effect '{effect}'; {_hint(effect, EFFECTS)}")
    known = EFFECTS[effect]
    _check_keys([key for key in data if key != "effect"], known, f"{where} ({effect})")
    settings: dict[str, float | str] = {
        key: _number(data, key, setting.low, setting.high, f"{where} ({effect})") if key in data else setting.default
        for key, setting in known.items()
    }
    return Step(effect, settings)


def _composition(value: object, base: Composition, where: str) -> Composition:
    data = _table(value, where)
    _check_keys(data, _COMPOSE_KEYS, where)
    changes: dict[str, Any] = {key: _choice(data, key, where) for key in _CHOICES if key in data}
    if "bpm" in data:
        changes["bpm"] = _bpm(data["bpm"], where)
    if "swing" in data:
        changes["swing"] = _number(data, "swing", 0.0, _MAX_SWING, where)
    return replace(base, **changes)


def _bpm(value: object, where: str) -> tuple[float, float]:
    pair = value if isinstance(value, list) else [value, value]
    if len(pair) != 2:
        raise RemixError(f"{where} bpm must be one tempo or two, such as [70, 84]")
    low, high = (_number({"bpm": bpm}, "bpm", *_BPM_RANGE, where) for bpm in pair)
    if low > high:
        raise RemixError(f"{where} bpm goes from {low:g} down to {high:g}; write the slower tempo first")
    return low, high


def _choice(data: Mapping[str, Any], key: str, where: str) -> str:
    value = data[key]
    if not isinstance(value, str) or value not in _CHOICES[key]:
        raise RemixError(f"{where} {key} is {value!r}; {_hint(str(value), _CHOICES[key])}")
    return value


# --- Values ------------------------------------------------------------------------------------------------------


def _table(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise RemixError(f"{where} must be a table of keys and values, not {value!r:.60}")
    return value


def _check_keys(keys: Collection[str], known: Collection[str], where: str) -> None:
    for key in keys:
        if key not in known:
            raise RemixError(f"{where}: the key '{key}' is not known; {_hint(str(key), known)}")


def _hint(name: str, known: Collection[str]) -> str:
    return nearest(name, known) or f"known are {', '.join(known)}"


def _number(data: Mapping[str, Any], key: str, low: float, high: float, where: str) -> float:
    value = data[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RemixError(f"{where}: {key} must be a number from {low:g} to {high:g}, not {value!r:.60}")
    if not low <= value <= high:
        raise RemixError(f"{where}: {key} is {value:g}; it must lie from {low:g} to {high:g}")
    return float(value)


def _text(data: Mapping[str, Any], key: str, where: str) -> str:
    value = data.get(key)
    if value is not None and not isinstance(value, str):
        raise RemixError(f"{where}: {key} must be text, not {value!r:.60}")
    return (value or "").strip()


def _required_text(data: Mapping[str, Any], key: str, example: str, where: str) -> str:
    value = _text(data, key, where)
    if not value:
        raise RemixError(f'{where}: {key} is missing; give it a name such as "{example}"')
    return value


def _seed(data: Mapping[str, Any], where: str) -> int:
    value = data.get("seed", 0)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_SEED:
        raise RemixError(f"{where}: seed must be a whole number from 0 on, not {value!r:.60}")
    return value


def _tags(data: Mapping[str, Any], where: str) -> tuple[str, ...]:
    value = data.get("mood_tags")
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(tag, str) and tag.strip() for tag in value):
        raise RemixError(f'{where}: mood_tags must be a list of words such as ["calm", "warm"], not {value!r:.60}')
    return tuple(tag.strip() for tag in value)
