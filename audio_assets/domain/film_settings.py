"""What a song's TOML says of takes and film: how many takes, how scenes are joined, what is delivered.

    n_takes = 2                       # takes that are wanted of each scene's prompt

    [animatic]                        # what the embedded engine shows beside the picture
    lyrics = false
    card = false                      # scene, section, time: for the cutting room

    [film]
    transition = "cut"                # cut, dissolve or dip, from scene to scene
    section_transition = "dissolve"   # the same, where a section begins
    transition_frames = 12
    fit = "cover"                     # or "letterbox": how a clip of another shape fills the picture
    lut = "grade.cube"                # a 3-D look-up table beside the song

    [deliverables.vertical]           # mp4, webm, vertical, square; without any table: mp4
    subtitles = "burned"              # or "side": files beside the film, which are always there
    loudness_lufs = -14.0             # left as it is where nothing is said

The rest of the file is read by `song_settings`; nothing is rendered here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from audio_assets.domain import toml_values as value
from audio_assets.domain.toml_tables import TomlError, check_keys, table

TransitionKind = Literal["cut", "dissolve", "dip"]
Fit = Literal["cover", "letterbox"]
Subtitles = Literal["burned", "side"]

TRANSITIONS: tuple[TransitionKind, ...] = ("cut", "dissolve", "dip")
FITS: tuple[Fit, ...] = ("cover", "letterbox")
SUBTITLES: tuple[Subtitles, ...] = ("side", "burned")
DELIVERIES = ("mp4", "webm", "vertical", "square")
"""Every format that a film is delivered in."""
MOST_TAKES = 12
LONGEST_TRANSITION_FRAMES = 120
LOUDNESS_LUFS = (-40.0, -5.0)

KEYS = ("n_takes", "animatic", "film", "deliverables")
"""The keys of the file's root that are read here."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one format is delivered; `loudness_lufs` None leaves the song as loud as it is."""

    subtitles: Subtitles = "side"
    loudness_lufs: float | None = None


@dataclass(frozen=True, slots=True)
class FilmSettings:
    """All that a person can say of takes and film; made without arguments it is all defaults."""

    n_takes: int = 1
    shows_lyrics: bool = False
    shows_card: bool = False
    transition: TransitionKind = "cut"
    section_transition: TransitionKind = "cut"
    transition_frames: int = 12
    fit: Fit = "cover"
    lut: str = ""
    deliverables: Mapping[str, Delivery] = field(default_factory=lambda: {"mp4": Delivery()})


def parse_film_settings(root: Mapping[str, Any], path: str) -> FilmSettings:
    """Read the keys of `KEYS`; others are not looked at.

    Raises:
        TomlError: an unknown key, a value out of its range.
    """
    animatic = table(root.get("animatic", {}), "animatic", path)
    check_keys(animatic, ("lyrics", "card"), "animatic", path)
    film = table(root.get("film", {}), "film", path)
    check_keys(film, ("transition", "section_transition", "transition_frames", "fit", "lut"), "film", path)
    transition = value.one_of(film, "transition", TRANSITIONS, "film", path) or "cut"
    lut = value.file_beside(film, "lut", "film", path) or ""
    if lut and not lut.lower().endswith(".cube"):
        raise TomlError(path, "film.lut", f"is {value.shown(lut)}, no .cube file", "export the grade as a 3-D .cube")
    return FilmSettings(
        n_takes=_whole(root, "n_takes", 1, MOST_TAKES, "", path) or 1,
        shows_lyrics=value.flag(animatic, "lyrics", "animatic", path) or False,
        shows_card=value.flag(animatic, "card", "animatic", path) or False,
        transition=transition,
        section_transition=value.one_of(film, "section_transition", TRANSITIONS, "film", path) or transition,
        transition_frames=_whole(film, "transition_frames", 2, LONGEST_TRANSITION_FRAMES, "film", path) or 12,
        fit=value.one_of(film, "fit", FITS, "film", path) or "cover",
        lut=lut,
        deliverables=_deliverables(root, path),
    )


def _deliverables(root: Mapping[str, Any], path: str) -> Mapping[str, Delivery]:
    tables = table(root.get("deliverables", {}), "deliverables", path)
    check_keys(tables, DELIVERIES, "deliverables", path)
    found = {name: _delivery(entry, f"deliverables.{name}", path) for name, entry in tables.items()}
    return {name: found[name] for name in DELIVERIES if name in found} or {"mp4": Delivery()}


def _delivery(entry: object, key: str, path: str) -> Delivery:
    values = table(entry, key, path)
    check_keys(values, ("subtitles", "loudness_lufs"), key, path)
    return Delivery(
        value.one_of(values, "subtitles", SUBTITLES, key, path) or "side",
        value.number(values, "loudness_lufs", *LOUDNESS_LUFS, key, path),
    )


def _whole(values: Mapping[str, Any], name: str, low: int, high: int, key: str, path: str) -> int | None:
    said = values.get(name)
    if said is None or (isinstance(said, int) and not isinstance(said, bool) and low <= said <= high):
        return said
    place = f"{key}.{name}" if key else name
    raise TomlError(path, place, f"is {value.shown(said)}", f"write a whole number from {low} to {high}")
