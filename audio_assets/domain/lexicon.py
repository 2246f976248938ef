"""The pronunciation lexicon: how names and invented words are said.

    [en]
    GIF = "jif"                       # a respelling, read as the language's own words are
    "Port Merrow" = "/ˈpɔːt ˈmɛɹəʊ/"   # IPA between slashes

    [characters.anna.en]
    harbour = "/ˈɑːbə/"               # only when Anna says it

Here: reading the file and finding its words in a text. Not here: how an engine speaks them.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from audio_assets.domain.toml_tables import TomlError, character_key, nearest, parse_toml, table

_LANG = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*")
_APOSTROPHES = "'’ʼ"


class LexiconError(ValueError):
    """A lexicon that can not be read: the message names the file, the key and what to do."""


@dataclass(frozen=True, slots=True)
class _Entry:
    word: str
    value: str
    folded: str
    pattern: re.Pattern[str]


_Entries = Mapping[str, _Entry]  # by folded word


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words with their pronunciations, per language and per character and language."""

    _by_lang: Mapping[str, _Entries] = field(default_factory=dict)
    _by_character: Mapping[str, Mapping[str, _Entries]] = field(default_factory=dict)
    _merged: dict[tuple[str, str, str], _Entries] = field(default_factory=dict, compare=False, repr=False)

    def pronunciations(
        self, text: str, lang: str, character: str, *, short_name: str = ""
    ) -> tuple[tuple[str, str], ...]:
        """The lexicon's words that occur in `text`, with their pronunciations, sorted.

        Whole words, in any case; of overlapping ones the longest. A character's own entry wins over the language's, the
        entry of `en-gb` over that of `en`. Values are respellings or `/IPA/`.
        """
        key = (lang, character, short_name)
        if key not in self._merged:  # a few characters say all lines
            self._merged[key] = self._entries(
                lang, dict.fromkeys((character_key(short_name), character_key(character)))
            )
        return tuple(sorted((entry.word, entry.value) for entry in _occurring(text, self._merged[key])))

    def _entries(self, lang: str, names: Iterable[str]) -> _Entries:
        """Every entry that holds for a character, the later ones over the earlier."""
        entries: dict[str, _Entry] = {}
        for tables in (self._by_lang, *(self._by_character.get(name, {}) for name in names)):
            for tag in (lang.lower().partition("-")[0], lang.lower()):
                entries.update(tables.get(tag, {}))
        return entries


def parse_lexicon(data: bytes, path: str) -> Lexicon:
    """Read `lexicon.toml`.

    Raises:
        LexiconError: a TOML mistake (with its line), a key or value that means nothing.
    """
    try:
        root = parse_toml(data, path)
        by_lang: dict[str, _Entries] = {}
        by_character: dict[str, Mapping[str, _Entries]] = {}
        for key, value in root.items():
            if key == "characters":
                by_character = _character_tables(value, path)
            else:
                lang = _lang(key, key, path)
                by_lang[lang] = _entries(value, key, path)
    except TomlError as error:
        raise LexiconError(str(error)) from error
    return Lexicon(by_lang, by_character)


def _character_tables(value: object, path: str) -> dict[str, Mapping[str, _Entries]]:
    by_character: dict[str, Mapping[str, _Entries]] = {}
    for name, tables in table(value, "characters", path).items():
        where = f"characters.{name}"
        if character_key(name) in by_character:
            raise TomlError(path, where, "the character is named twice", "keep one of the two")
        by_character[character_key(name)] = {
            _lang(lang, f"{where}.{lang}", path): _entries(words, f"{where}.{lang}", path)
            for lang, words in table(tables, where, path).items()
        }
    return by_character


def _lang(key: str, where: str, path: str) -> str:
    lang = key.lower()
    if not _LANG.fullmatch(lang):
        hint = nearest(key, ("characters",))
        raise TomlError(
            path, where, f"'{key}' is no language", hint or "name the table by a language such as [en] or [en-gb]"
        )
    return lang


def _entries(value: object, where: str, path: str) -> _Entries:
    entries: dict[str, _Entry] = {}
    for word, spoken in table(value, where, path).items():
        at = f"{where}.{word}"
        if isinstance(spoken, dict):
            raise TomlError(
                path, at, "a table stands where a pronunciation should", f'quote words that hold a dot: "{word}..."'
            )
        if not isinstance(spoken, str) or not spoken.strip():
            raise TomlError(path, at, "the pronunciation is no text", 'write a respelling ("jif") or IPA ("/dʒɪf/")')
        entry = _entry(word, spoken, at, path)
        if entry.folded in entries:
            raise TomlError(
                path, at, f"the word stands there as '{entries[entry.folded].word}' already", "keep one of the two"
            )
        entries[entry.folded] = entry
    return entries


def _entry(word: str, spoken: str, where: str, path: str) -> _Entry:
    word = " ".join(unicodedata.normalize("NFC", word).split())
    value = " ".join(unicodedata.normalize("NFC", spoken).split())
    if not any(c.isalnum() for c in word):
        raise TomlError(path, where, f"'{word}' is no word", "write a word with letters or digits")
    if " " in word:
        raise TomlError(path, where, f"'{word}' is more than one word", "give each of its words an entry of its own")
    is_ipa = len(value) > 2 and value[0] == value[-1] == "/" and "/" not in value[1:-1] and value[1:-1].strip()
    if "/" in value and not is_ipa:
        raise TomlError(path, where, f"the pronunciation '{value}' is no IPA between slashes", 'write it as "/dʒɪf/"')
    return _Entry(word, value, _folded(word), _pattern(word))


def _folded(text: str) -> str:
    return " ".join(re.sub(f"[{_APOSTROPHES}]", "'", unicodedata.normalize("NFC", text).casefold()).split())


def _pattern(word: str) -> re.Pattern[str]:
    """Matches `_folded(word)` as a whole word."""
    folded = _folded(word)
    left = r"(?<!\w)" if folded[0].isalnum() else ""
    right = r"(?!\w)" if folded[-1].isalnum() else ""
    return re.compile(left + re.escape(folded) + right)


def _occurring(text: str, entries: Mapping[str, _Entry]) -> list[_Entry]:
    if not entries:
        return []
    folded = _folded(text)
    candidates = [entry for entry in entries.values() if entry.folded in folded]
    free = bytearray(b"\1" * len(folded))
    found: list[_Entry] = []
    for entry in sorted(candidates, key=lambda entry: (-len(entry.folded), entry.folded)):
        places = [m.span() for m in entry.pattern.finditer(folded) if all(free[m.start() : m.end()])]
        for start, end in places:
            free[start:end] = bytes(end - start)
        found += [entry] if places else []
    return found
