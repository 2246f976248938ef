"""The cast: which voice speaks which character, read from `cast.toml`.

    [narrator]
    voice = "af_heart"

    [characters.sylvie]              # the script's short name or the display name, in any case
    voice = "af_bella70_af_nova30"   # one voice, or a mix in percent
    speed = 1.05
    fallback = "kokoro:af_bella"     # who stands in where its engine can not serve; "kokoro" takes a default voice
    [characters.sylvie.voices]       # other languages; "espeak:de" takes another engine
    fr = "ff_siwis"

    [names]                          # friendly names for voices
    jared = "am_adam"
    [variables]                      # values of [interpolations] in scripts
    player = "Alex"
    [mouth]
    fps = 24
    shapes = "extended"

Here: the file and the choice of a voice. Not here: the grammar of mixes (`voices`), and which voices an engine has
(they are given to `Cast.entry`), so that one character's unknown voice costs that character's lines only.

A character without an engine and a voice has the narrator's. A language without a named voice gets the engine's default
for it, of the same sex as the character's own voice where there is one; `CastEntry.is_default_voice` says so.
"""

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from audio_assets.domain.lines import NARRATOR
from audio_assets.domain.timebase import FrameRateError, format_frame_rate, parse_frame_rate
from audio_assets.domain.toml_tables import TomlError, character_key, check_keys, parse_toml, table
from audio_assets.domain.voices import Mix, VoiceError, parse_voice_mix

_EMBEDDED = ("kokoro", "espeak")
"""Engines with default voices per language; every other is named with its voice, which speaks whatever it is given."""

_USUAL = "kokoro"
"""Who speaks where nobody is named at all."""

