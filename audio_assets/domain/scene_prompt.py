"""The prompt of a scene: which texts it is made of (`prompt_inputs`), and the making (`build_scene_prompt`).

The wording is in `workflows/prompts.toml`, read by `parse_templates`; nothing is worded here. What a prompt depends on
is one plain value, so that its hash is the cache key: a changed preset touches the scenes that use it and no others.

Placeholders are filled in one pass, so that text from lyrics, bibles or settings is never read as a template. Lyrics
are one line between quotation marks of which they hold none themselves.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from string import Template
from typing import Any

from audio_assets.domain.song_settings import Character
from audio_assets.domain.storyboard import UNKNOWN_SECTION, Scene, Storyboard
from audio_assets.domain.toml_tables import TomlError, check_keys, nearest, parse_toml, table
from audio_assets.domain.toml_values import shown

LOW_ENERGY, HIGH_ENERGY = 0.35, 0.7
"""Below and from these energies the camera is calm and driving; between them it is steady."""

_SHOWN = ("camera", "section", "mood", "lyrics")
_PACES = ("calm", "steady", "driving")
_BIBLE = ("description", "face", "signature", "wardrobe_lock", "dos", "donts")
_PLACEHOLDERS: Mapping[str, tuple[str, ...]] = {
    "global.style": ("frame",),
    **dict.fromkeys(("global.landscape", "global.portrait", "global.negative"), ()),
    **dict.fromkeys(("character.lead", "character.other"), ("name",)),
    **{f"character.{name}": ("text",) for name in _BIBLE},
    "performance.directive": ("performer", *_SHOWN),
    "broll.directive": ("subject", *_SHOWN),
    "broll.subject": ("names",),
    **dict.fromkeys(("performance.nobody", "broll.nobody", "performance.silent", "broll.silent"), ()),
    **dict.fromkeys(("performance.lyrics", "broll.lyrics"), ("lyrics",)),
    "mood.text": ("mood",),
    **{f"camera.{scene_type}.{pace}": () for scene_type in ("performance", "broll") for pace in _PACES},
    **{f"section.{name}": () for name in ("intro", "verse", "chorus", "bridge", "outro", "instrumental", "section")},
    "section.other": ("name",),
    **dict.fromkeys(("continuity.seen", "continuity.unseen"), ()),
}
_LIMITS = ("max_chars", "max_lyrics_chars")
_MOST_CHARS = 100_000
_PRESET_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
_SPACES = re.compile(r"[\s\x00-\x1f\x7f]+")
_QUOTES = str.maketrans(dict.fromkeys('"“”„«»', "'"))


class ScenePromptError(ValueError):
    """A prompt that can not be made; one sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A style: what it adds to the prompt, and what it keeps out."""

    text: str
    negative: str = ""


@dataclass(frozen=True, slots=True)
class Templates:
    """All wording: `texts` by dotted key ("performance.lyrics"), presets by name, and how long things may be."""

    texts: Mapping[str, str]
    presets: Mapping[str, Preset]
    max_chars: int
    max_lyrics_chars: int


@dataclass(frozen=True, slots=True)
class ScenePrompt:
    """A finished prompt: `parts` are its paragraphs with their names, in order, `negative` what should not be seen."""

    text: str
    negative: str
    parts: tuple[tuple[str, str], ...]


# --- Reading the wording -------------------------------------------------------------------------------------------


def parse_templates(data: bytes, path: str, *, base: Templates | None = None) -> Templates:
    """Read a file of wording; with a `base` it may hold any part of it, and what it leaves out is the base's.

    Raises:
        ScenePromptError: a TOML mistake, an unknown key or placeholder (with the nearest), a text that is missing.
    """
    try:
        return _templates(parse_toml(data, path), path, base)
    except TomlError as error:
        raise ScenePromptError(str(error)) from error


def _templates(root: Mapping[str, Any], path: str, base: Templates | None) -> Templates:
    wording = {name: value for name, value in root.items() if name not in (*_LIMITS, "presets")}
    check_keys(wording, {key.partition(".")[0] for key in _PLACEHOLDERS} | {*_LIMITS, "presets"}, "", path)
    texts = (dict(base.texts) if base else {}) | _texts(wording, "", path)
    missing = [key for key in _PLACEHOLDERS if key not in texts]
    if missing:
        raise TomlError(path, missing[0], "is missing", "add the text, or take it from the shipped prompts.toml")
    presets = table(root.get("presets", {}), "presets", path)
    own = {name: _preset(name, entry, path) for name, entry in presets.items()}
    max_chars, max_lyrics_chars = (_limit(root, name, base, path) for name in _LIMITS)
    return Templates(texts, (dict(base.presets) if base else {}) | own, max_chars, max_lyrics_chars)


def _texts(value: Mapping[str, Any], key: str, path: str) -> dict[str, str]:
    """All texts below a table, by dotted key."""
    known = {name[len(key) :].lstrip(".").partition(".")[0] for name in _PLACEHOLDERS if name.startswith(key)}
    check_keys(value, known, key, path)
    texts: dict[str, str] = {}
    for name, entry in value.items():
        place = f"{key}.{name}" if key else name
        if place in _PLACEHOLDERS:
            texts[place] = _text(entry, place, path)
        else:
            texts |= _texts(table(entry, place, path), place, path)
    return texts


def _text(value: object, key: str, path: str) -> str:
    if not isinstance(value, str):
        raise TomlError(path, key, f"is {shown(value)}, no text", "put it in quotes")
    template = Template(value)
    if not template.is_valid():
        raise TomlError(path, key, "has a $ without a name behind it", "write $$ for a dollar")
    known = _PLACEHOLDERS[key]
    for name in template.get_identifiers():
        if name not in known:
            may_use = ", ".join(f"${word}" for word in known) or "none"
            raise TomlError(path, key, f"the placeholder ${name} is not known", f"this text may use {may_use}")
    return value.strip()


def _preset(name: str, entry: object, path: str) -> Preset:
    key = f"presets.{name}"
    values = table(entry, key, path)
    check_keys(values, ("text", "negative"), key, path)
    if not _PRESET_NAME.fullmatch(name):
        raise TomlError(path, key, "is no name for a preset", "use a-z, 0-9 and _, such as neon_rain")
    for part in ("text", "negative"):
        if not isinstance(values.get(part, ""), str):
            raise TomlError(path, key, f"{part} is {shown(values[part])}, no text", "put it in quotes")
    if not values.get("text", "").strip():
        raise TomlError(path, key, "has no text", 'add text = "Style: ..."')
    return Preset(values["text"].strip(), values.get("negative", "").strip())


def _limit(root: Mapping[str, Any], name: str, base: Templates | None, path: str) -> int:
    value = root.get(name, getattr(base, name, None))
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_CHARS:
        raise TomlError(path, name, f"is {shown(value)}", f"write a number of characters from 1 to {_MOST_CHARS:,}")
    return value


# --- What a prompt depends on ----------------------------------------------------------------------------------------


def prompt_inputs(
    board: Storyboard, scene: Scene, settings_characters: Sequence[Character], templates: Templates
) -> dict[str, Any]:
    """All that decides this scene's prompt, as plain JSON values, and nothing else.

    Raises:
        ScenePromptError: the scene's preset or one of its characters is not known (with the nearest name).
    """
    if scene.prompt_override:
        return {"prompt": scene.prompt_override, "max_chars": templates.max_chars}
    texts = templates.texts
    preset = check_preset(scene.style_preset, templates)
    cast = [_character(name, settings_characters) for name in scene.characters]
    return {
        "global": {"template": texts["global.style"], "frame": texts[f"global.{board.format}"]},
        "characters": [_character_inputs(character, texts) for character in cast],
        "directive": _directive_inputs(scene, texts, templates.max_lyrics_chars),
        "continuity": texts["continuity.seen" if cast else "continuity.unseen"],
        "preset": asdict(preset) if preset else None,
        "negative": texts["global.negative"],
        "max_chars": templates.max_chars,
    }


def check_preset(name: str, templates: Templates) -> Preset | None:
    """The preset of a name, none for "".

    Raises:
        ScenePromptError: there is no such preset; names the nearest.
    """
    if not name:
        return None
    if name not in templates.presets:
        known = sorted(templates.presets)
        remedy = nearest(name, known) or f"known are {', '.join(known)}"
        raise ScenePromptError(f"the style preset {shown(name)} is not known; {remedy}")
    return templates.presets[name]


def _character(name: str, characters: Sequence[Character]) -> Character:
    for character in characters:
        if character.name == name:
            return character
    known = [character.name for character in characters]
    remedy = nearest(name, known) or "plan the storyboard again"
    raise ScenePromptError(f"the character {shown(name)} is not in the song's settings; {remedy}")


def _character_inputs(character: Character, texts: Mapping[str, str]) -> dict[str, Any]:
    bible = {name: getattr(character, name) for name in _BIBLE if getattr(character, name)}
    return {
        "name": character.name,
        "template": texts["character.lead" if character.is_primary else "character.other"],
        "bible": [
            {"template": texts[f"character.{name}"], "text": text if isinstance(text, str) else "; ".join(text)}
            for name, text in bible.items()
        ],
    }


def _directive_inputs(scene: Scene, texts: Mapping[str, str], max_lyrics_chars: int) -> dict[str, Any]:
    kind, mood = scene.scene_type, scene.mood_phrase or scene.mood
    pace = "calm" if scene.energy < LOW_ENERGY else "steady" if scene.energy < HIGH_ENERGY else "driving"
    is_named = "section" in scene.overridden and scene.section_type == UNKNOWN_SECTION and scene.section
    subject = texts[f"{kind}.nobody"]
    if scene.characters:
        subject = texts["broll.subject"] if kind == "broll" else "$names"
    return {
        "template": texts[f"{kind}.directive"],
        "subject": {"template": subject, "names": list(scene.characters)},
        "camera": texts[f"camera.{kind}.{pace}"],
        "section": (
            {"template": texts["section.other"], "name": scene.section}
            if is_named
            else {"template": texts[f"section.{scene.section_type}"]}
        ),
        "mood": {"template": texts["mood.text"], "mood": mood} if mood else None,
        "lyrics": (
            {"template": texts[f"{kind}.lyrics"], "lyrics": scene.lyrics, "max_chars": max_lyrics_chars}
            if scene.lyrics.strip()
            else {"template": texts[f"{kind}.silent"]}
        ),
        "extra": scene.directive,
    }


# --- The prompt ------------------------------------------------------------------------------------------------------


def build_scene_prompt(inputs: Mapping[str, Any]) -> ScenePrompt:
    """Make the prompt of `prompt_inputs`: global style, characters, scene directive, continuity, style preset.

    Raises:
        ScenePromptError: it is longer than `max_chars`; names its longest part.
    """
    if "prompt" in inputs:
        return _checked(ScenePrompt(inputs["prompt"], "", (("prompt", inputs["prompt"]),)), inputs["max_chars"])
    characters = [_character_text(character) for character in inputs["characters"]]
    preset = inputs["preset"] or {"text": "", "negative": ""}
    parts = (
        ("global style", _filled(inputs["global"]["template"], frame=inputs["global"]["frame"])),
        ("character", "\n".join(characters)),
        ("scene directive", _directive_text(inputs["directive"])),
        ("continuity", inputs["continuity"]),
        ("style preset", preset["text"]),
    )
    said = tuple((name, text) for name, text in parts if text)
    negative = ", ".join(text for text in (inputs["negative"], preset["negative"]) if text)
    return _checked(ScenePrompt("\n\n".join(text for _, text in said), negative, said), inputs["max_chars"])


def _checked(prompt: ScenePrompt, max_chars: int) -> ScenePrompt:
    if len(prompt.text) > max_chars:
        name, text = max(prompt.parts, key=lambda part: len(part[1]))
        sizes = f"the prompt has {len(prompt.text):,} characters, more than the {max_chars:,} of max_chars"
        raise ScenePromptError(f"{sizes}; shorten its {name} ({len(text):,})")
    return prompt


def _character_text(character: Mapping[str, Any]) -> str:
    lines = [_filled(character["template"], name=_line(character["name"]))]
    lines += [_filled(entry["template"], text=_line(entry["text"]).rstrip(".")) for entry in character["bible"]]
    return " ".join(lines)


def _directive_text(directive: Mapping[str, Any]) -> str:
    names = " and ".join(_line(name) for name in directive["subject"]["names"])
    subject = _filled(directive["subject"]["template"], names=names)
    section, mood, lyrics = directive["section"], directive["mood"], directive["lyrics"]
    text = _filled(
        directive["template"],
        performer=subject,
        subject=subject,
        camera=directive["camera"],
        section=_filled(section["template"], name=_line(section.get("name", ""))),
        mood=_filled(mood["template"], mood=_line(mood["mood"]).rstrip(".")) if mood else "",
        lyrics=_filled(lyrics["template"], lyrics=_quoted(lyrics.get("lyrics", ""), lyrics.get("max_chars", 0))),
    )
    return " ".join(part for part in (_line(text), _line(directive["extra"])) if part)


def _filled(template: str, **values: str) -> str:
    """The template with its placeholders filled, once: a $ in a value stays a $."""
    return Template(template).substitute(values)


def _line(text: str) -> str:
    """Text on one line, with single spaces and without control characters."""
    return _SPACES.sub(" ", text).strip()


def _quoted(lyrics: str, max_chars: int) -> str:
    """Lyrics in quotation marks, their lines divided by strokes; an ellipsis at a word where they are too long."""
    lines = [_line(line) for line in lyrics.translate(_QUOTES).splitlines()]
    text = " / ".join(line for line in lines if line)
    if len(text) > max_chars:
        text = text[: max_chars - 1].rsplit(" ", 1)[0].rstrip(" /,;:") + "…"
    return f"“{text}”"
