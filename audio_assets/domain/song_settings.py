"""What a person says about a song in `<song>.toml`: its video, its characters, and the scenes that are set by hand.

Reading and checking belong here; planning with it is in `storyboard.py`. Every key may be left out:

    title, artist, language                      text
    lyrics | lyrics_file                         the words, or a file beside this one
    format                                       "landscape" or "portrait"
    clip_seconds                                 4, 8 or 12: the longest scene
    frame_rate                                   24, 23.976, "30000/1001"
    video_provider, video_model                  a row of the price card; "animatic" costs nothing
    video_fallback                               the provider that stands in where that one can not serve
    lip_sync_provider, lip_sync_fallback         who moves the mouths, and who stands in; left out: as the studio says
    performance_density                          0 to 1: the share of the song's time in which the singer is seen
    budget_cap_usd, style_preset
    [characters.NAME]                            description, face, signature, wardrobe_lock, dos, donts,
                                                 reference_image, is_primary; the bible may have a table of its own
    [[scenes]]                                   `at` (a time in it), `id`, or `start` and/or `end` (cuts; `exact`
                                                 keeps them off the beat), and what is set: scene_type, section, lyrics,
                                                 mood, characters, style_preset, directive, prompt, clip_seconds,
                                                 lip_sync, lip_sync_method
    n_takes, [animatic], [film], [deliverables]  see `film_settings.py`

Times are seconds (62.5) or text ("1:02.5"). `at`, `start` and `end` hold when the song is analysed again; an `id` may
then be another scene.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from typing import Any, Literal

from audio_assets.domain import film_settings
from audio_assets.domain import toml_values as value
from audio_assets.domain.clock_text import clock
from audio_assets.domain.edit import Joins
from audio_assets.domain.film_settings import Delivery, FilmSettings
from audio_assets.domain.timebase import FrameRateError, format_frame_rate, parse_frame_rate
from audio_assets.domain.toml_tables import TomlError, character_key, check_keys, nearest, parse_toml, table

Format = Literal["landscape", "portrait"]
SceneType = Literal["performance", "broll"]
LipSyncMethod = Literal["native", "post_process"]

FORMATS: tuple[Format, ...] = ("landscape", "portrait")
CLIP_SECONDS = (4, 8, 12)
SCENE_TYPES: tuple[SceneType, ...] = ("performance", "broll")
LIP_SYNC_METHODS: tuple[LipSyncMethod, ...] = ("native", "post_process")
FRAME_RATES = (10, 120)
LARGEST_BUDGET_USD = 1_000_000
ANIMATIC = "animatic"
"""The provider that is always there, and its only model."""

_BIBLE_KEYS = ("face", "signature", "wardrobe_lock", "dos", "donts")
_CHARACTER_KEYS = ("description", "reference_image", "is_primary", "bible", *_BIBLE_KEYS)
_SCENE_KEYS = (
    "at", "id", "start", "end", "exact", "scene_type", "section", "lyrics", "mood", "characters", "style_preset",
    "directive", "prompt", "clip_seconds", "lip_sync", "lip_sync_method",
)  # fmt: skip
_ROOT_KEYS = (
    "title", "artist", "language", "lyrics", "lyrics_file", "format", "clip_seconds", "frame_rate", "video_provider",
    "video_model", "video_fallback", "lip_sync_provider", "lip_sync_fallback", "performance_density", "budget_cap_usd",
    "style_preset", "characters", "scenes", *film_settings.KEYS,
)  # fmt: skip
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCENE_ID = re.compile(r"s[0-9]{3,6}")
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


class SongSettingsError(ValueError):
    """A mistake in a song's settings; one sentence names the file, the key and what to do."""


@dataclass(frozen=True, slots=True)
class Character:
    """Who is seen, and the bible that keeps it the same in every scene; the singer is the one that `is_primary`.

    `reference_image` is a path from the settings' folder, "" for none.
    """

    name: str
    description: str = ""
    face: str = ""
    signature: str = ""
    wardrobe_lock: str = ""
    dos: tuple[str, ...] = ()
    donts: tuple[str, ...] = ()
    reference_image: str = ""
    is_primary: bool = False