# Kokoro's voices are named <language><f|m>_<name>; these are the defaults per language, female and male.
_KOKORO_LANGS = {"a": "en", "b": "en", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt", "z": "zh"}
_KOKORO_DEFAULTS = {
    "en": ("af_heart", "am_michael"), "en-gb": ("bf_emma", "bm_george"), "es": ("ef_dora", "em_alex"),
    "fr": ("ff_siwis", "ff_siwis"), "hi": ("hf_alpha", "hm_omega"), "it": ("if_sara", "im_nicola"),
    "ja": ("jf_alpha", "jm_kumo"), "pt": ("pf_dora", "pm_alex"), "zh": ("zf_xiaobei", "zm_yunjian"),
}  # fmt: skip
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_KOKORO_VOICE = re.compile(r"[a-z][fm]_")
_ESPEAK_DEFAULTS = {"en": "en-us"}  # every other language is a voice of the same name

_VOICE_KEYS = {"engine", "voice", "voices", "speed", "style", "gain_db", "mouth", "fallback"}
_ROOT_KEYS = {"narrator", "characters", "names", "variables", "mouth"}
_MOUTH_KEYS = {"fps", "shapes"}
_SHAPES = ("extended", "basic")


class CastError(ValueError):
    """A cast that can not be read, or a character that it can not give a voice; file, key and what to do."""


@dataclass(frozen=True, slots=True)
class MouthSettings:
    """How mouths are drawn: frames per second (`24`, `24000/1001`); `extended` (A-H, X) or `basic` (A-F) shapes."""

    fps: str = "24"
    shapes: str = "extended"


@dataclass(frozen=True, slots=True)
class CastEntry:
    """How one character speaks in one language.

    `voice` are (name, weight) pairs whose weights sum to 1. `lang` is the language to speak, `en-gb` where English is
    asked of a British voice. `is_default`: the cast does not name the character, the narrator's settings serve.
    `is_default_voice`: the cast names no voice for the language, the engine's default serves. `fallback` are the engine
    and the voice that stand in, None for nobody.
    """

    engine: str
    voice: Mix
    lang: str
    speed: float
    style: str
    gain_db: float
    mouth: MouthSettings
    is_default: bool
    is_default_voice: bool = False
    fallback: tuple[str, Mix] | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """What the file says about one character; None and "" for what it does not say."""

    key: str
    engine: str = ""
    voice: str = ""
    voices: Mapping[str, str] = field(default_factory=dict)
    speed: float | None = None
    style: str = ""
    gain_db: float | None = None
    mouth: MouthSettings | None = None
    fallback: str = ""


@dataclass(frozen=True, slots=True)
class Cast:
    """A read `cast.toml`.

    `variables` are the values of interpolations, `names` the friendly voice names. `default_engine` and
    `default_fallback` are the studio's, for characters that name none.
    """

    path: str
    variables: Mapping[str, str]
    names: Mapping[str, str]
    mouth: MouthSettings
    _narrator: _Part
    _characters: Mapping[str, _Part]
    default_engine: str = _USUAL
    default_fallback: str = ""

    def entry(
        self,
        character: str,
        lang: str,
        known_voices: Mapping[str, Collection[str]],
        *,
        short_name: str = "",
    ) -> CastEntry:
        """How `character` speaks `lang` (a lower-case BCP 47 tag).

        `known_voices` are the voice names of each engine. `short_name` is the script's own name for the character; the
        cast may use either.

        Raises:
            CastError: this character's voice is unknown, or its engine has none for the language.
        """
        part = self._part(character, short_name)
        chosen = part or self._narrator
        self._check_engine(chosen, chosen.engine or self.default_engine, known_voices)
        spec, is_default_voice = self._voice_spec(chosen, lang)
        engine, mix = self._engine_and_mix(chosen, spec)
        if is_default_voice and chosen.voice:  # the named one is for another language; a typo must not pass as that
            self._mix(chosen, *self._engine_and_mix(chosen, chosen.voice), known_voices)
        voice = self._mix(chosen, engine, mix, known_voices)
        return CastEntry(
            engine=engine,
            voice=voice,
            lang="en-gb" if engine == "kokoro" and lang == "en" and voice[0][0].startswith("b") else lang,
            speed=1.0 if chosen.speed is None else chosen.speed,
            style=chosen.style,
            gain_db=0.0 if chosen.gain_db is None else chosen.gain_db,
            mouth=chosen.mouth or self.mouth,
            is_default=part is None,
            is_default_voice=is_default_voice,
            fallback=self._fallback(chosen, engine, voice[0][0], lang, known_voices),
        )

    def entry_name(self, character: str, *, short_name: str = "") -> str:
        """The part of the file that a character speaks with: `[characters.anna]`, `[narrator]` where it names none."""
        part = self._part(character, short_name) or self._narrator
        return f"[{part.key}]"

    def engines(self) -> tuple[tuple[str, str, bool], ...]:
        """Every engine that speaks for somebody: its name, the part of the file, and whether it only stands in."""
        found: list[tuple[str, str, bool]] = []
        for part in (self._narrator, *self._characters.values()):
            own = self._completed(part)
            engines = [self._engine_and_mix(own, spec)[0] for spec in (own.voice, *own.voices.values())]
            found += [(engine, part.key, False) for engine in engines]
            stand_in = (own.fallback or self.default_fallback).partition(":")[0].strip()
            if stand_in and {*engines} != {stand_in}:  # an engine never stands in for itself
                found.append((stand_in, part.key, True))
        return tuple(dict.fromkeys(found))

    def _fallback(
        self, part: _Part, engine: str, voice: str, lang: str, known_voices: Mapping[str, Collection[str]]
    ) -> tuple[str, Mix] | None:
        """Who stands in: as the character says, else as the studio does; an engine never stands in for itself."""
        spec = part.fallback or self.default_fallback
        if not spec:
            return None
        other, colon, mix = spec.partition(":")
        if other.strip() == engine:
            return None
        self._check_engine(part, other.strip(), known_voices)
        if not colon:
            mix = self._default_voice(part, other.strip(), lang, voice)
        return other.strip(), self._mix(part, other.strip(), mix.strip(), known_voices)

    def _mix(self, part: _Part, engine: str, mix: str, known_voices: Mapping[str, Collection[str]]) -> Mix:
        self._check_engine(part, engine, known_voices)
        try:
            return parse_voice_mix(mix, known_voices[engine], self.names)
        except VoiceError as error:
            raise CastError(f"{self.path}: [{part.key}] {error}{self._named_by(part, engine)}") from error

    def _named_by(self, part: _Part, engine: str) -> str:
        """Who brought the engine in, where the part does not name it: its voice may be of another one."""
        if part.engine or engine != self.default_engine or engine == _USUAL:
            return ""
        return (
            f"; {engine} speaks for the whole cast, as [use] in providers.toml says: give [{part.key}] one of its "
            f'voices, or engine = "{_USUAL}"'
        )

    def _check_engine(self, part: _Part, engine: str, known_voices: Mapping[str, Collection[str]]) -> None:
        if engine not in known_voices:
            known = " and ".join(sorted(known_voices))
            raise CastError(f"{self.path}: [{part.key}] the engine '{engine}' is not known; known are {known}")

    def _part(self, character: str, short_name: str) -> _Part | None:
        """The character's part; None when the cast does not name it."""
        if NARRATOR in {character_key(character), character_key(short_name)}:
            return self._narrator
        names = (character_key(character), character_key(short_name))
        part = next((self._characters[name] for name in names if name and name in self._characters), None)
        return None if part is None else self._completed(part)

    def _completed(self, part: _Part) -> _Part:
        """The part, with the narrator's engine and voice where it says neither."""
        if part.engine or part.voice:
            return part
        return replace(part, engine=self._narrator.engine, voice=self._narrator.voice)

    def _voice_spec(self, part: _Part, lang: str) -> tuple[str, bool]:
        """The voice for `lang` as a mix with or without an engine; and whether it is the engine's default."""
        primary = lang.partition("-")[0]
        for tag in (lang, primary):
            if tag in part.voices:
                return part.voices[tag], False
        engine, mix = self._engine_and_mix(part, part.voice)
        first = self._first_voice(mix)
        if part.voice and _language_of(engine, first) in {primary, ""}:
            return part.voice, False
        if part.voice and engine not in _EMBEDDED:
            return part.voice, False
        return f"{engine}:{self._default_voice(part, engine, lang, first)}", True

    def _default_voice(self, part: _Part, engine: str, lang: str, first: str) -> str:
        """The voice of an engine for a language, of the same sex as the voice `first`."""
        primary = lang.partition("-")[0]
        if engine == "espeak":
            return _ESPEAK_DEFAULTS.get(lang, lang)
        if engine != "kokoro":
            raise CastError(
                f"{self.path}: [{part.key}] {engine} has no default voice; name one with voice (or fallback = "
                f'"{engine}:VOICE")'
            )
        pair = _KOKORO_DEFAULTS.get(lang) or _KOKORO_DEFAULTS.get(primary)
        if pair is None:
            raise CastError(
                f"{self.path}: [{part.key}] Kokoro has no voice for the language '{lang}'; "
                f'add [{part.key}.voices] with {primary} = "espeak:{primary}"'
            )
        is_male = _KOKORO_VOICE.match(first) is not None and first[1] == "m"
        return pair[is_male]

    def _engine_and_mix(self, part: _Part, spec: str) -> tuple[str, str]:
        engine, colon, mix = spec.partition(":")
        return (engine.strip(), mix.strip()) if colon else (part.engine or self.default_engine, spec.strip())

    def _first_voice(self, mix: str) -> str:
        """The name that the mix begins with, friendly names resolved as far as that needs."""
        friendly = [name for name in self.names if mix == name or mix.startswith(name)]
        return self.names[max(friendly, key=len)] if friendly else mix


def _language_of(engine: str, voice: str) -> str:
    """The language that a voice is made for, as its name says; "" when it does not say."""
    if engine == "espeak":
        return voice.partition("+")[0].partition("-")[0].lower()
    return _KOKORO_LANGS.get(voice[0], "") if _KOKORO_VOICE.match(voice) else ""


def parse_cast(data: bytes, path: str, *, default_engine: str = _USUAL, default_fallback: str = "") -> Cast:
    """Read `cast.toml`.

    Raises:
        CastError: a TOML mistake (with its line), an unknown key (with the nearest), a value out of its range.
    """
    try:
        root = parse_toml(data, path)
        check_keys(root, _ROOT_KEYS, "", path)
        mouth = _mouth(root.get("mouth", {}), "mouth", MouthSettings(), path)
        narrator = _part(root.get("narrator", {}), "narrator", mouth, path)
        return Cast(
            path=path,
            variables=_texts(root.get("variables", {}), "variables", path, has_numbers=True),
            names=_names(root.get("names", {}), path),
            mouth=mouth,
            _narrator=narrator,
            _characters=_characters(root.get("characters", {}), mouth, path),
            default_engine=default_engine,
            default_fallback=default_fallback,
        )
    except TomlError as error:
        raise CastError(str(error)) from error


def _characters(value: object, mouth: MouthSettings, path: str) -> dict[str, _Part]:
    characters: dict[str, _Part] = {}
    for name, part in table(value, "characters", path).items():
        key = f"characters.{name}" if _BARE_KEY.fullmatch(name) else f'characters."{name}"'
        same = characters.get(character_key(name))
        if same is not None:
            raise TomlError(path, key, f"is the same character as [{same.key}]", "keep one of the two")
        characters[character_key(name)] = _part(part, key, mouth, path)
    return characters


def _part(value: object, key: str, mouth: MouthSettings, path: str) -> _Part:
    values = table(value, key, path)
    check_keys(values, _VOICE_KEYS, key, path)
    engine = _text(values, "engine", key, path)
    voices = _texts(values.get("voices", {}), f"{key}.voices", path)
    return _Part(
        key=key,
        engine=engine,
        voice=_text(values, "voice", key, path),
        voices={lang.lower().replace("_", "-"): spec for lang, spec in voices.items()},
        speed=_number(values, "speed", 0.5, 2.0, key, path),
        style=_text(values, "style", key, path),
        gain_db=_number(values, "gain_db", -40.0, 20.0, key, path),
        mouth=_mouth(values["mouth"], f"{key}.mouth", mouth, path) if "mouth" in values else None,
        fallback=_text(values, "fallback", key, path),
    )


def _mouth(value: object, key: str, default: MouthSettings, path: str) -> MouthSettings:
    values = table(value, key, path)
    check_keys(values, _MOUTH_KEYS, key, path)
    shapes = values.get("shapes", default.shapes)
    try:
        fps = format_frame_rate(parse_frame_rate(str(values.get("fps", default.fps))))
    except FrameRateError as error:
        raise TomlError(path, key, f"fps is {values['fps']!r}", 'write 24, 23.976 or "24000/1001"') from error
    if shapes not in _SHAPES:
        raise TomlError(path, key, f"shapes is {shapes!r}", f"write one of {', '.join(_SHAPES)}")
    return MouthSettings(fps, shapes)


def _text(values: Mapping[str, Any], name: str, key: str, path: str) -> str:
    value = values.get(name, "")
    if not isinstance(value, str):
        raise TomlError(path, key, f"{name} is {value!r}, no text", "put it in quotes")
    return value.strip()


def _texts(value: object, key: str, path: str, *, has_numbers: bool = False) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, text in table(value, key, path).items():
        is_number = isinstance(text, int | float) and not isinstance(text, bool)
        if not isinstance(text, str) and not (has_numbers and is_number):
            raise TomlError(
                path, key, f"{name} is {text!r}, no text", "put it in quotes; a key with a dot wants quotes too"
            )
        texts[name] = str(text)
    return texts


def _names(value: object, path: str) -> dict[str, str]:
    names = _texts(value, "names", path)
    for name in names:
        if not name or ":" in name or name != name.strip():
            raise TomlError(path, "names", f"'{name}' can not be a voice's name", "use letters, digits and _")
    return names


def _number(values: Mapping[str, Any], name: str, low: float, high: float, key: str, path: str) -> float | None:
    value = values.get(name)
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not low <= value <= high:
        raise TomlError(path, key, f"{name} is {value!r}", f"write a number from {low:g} to {high:g}")
    return float(value)
