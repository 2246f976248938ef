"""What a song's TOML says of takes and film: how many takes, how scenes are joined, what is delivered.

    n_takes = 2                       # takes that are wanted of each scene's prompt

    [animatic]                        # what the embedded engine shows beside the picture
    lyrics = false
    card = false                      # scene, section, time: for the cutting room

    [film]
    transition = "cut"                # cut, dissolve or dip, from scene to scene
    section_transition = "dissolve"   # the same, where a section begins
    transition_frames = 12
    section_types = {chorus = "dip"}  # the same, where a section of this type begins
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
from audio_assets.domain.edit import KINDS, Joins, TransitionKind
from audio_assets.domain.toml_tables import TomlError, check_keys, table

Fit = Literal["cover", "letterbox"]
Subtitles = Literal["burned", "side"]

FITS: tuple[Fit, ...] = ("cover", "letterbox")
SUBTITLES: tuple[Subtitles, ...] = ("side", "burned")
SECTION_TYPES = ("intro", "verse", "chorus", "bridge", "outro", "instrumental", "section")
DELIVERIES = ("mp4", "webm", "vertical", "square")
"""Every format that a film is delivered in."""
_JOINS = ("transition", "section_transition", "transition_frames", "section_types")
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
    joins: Joins = field(default_factory=Joins)
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
    check_keys(film, (*_JOINS, "fit", "lut"), "film", path)
    lut = value.file_beside(film, "lut", "film", path) or ""
    if lut and not lut.lower().endswith(".cube"):
        raise TomlError(path, "film.lut", f"is {value.shown(lut)}, no .cube file", "export the grade as a 3-D .cube")
    return FilmSettings(
        n_takes=_whole(root, "n_takes", 1, MOST_TAKES, "", path) or 1,
        shows_lyrics=value.flag(animatic, "lyrics", "animatic", path) or False,
        shows_card=value.flag(animatic, "card", "animatic", path) or False,
        joins=_joins(film, path),
        fit=value.one_of(film, "fit", FITS, "film", path) or "cover",
        lut=lut,
        deliverables=_deliverables(root, path),
    )


def _joins(film: Mapping[str, Any], path: str) -> Joins:
    transition: TransitionKind = value.one_of(film, "transition", KINDS, "film", path) or "cut"
    types = table(film.get("section_types", {}), "film.section_types", path)
    check_keys(types, SECTION_TYPES, "film.section_types", path)
    by_type = {name: value.one_of(types, name, KINDS, "film.section_types", path) or "cut" for name in types}
    return Joins(
        transition,
        value.one_of(film, "section_transition", KINDS, "film", path) or transition,
        _whole(film, "transition_frames", 2, LONGEST_TRANSITION_FRAMES, "film", path) or 12,
        by_type,
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
