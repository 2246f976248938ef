"""Stem ids: a name, a developer or a script as `stem.name.jose`, in letters that every file system and bucket takes.

Accents are folded (`José`, `JOSE` and ` jose ` are one stem), Cyrillic, Greek, Hangul and kana are written in Latin
letters, of any other script each letter becomes its code point (`u7f8e`): the same value always has the same id.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from typing import Literal

Kind = Literal["name", "developer", "script"]

KINDS: tuple[Kind, ...] = ("name", "developer", "script")
PLURALS: Mapping[str, str] = {"name": "names", "developer": "developers", "script": "scripts"}
"""How the data sets of a kind, and their files, are called."""
PREFIX = "stem."
LONGEST_SLUG = 64
"""Characters; a longer one ends in 8 hex digits of its sha256."""

_LATIN = {"ø": "o", "đ": "d", "ł": "l", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ß": "ss"}
_CYRILLIC = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "yo", "ж": "zh", "з": "z", "и": "i", "й": "y",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
    "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu",
    "я": "ya", "і": "i", "ї": "yi", "є": "ye", "ґ": "g", "ў": "u",
}  # fmt: skip
_GREEK = {
    "α": "a", "β": "v", "γ": "g", "δ": "d", "ε": "e", "ζ": "z", "η": "i", "θ": "th", "ι": "i", "κ": "k", "λ": "l",
    "μ": "m", "ν": "n", "ξ": "x", "ο": "o", "π": "p", "ρ": "r", "σ": "s", "ς": "s", "τ": "t", "υ": "y", "φ": "f",
    "χ": "ch", "ψ": "ps", "ω": "o",
}  # fmt: skip
_TABLE = {**_LATIN, **_CYRILLIC, **_GREEK}
_NAMED = re.compile(r"(?:HANGUL SYLLABLE|(?:HIRAGANA|KATAKANA) LETTER(?: SMALL)?) ([A-Z]+)")
_ID = re.compile(r"stem\.(name|developer|script)\.([a-z0-9]+(?:-[a-z0-9]+)*)")


def stem_id(kind: Kind, value: str) -> str:
    """The id of a value: `stem_id("name", "José")` is `stem.name.jose`.

    Raises:
        ValueError: there is no letter or digit in it.
    """
    return f"{PREFIX}{kind}.{slug(value)}"


def slug(value: str) -> str:
    """A value in `a-z`, `0-9` and single hyphens, at most `LONGEST_SLUG` long.

    Raises:
        ValueError: there is no letter or digit in it.
    """
    folded = unicodedata.normalize("NFKC", value).casefold()
    said = "".join(_latin(letter) for letter in unicodedata.normalize("NFC", folded))
    found = re.sub(r"[^a-z0-9]+", "-", said.replace("'", "")).strip("-")
    if not found:
        raise ValueError(f"{value!r} has no letter and no digit")
    if len(found) <= LONGEST_SLUG:
        return found
    digest = hashlib.sha256(folded.encode()).hexdigest()[:8]
    return f"{found[: LONGEST_SLUG - 9].rstrip('-')}-{digest}"


def parse_stem_id(text: str) -> tuple[Kind, str]:
    """The kind and the slug of a stem id.

    Raises:
        ValueError: it is none.
    """
    found = _ID.fullmatch(text)
    kind = next((kind for kind in KINDS if found is not None and found[1] == kind), None)
    if found is None or kind is None:
        raise ValueError(
            f"{text!r} is no stem id; one is written stem.name.jose, stem.developer.ana, stem.script.hello"
        )
    return kind, found[2]


def _latin(letter: str) -> str:
    """One letter of NFC text in Latin letters; a space where nothing is said."""
    if letter.isascii():
        return letter
    if letter in _TABLE:
        return _TABLE[letter]
    base = unicodedata.normalize("NFKD", letter)[0]
    if (base.isascii() and base.isalnum()) or base in _TABLE:
        return _TABLE.get(base, base)
    if letter == "\u2019":  # as an apostrophe: O’Neil is one word
        return ""
    named = _NAMED.match(unicodedata.name(letter, ""))
    if named is not None:
        return named[1].lower()
    name, category = unicodedata.name(letter, ""), unicodedata.category(letter)
    if name.startswith("COMBINING") or category == "Cf":
        return ""  # an accent without a letter of its own, a zero-width joiner
    return f"u{ord(letter):x}" if category[0] in "LNM" else " "
