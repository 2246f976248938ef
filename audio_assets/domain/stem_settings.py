"""`stems.toml`: who says the names, developers and scripts, in which language, and with which words around them.

A table per kind, every key of which may be left out:
    [name]
    character = "narrator"      # of cast.toml: its engine and voice
    lang = "es"                 # the studio's language where it is left out
    text = "Hola, {value}"      # {value} is what the data set says; it alone where it is left out
"""

from collections.abc import Mapping
from dataclasses import dataclass

from audio_assets.domain.lines import NARRATOR
from audio_assets.domain.stem_ids import KINDS, Kind
from audio_assets.domain.toml_tables import TomlError, check_keys, parse_toml, table
from audio_assets.domain.toml_values import mistake, text

FILE = "stems.toml"
_KEYS = ("character", "lang", "text")
_VALUE = "{value}"


@dataclass(frozen=True, slots=True)
class StemVoice:
    """How a kind is spoken; `pattern` holds `{value}` once or more."""

    character: str
    lang: str
    pattern: str = _VALUE

    def words(self, said: str) -> str:
        """What is spoken for a value."""
        return self.pattern.replace(_VALUE, said)


def parse_stem_settings(data: bytes, path: str, default_lang: str) -> Mapping[Kind, StemVoice]:
    """How each kind is spoken; the narrator says them where the file says nothing.

    Raises:
        TomlError: a mistake; the message says where, and what to write.
    """
    root = parse_toml(data, path)
    check_keys(root, KINDS, "", path)
    return {kind: _voice(root.get(kind, {}), kind, path, default_lang) for kind in KINDS}


def _voice(value: object, kind: Kind, path: str, default_lang: str) -> StemVoice:
    values = table(value, kind, path)
    check_keys(values, _KEYS, kind, path)
    lang = (text(values, "lang", kind, path) or default_lang).lower().replace("_", "-")
    pattern = text(values, "text", kind, path) or _VALUE
    if _VALUE not in pattern:
        raise mistake(path, kind, "text", f"is {pattern!r}, without a place for the {kind}", f'write "Hola, {_VALUE}"')
    rest = pattern.replace(_VALUE, "")
    if "{" in rest or "}" in rest:
        raise mistake(path, kind, "text", f"is {pattern!r}", f"only {_VALUE} can stand in braces")
    return StemVoice(text(values, "character", kind, path) or NARRATOR, lang, pattern)


__all__ = ["FILE", "StemVoice", "TomlError", "parse_stem_settings"]
