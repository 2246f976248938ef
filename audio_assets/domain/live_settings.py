"""How live messages are spoken and played: `live.toml` of the data root, read and checked.

    voice = "am_adam50_am_michael50"   # one voice, or a mix in percent that sums to 100
    engine = "kokoro"                  # any speech provider
    language = "a"                     # Kokoro's letter (a American, b British, e Spanish, ...) or a tag: "de"
    speed = 0.85
    cooldown_s = 10                    # silence between two messages under autoplay
    max_age_days = 7                   # what was played, deleted or has failed is forgotten after that

    [names]                            # your own names for voices, also in mixes
    jared = "am_adam"

    [text]
    longest = 300                      # characters
    most_repeats = 3                   # of a character, a word, a short phrase
    emoji = "remove"                   # or "name"
    emotes = ["Kappa", "LUL"]          # words that are pictures in your chat
    link = "link"                      # what is spoken for one
    blocked = ["badword", "worse*"]    # * stands for any letters
    policy = "mask"                    # or "refuse": the message fails, with the reason
    mask = "beep"

Every key may be left out. Here: the file. Not here: the grammar of mixes (`voices`), what the rules do (`live_text`).
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from audio_assets.domain import toml_values as value
from audio_assets.domain.live_text import TextRules
from audio_assets.domain.speech import SpeechRequest
from audio_assets.domain.toml_tables import TomlError, check_keys, parse_toml, table
from audio_assets.domain.voices import VoiceError, parse_voice_mix

LANGUAGES: Mapping[str, str] = {
    "a": "en-us", "b": "en-gb", "e": "es", "f": "fr-fr", "h": "hi", "i": "it", "j": "ja", "p": "pt-br", "z": "zh",
}  # fmt: skip
"""Kokoro's letters; elsewhere languages are tags."""

_KEYS = {"voice", "engine", "language", "speed", "cooldown_s", "max_age_days", "names", "text"}
_TEXT_KEYS = {"longest", "most_repeats", "emoji", "emotes", "link", "blocked", "policy", "mask"}
_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8}){0,3}")


class LiveSettingsError(ValueError):
    """A mistake in `live.toml`; one sentence names the key and what to do."""


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """A read `live.toml`. `language` is a tag."""

    path: str = "live.toml"
    voice: str = "am_adam50_am_michael50"
    engine: str = "kokoro"
    language: str = "en-us"
    speed: float = 0.85
    cooldown_s: float = 10.0
    max_age_days: float = 7.0
    names: Mapping[str, str] = field(default_factory=dict)
    text: TextRules = field(default_factory=TextRules)

    def request(self, text: str, known_voices: Mapping[str, Collection[str]]) -> SpeechRequest:
        """What is asked of the engine for a text that is safe to speak.

        Raises:
            LiveSettingsError: there is no such engine, or it has no such voice.
        """
        if self.engine not in known_voices:
            known = ", ".join(sorted(known_voices))
            raise LiveSettingsError(f"{self.path}: [engine] '{self.engine}' is no speech provider; there are {known}")
        try:
            voice = parse_voice_mix(self.voice, known_voices[self.engine], self.names)
        except VoiceError as error:
            raise LiveSettingsError(f"{self.path}: [voice] {error}") from error
        return SpeechRequest(text, self.language, voice, self.speed)


def parse_live_settings(data: bytes, path: str, *, default_engine: str = "kokoro") -> LiveSettings:
    """Read `live.toml`; an empty file is all defaults.

    Raises:
        LiveSettingsError: it is not TOML, or has a key or a value that means nothing.
    """
    try:
        root = parse_toml(data, path)
        check_keys(root, _KEYS, "", path)
        plain = LiveSettings()
        return LiveSettings(
            path=path,
            voice=value.text(root, "voice", "", path) or plain.voice,
            engine=value.text(root, "engine", "", path) or default_engine,
            language=_language(value.text(root, "language", "", path), path) or plain.language,
            speed=_number(root, "speed", 0.5, 2.0, "", path, plain.speed),
            cooldown_s=_number(root, "cooldown_s", 0, 3600, "", path, plain.cooldown_s),
            max_age_days=_number(root, "max_age_days", 0, 3650, "", path, plain.max_age_days),
            names=_names(root.get("names", {}), path),
            text=_rules(table(root.get("text", {}), "text", path), path),
        )
    except TomlError as error:
        raise LiveSettingsError(str(error)) from error


def _number(
    values: Mapping[str, Any], name: str, low: float, high: float, key: str, path: str, default: float
) -> float:
    found = values.get(name, default)
    if isinstance(found, bool) or not isinstance(found, int | float) or not low <= found <= high:
        raise value.mistake(path, key, name, f"is {value.shown(found)}", f"write a number from {low:g} to {high:g}")
    return float(found)


def _language(text: str | None, path: str) -> str:
    if not text:
        return ""
    tag = LANGUAGES.get(text, text.lower().replace("_", "-"))
    if len(text) == 1 and text not in LANGUAGES:
        letters = ", ".join(f"{letter} ({of})" for letter, of in LANGUAGES.items())
        raise value.mistake(path, "", "language", f"is {value.shown(text)}", f"write one of {letters}, or a tag")
    if not _TAG.fullmatch(tag):
        raise value.mistake(path, "", "language", f"is {value.shown(text)}", 'write a letter, or a tag such as "de"')
    return tag


def _names(given: object, path: str) -> dict[str, str]:
    names: dict[str, str] = {}
    for name, target in table(given, "names", path).items():
        if not isinstance(target, str) or not target.strip():
            raise value.mistake(path, "names", name, f"is {value.shown(target)}", "write a voice in quotes")
        names[name.strip()] = target.strip()
    return names


def _rules(values: Mapping[str, Any], path: str) -> TextRules:
    check_keys(values, _TEXT_KEYS, "text", path)
    plain = TextRules()
    emotes = value.texts(values, "emotes", "text", path)
    return TextRules(
        longest=int(_number(values, "longest", 10, 4000, "text", path, plain.longest)),
        most_repeats=int(_number(values, "most_repeats", 1, 20, "text", path, plain.most_repeats)),
        emoji=value.one_of(values, "emoji", ("remove", "name"), "text", path) or plain.emoji,
        emotes=plain.emotes if emotes is None else emotes,
        link=value.text(values, "link", "text", path) or plain.link,
        blocked=value.texts(values, "blocked", "text", path) or (),
        policy=value.one_of(values, "policy", ("mask", "refuse"), "text", path) or plain.policy,
        mask=value.text(values, "mask", "text", path) or plain.mask,
    )