@dataclass(frozen=True, slots=True)
class SceneOverride:
    """What a person sets of one scene; None (or "" for the two names of a place) where nothing is said.

    `number` counts the file's `[[scenes]]` from 1. `start_s` and `end_s` are cuts, on the nearest beat unless `exact`.
    """

    number: int
    at_s: float | None = None
    scene_id: str = ""
    start_s: float | None = None
    end_s: float | None = None
    exact: bool = False
    scene_type: SceneType | None = None
    section: str | None = None
    lyrics: str | None = None
    mood: str | None = None
    characters: tuple[str, ...] | None = None
    style_preset: str | None = None
    directive: str | None = None
    prompt: str | None = None
    clip_seconds: int | None = None
    lip_sync: bool | None = None
    lip_sync_method: LipSyncMethod | None = None

    @property
    def label(self) -> str:
        """How messages name it: "[[scenes]] 2 (at 1:02.5)"."""
        places = (("at", self.at_s), ("start", self.start_s), ("end", self.end_s))
        named = [f"{word} {clock(place)}" for word, place in places if place is not None]
        return f"[[scenes]] {self.number} ({', '.join(named) or self.scene_id})"


@dataclass(frozen=True, slots=True)
class SongSettings:
    """All that a person can say about a song's video; made without arguments it is all defaults."""

    title: str = ""
    artist: str = ""
    language: str = ""
    lyrics: str = ""
    lyrics_file: str = ""
    format: Format = "landscape"
    clip_seconds: int = 8
    frame_rate: Fraction = Fraction(24)
    video_provider: str = ANIMATIC
    video_model: str = ANIMATIC
    video_fallback: str = ""
    lip_sync_provider: str = ""
    lip_sync_fallback: str = ""
    performance_density: float = 0.4
    budget_cap_usd: float | None = None
    style_preset: str = ""
    characters: tuple[Character, ...] = ()
    overrides: tuple[SceneOverride, ...] = ()
    film: FilmSettings = field(default_factory=FilmSettings)

    @property
    def primary(self) -> Character | None:
        """The singer: the character that is primary."""
        return next((character for character in self.characters if character.is_primary), None)


def parse_song_settings(
    data: bytes, path: str, *, default_video: tuple[str, str] = (ANIMATIC, ANIMATIC)
) -> SongSettings:
    """Read a song's settings; no bytes are all defaults. `default_video` is the studio's (provider, model).

    Raises:
        SongSettingsError: a TOML mistake (with its line), an unknown key (with the nearest), a value out of its range,
            keys that contradict each other.
    """
    try:
        return _settings(parse_toml(data, path), path, default_video)
    except TomlError as error:
        raise SongSettingsError(str(error)) from error


def settings_record(settings: SongSettings) -> dict[str, Any]:
    """The settings as plain JSON values under the names of their fields; the frame rate is exact text."""
    record: dict[str, Any] = _record(settings)
    return record


def settings_from_record(record: Mapping[str, Any]) -> SongSettings:
    """The settings that `settings_record` wrote, but for those of the film; what is left out is a default."""
    values = _tuples(record)
    values["frame_rate"] = parse_frame_rate(record["frame_rate"])
    values["characters"] = tuple(Character(**_tuples(one)) for one in record["characters"])
    values["overrides"] = tuple(SceneOverride(**_tuples(one)) for one in record["overrides"])
    return SongSettings(**values)


def _tuples(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in record.items()}


def _settings(root: Mapping[str, Any], path: str, default_video: tuple[str, str]) -> SongSettings:
    check_keys(root, _ROOT_KEYS, "", path)
    if root.get("lyrics") and root.get("lyrics_file"):
        raise TomlError(path, "lyrics", "stands beside lyrics_file", "keep one of the two")
    language = value.text(root, "language", "", path) or ""
    if language and not _LANGUAGE.fullmatch(language):
        raise TomlError(path, "language", f"is {value.shown(language)}", 'write a tag such as "en" or "pt-BR"')
    provider, model = _provider(root, path, default_video)
    density = value.number(root, "performance_density", 0.0, 1.0, "", path)
    characters = _characters(root.get("characters", {}), path)
    return SongSettings(
        title=value.text(root, "title", "", path) or "",
        artist=value.text(root, "artist", "", path) or "",
        language=language,
        lyrics=value.text(root, "lyrics", "", path) or "",
        lyrics_file=value.file_beside(root, "lyrics_file", "", path) or "",
        format=value.one_of(root, "format", FORMATS, "", path) or "landscape",
        clip_seconds=value.whole_of(root, "clip_seconds", CLIP_SECONDS, "", path) or 8,
        frame_rate=_frame_rate(root, path),
        video_provider=provider,
        video_model=model,
        video_fallback=value.text(root, "video_fallback", "", path) or "",
        lip_sync_provider=value.text(root, "lip_sync_provider", "", path) or "",
        lip_sync_fallback=value.text(root, "lip_sync_fallback", "", path) or "",
        performance_density=0.4 if density is None else density,
        budget_cap_usd=value.number(root, "budget_cap_usd", 0.0, LARGEST_BUDGET_USD, "", path),
        style_preset=value.text(root, "style_preset", "", path) or "",
        characters=characters,
        overrides=_overrides(root.get("scenes", []), characters, path),
        film=film_settings.parse_film_settings(root, path),
    )


def _provider(root: Mapping[str, Any], path: str, default: tuple[str, str]) -> tuple[str, str]:
    provider, model = (
        value.text(root, "video_provider", "", path) or "",
        value.text(root, "video_model", "", path) or "",
    )
    if provider and not model and provider != ANIMATIC:
        raise TomlError(
            path, "video_provider", f"is {value.shown(provider)} without a model", "name its video_model too"
        )
    if model and not provider and model != ANIMATIC:
        raise TomlError(
            path, "video_model", f"is {value.shown(model)} without a provider", "name its video_provider too"
        )
    return (provider or ANIMATIC, model or ANIMATIC) if provider or model else default


def _frame_rate(root: Mapping[str, Any], path: str) -> Fraction:
    written = root.get("frame_rate", 24)
    low, high = FRAME_RATES
    remedy = f'write frames per second from {low} to {high}, such as 24, 23.976 or "24000/1001"'
    if isinstance(written, bool) or not isinstance(written, int | float | str):
        raise TomlError(path, "frame_rate", f"is {value.shown(written)}", remedy)
    try:
        rate = parse_frame_rate(str(written))
    except FrameRateError as error:
        raise TomlError(path, "frame_rate", f"is {value.shown(written)}", remedy) from error
    if not low <= rate <= high:
        raise TomlError(path, "frame_rate", f"is {value.shown(written)}", remedy)
    return rate


# --- Characters --------------------------------------------------------------------------------------------------


def _characters(entries: object, path: str) -> tuple[Character, ...]:
    if isinstance(entries, list):
        raise TomlError(path, "characters", "is a list", "write each one as [characters.NAME] with its keys below")
    characters: dict[str, Character] = {}
    for name, entry in table(entries, "characters", path).items():
        key = (
            f"characters.{name}" if _BARE_KEY.fullmatch(name) else f"characters.{json.dumps(name, ensure_ascii=False)}"
        )
        same = characters.get(character_key(name))
        if same is not None:
            raise TomlError(path, key, f"is the same character as '{same.name}'", "keep one of the two")
        characters[character_key(name)] = _character(name, table(entry, key, path), key, path)
    return _with_one_primary(tuple(characters.values()), path)


def _with_one_primary(characters: tuple[Character, ...], path: str) -> tuple[Character, ...]:
    """The characters with a singer: where none is named it is the first one."""
    primary = [character.name for character in characters if character.is_primary]
    if len(primary) > 1:
        what = f"has {len(primary)} primary characters ({', '.join(primary)})"
        raise TomlError(path, "characters", what, "leave is_primary = true with one of them")
    if characters and not primary:
        return (replace(characters[0], is_primary=True), *characters[1:])
    return characters


def _character(name: str, entry: Mapping[str, Any], key: str, path: str) -> Character:
    if not name.strip() or value.CONTROL.search(name):
        raise TomlError(path, key, "has no name that can be read", "use letters")
    check_keys(entry, _CHARACTER_KEYS, key, path)
    bible = table(entry.get("bible", {}), f"{key}.bible", path)
    check_keys(bible, _BIBLE_KEYS, f"{key}.bible", path)
    twice = sorted({*bible} & {*entry})
    if twice:
        raise TomlError(path, key, f"{twice[0]} stands here and in its bible", "keep one of the two")
    values = {**entry, **bible}
    return Character(
        name=name.strip(),
        description=value.text(values, "description", key, path) or "",
        face=value.text(values, "face", key, path) or "",
        signature=value.text(values, "signature", key, path) or "",
        wardrobe_lock=value.text(values, "wardrobe_lock", key, path) or "",
        dos=value.texts(values, "dos", key, path) or (),
        donts=value.texts(values, "donts", key, path) or (),
        reference_image=value.file_beside(values, "reference_image", key, path) or "",
        is_primary=value.flag(values, "is_primary", key, path) or False,
    )


# --- Scenes that are set by hand -----------------------------------------------------------------------------------


def _overrides(entries: object, characters: Sequence[Character], path: str) -> tuple[SceneOverride, ...]:
    if not isinstance(entries, list):
        raise TomlError(path, "scenes", "is no list of tables", "write each scene as [[scenes]] with its keys below")
    names = {character_key(character.name): character.name for character in characters}
    return tuple(
        _override(number, table(entry, f"scenes {number}", path), names, path)
        for number, entry in enumerate(entries, start=1)
    )


def _override(number: int, entry: Mapping[str, Any], names: Mapping[str, str], path: str) -> SceneOverride:
    key = f"scenes {number}"
    check_keys(entry, _SCENE_KEYS, key, path)
    override = SceneOverride(
        number=number,
        at_s=value.time(entry, "at", key, path),
        scene_id=value.text(entry, "id", key, path) or "",
        start_s=value.time(entry, "start", key, path),
        end_s=value.time(entry, "end", key, path),
        exact=value.flag(entry, "exact", key, path) or False,
        scene_type=value.one_of(entry, "scene_type", SCENE_TYPES, key, path),
        section=value.text(entry, "section", key, path),
        lyrics=value.text(entry, "lyrics", key, path),
        mood=value.text(entry, "mood", key, path),
        characters=_cast(entry, names, key, path),
        style_preset=value.text(entry, "style_preset", key, path),
        directive=value.text(entry, "directive", key, path),
        prompt=value.text(entry, "prompt", key, path),
        clip_seconds=value.whole_of(entry, "clip_seconds", CLIP_SECONDS, key, path),
        lip_sync=value.flag(entry, "lip_sync", key, path),
        lip_sync_method=value.one_of(entry, "lip_sync_method", LIP_SYNC_METHODS, key, path),
    )
    _check_place(override, entry, key, path)
    return override


def _check_place(override: SceneOverride, entry: Mapping[str, Any], key: str, path: str) -> None:
    at_s, start_s, end_s = override.at_s, override.start_s, override.end_s
    has_cut = start_s is not None or end_s is not None
    if at_s is None and not override.scene_id and not has_cut:
        raise TomlError(path, key, "says no scene", 'give `at` (a time in it such as "1:02.5"), or start and end')
    if (at_s is not None) + bool(override.scene_id) + has_cut > 1:
        raise TomlError(path, key, "says its scene twice", "keep one of `at`, `id`, or start and end")
    if override.scene_id and not _SCENE_ID.fullmatch(override.scene_id):
        raise TomlError(
            path, key, f"id is {value.shown(override.scene_id)}", 'write it as the storyboard does, such as "s004"'
        )
    if start_s is not None and end_s is not None and start_s >= end_s:
        raise TomlError(path, key, f"starts at {clock(start_s)} and ends at {clock(end_s)}", "put start before end")
    if override.exact and not has_cut:
        raise TomlError(path, key, "exact is set, but no cut", "give start or end, or leave exact out")
    if override.prompt is not None and not override.prompt:
        raise TomlError(path, key, "prompt is empty", "write what the model is to see, or leave prompt out")
    if set(entry) <= {"at", "id", "exact"}:
        raise TomlError(path, key, "sets nothing", f"add one of {', '.join(_SCENE_KEYS[5:])}, or leave the scene out")


def _cast(entry: Mapping[str, Any], names: Mapping[str, str], key: str, path: str) -> tuple[str, ...] | None:
    cast = value.texts(entry, "characters", key, path)
    if cast is None:
        return None
    for name in cast:
        if character_key(name) not in names:
            known = ", ".join(names.values()) or "none"
            remedy = nearest(character_key(name), names) or f"the characters of this file are: {known}"
            raise TomlError(path, key, f"the character {value.shown(name)} is not known", remedy)
    return tuple(dict.fromkeys(names[character_key(name)] for name in cast))


def _record(value: Any) -> Any:
    if isinstance(value, Fraction):
        return format_frame_rate(value)
    if isinstance(value, tuple):
        return [_record(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _record(item) for name, item in value.items()}
    if isinstance(value, Character | SceneOverride | SongSettings | FilmSettings | Delivery | Joins):
        return {entry.name: _record(getattr(value, entry.name)) for entry in fields(value)}
    return value
