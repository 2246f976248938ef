"""The text of a live message made safe to speak: what strangers type, as a voice may say it on air.

    speakable("go to https://x.tv NOWWWWWW 😀😀", TextRules())
    -> "go to link NOWWW", ("1 link is spoken as 'link'", "2 emoji left out", ...)

In this order: letters in disguise become plain, marks piled on letters and invisible characters go, links become a
word, emotes and emoji are left out or named, blocked words are masked or refuse the message, repetitions are capped,
and the whole is cut at a word. What was changed is told in notes, one sentence each. Pure; no language is assumed.
"""

import re
import unicodedata
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Literal

Policy = Literal["mask", "refuse"]
Emoji = Literal["remove", "name"]

EMOTES = (
    "4Head", "BibleThump", "DansGame", "FailFish", "HeyGuys", "Kappa", "Kreygasm", "LUL", "NotLikeThis", "PogChamp",
    "ResidentSleeper", "SeemsGood", "WutFace",
)  # fmt: skip
"""Words that a chat shows as pictures, where the settings name no others."""

_LONGEST_WORD = 60
_MOST_MARKS = 2
"""Of diacritics on one letter: Vietnamese needs two, what has more is a tower."""

_MARK = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
_TOWER = re.compile(f"{_MARK.pattern}{{{_MOST_MARKS + 1},}}")
_DISGUISED = re.compile("[\U0001d400-\U0001d7ff\uff01-\uff5e\u24b6-\u24e9\u2100-\u214f]+")
_EMOJI = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}"
    "|[0-9#*]\ufe0f?\u20e3"
    "|(?:[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2190-\u21ff\u2300-\u23ff\u25a0-\u25ff\u3030\u303d]"
    "[\ufe0e\ufe0f\u200d\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*)"
)
_LINK = re.compile(
    r"(?:[a-z][a-z0-9+.-]{1,15}://|www\.)[^\s<>]+"
    r"|(?<![\w@.-])(?:[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?\.){1,4}"
    r"(?:com|net|org|edu|gov|info|biz|io|co|tv|gg|me|ly|be|to|app|dev|xyz|live|stream|shop|site|online|link|click|uk|de|"
    r"fr|es|it|pt|br|ru|nl|pl|eu|us|ca|au|jp)\b(?::\d{2,5})?(?:[/?#][^\s<>]*)?",
    re.IGNORECASE,
)
_CODE = re.compile(r"(?<![\w:]):[A-Za-z][\w+-]{1,40}:(?![\w:])")
_CHEER = re.compile(r"(?<!\w)cheer\d{1,7}(?!\w)", re.IGNORECASE)
_AFTER_A_LINK = ".,;:!?)]}'\"…"
_SAME_PART = re.compile(r"((?:(?!\d)\w){2,5}?)\1{3,}", re.IGNORECASE)
_SPELLED_OUT = re.compile(r"(?<!\w)\w(?:[\s.\-_*]{1,3}\w){2,}(?!\w)")
_LEET = str.maketrans("013457@$!|€", "oieastasiie")


class UnspeakableError(ValueError):
    """Nothing of a message may, or can, be spoken; one sentence says why."""


@dataclass(frozen=True, slots=True)
class TextRules:
    """What is done with texts.

    `blocked` are words or phrases in any case, `*` stands for any letters; `most_repeats` holds for characters, words
    and short phrases; `longest` counts characters.
    """

    longest: int = 300
    most_repeats: int = 3
    emoji: Emoji = "remove"
    emotes: tuple[str, ...] = EMOTES
    link: str = "link"
    blocked: tuple[str, ...] = ()
    policy: Policy = "mask"
    mask: str = "beep"


@dataclass(frozen=True, slots=True)
class Speakable:
    """What is spoken, and what was changed for it."""

    text: str
    notes: tuple[str, ...] = ()


def speakable(text: str, rules: TextRules) -> Speakable:
    """Make `text` safe to speak.

    Raises:
        UnspeakableError: it holds a blocked word and the policy refuses, or nothing is left of it.
    """
    notes: list[str] = []
    said = _plain_letters(text, notes)
    said = _without_links(said, rules, notes)
    said = _without_emotes(said, rules, notes)
    said = _without_invisible(said, notes)
    said = _without_blocked(said, rules, notes)
    said = _capped(said, rules, notes)
    said = _cut(said, rules.longest, notes)
    if not any(character.isalnum() for character in said):
        raise UnspeakableError("nothing is left to speak of its text" + (f": {'; '.join(notes)}" if notes else ""))
    return Speakable(said, tuple(notes))


def _note(notes: list[str], n: int, one: str, many: str) -> None:
    if n:
        notes.append(f"{n} {one if n == 1 else many}")


def _plain_letters(text: str, notes: list[str]) -> str:
    plain = _DISGUISED.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    if plain != text:
        notes.append("letters in disguise are read as plain ones")
    decomposed = unicodedata.normalize("NFD", plain)
    bare, n_towers = _TOWER.subn("", decomposed)
    _note(notes, n_towers, "pile of marks taken off a letter", "piles of marks taken off letters")
    return unicodedata.normalize("NFC", bare)


def _without_links(text: str, rules: TextRules, notes: list[str]) -> str:
    def replaced(found: re.Match[str]) -> str:
        link = found[0].rstrip(_AFTER_A_LINK)
        return f" {rules.link} {found[0][len(link) :]}" if link else found[0]

    said, n_links = _LINK.subn(replaced, text)
    _note(notes, n_links, f"link is spoken as '{rules.link}'", f"links are spoken as '{rules.link}'")
    return re.sub(rf"({re.escape(rules.link)}) ([{re.escape(_AFTER_A_LINK)}])", r"\1\2", said) if n_links else said


def _without_emotes(text: str, rules: TextRules, notes: list[str]) -> str:
    n_emotes = 0
    for pattern in (_CODE, _CHEER, *([_words(rules.emotes)] if rules.emotes else [])):
        text, n_found = pattern.subn(" ", text)
        n_emotes += n_found
    _note(notes, n_emotes, "emote left out", "emotes left out")
    before = ""

    def replaced(found: re.Match[str]) -> str:
        nonlocal before
        name = _emoji_name(found[0]) if rules.emoji == "name" else ""
        is_again = name == before
        before = name
        return " " if is_again else f" {name} "

    said, n_emoji = _EMOJI.subn(replaced, text)
    verb = "spoken by name" if rules.emoji == "name" else "left out"
    _note(notes, n_emoji, f"emoji {verb}", f"emoji {verb}")
    return said


@lru_cache(maxsize=8)
def _words(words: tuple[str, ...]) -> re.Pattern[str]:
    """Any of some words, as whole words and in this very case."""
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)")


def _emoji_name(emoji: str) -> str:
    """The name of its first character; of a flag or a key, nothing."""
    if len(emoji) > 1 and (emoji[0] in "0123456789#*" or "\U0001f1e6" <= emoji[0] <= "\U0001f1ff"):
        return ""
    return unicodedata.name(emoji[0], "").lower().replace("-", " ")


def _without_invisible(text: str, notes: list[str]) -> str:
    """Line ends and tabs become spaces, all else that has no shape goes; joiners inside of words stay."""
    kept: list[str] = []
    n_gone = 0
    for at, character in enumerate(text):
        category = unicodedata.category(character)
        if character in "\n\r\t\v\f" or category in ("Zs", "Zl", "Zp"):
            kept.append(" ")
        elif category in ("Cc", "Cf", "Co", "Cs", "Cn"):
            is_joiner = character in "\u200c\u200d" and 0 < at < len(text) - 1
            if is_joiner and _joins(text[at - 1]) and _joins(text[at + 1]):
                kept.append(character)
            else:
                n_gone += 1
        else:
            kept.append(character)
    _note(notes, n_gone, "invisible character left out", "invisible characters left out")
    return " ".join("".join(kept).split())


def _joins(character: str) -> bool:
    """Whether joiners mean something beside this letter: in Persian and the scripts of India they do."""
    return "\u0600" <= character <= "\u0dff"


# --- blocked words -----------------------------------------------------------------------------------------------


def _without_blocked(text: str, rules: TextRules, notes: list[str]) -> str:
    phrases = [[_skeleton(word, "*") for word in entry.split()] for entry in rules.blocked if entry.strip()]
    if not phrases:
        return text
    text = _SPELLED_OUT.sub(lambda found: _joined_if_blocked(found[0], phrases), text)
    words = text.split(" ")
    skeletons = [_skeleton(word) for word in words]
    n_blocked, at, said = 0, 0, []
    while at < len(words):
        length = max((len(phrase) for phrase in phrases if _begins_with(skeletons, at, phrase)), default=0)
        said.append(rules.mask if length else words[at])
        n_blocked += 1 if length else 0
        at += length or 1
    if n_blocked and rules.policy == "refuse":
        raise UnspeakableError(f"it holds {n_blocked} blocked word{'s' if n_blocked > 1 else ''}")
    _note(notes, n_blocked, f"blocked word is spoken as '{rules.mask}'", f"blocked words are spoken as '{rules.mask}'")
    return " ".join(said)


def _begins_with(skeletons: list[str], at: int, phrase: list[str]) -> bool:
    found = skeletons[at : at + len(phrase)]
    return len(found) == len(phrase) and all(map(fnmatchcase, found, phrase))


def _joined_if_blocked(spelled: str, phrases: list[list[str]]) -> str:
    """`b a d` and `b.a.d` as one word, where that word is blocked."""
    word = re.sub(r"[\s.\-_*]", "", spelled)
    return word if any(len(phrase) == 1 and fnmatchcase(_skeleton(word), phrase[0]) for phrase in phrases) else spelled


@lru_cache(maxsize=4096)
def _skeleton(word: str, also: str = "") -> str:
    """A word as it is compared: no case, no diacritics, digits that stand for letters read so, no doubled letters."""
    bare = _MARK.sub("", unicodedata.normalize("NFD", word.casefold()))
    has_letters = any(character.isalpha() for character in bare)
    read = bare.strip("!|").translate(_LEET) if has_letters else bare
    letters = "".join(character for character in read if character.isalnum() or character in also)
    return re.sub(r"([^\W\d])\1+", r"\1", letters)


# --- repetitions and length --------------------------------------------------------------------------------------


def _capped(text: str, rules: TextRules, notes: list[str]) -> str:
    most = rules.most_repeats
    capped = re.sub(rf"([^\d\s])\1{{{most},}}", lambda found: found[1] * most, text)
    capped = _SAME_PART.sub(lambda found: found[1] * min(most, 3), capped)
    words = _capped_words(capped.split(), most)
    words = [word if len(word) <= _LONGEST_WORD else word[:_LONGEST_WORD] for word in words]
    said = " ".join(words)
    if said != text:
        notes.append(f"repetitions are capped at {most}")
    return said


def _capped_words(words: list[str], most: int) -> list[str]:
    """Words without more than `most` of the same in a row, and without phrases of up to four words more often."""
    for size in (1, 2, 3, 4):
        kept: list[str] = []
        at = 0
        while at < len(words):
            phrase = [word.casefold() for word in words[at : at + size]]
            n_times = 1
            while [word.casefold() for word in words[at + n_times * size : at + (n_times + 1) * size]] == phrase:
                n_times += 1
            if n_times > most:
                kept += words[at : at + most * size]
                at += n_times * size
            else:
                kept.append(words[at])
                at += 1
        words = kept
    return words


def _cut(text: str, longest: int, notes: list[str]) -> str:
    if len(text) <= longest:
        return text
    head = text[: longest + 1]
    at_word = head.rpartition(" ")[0]
    said = (at_word or text[:longest]).rstrip(" ,;:-")
    notes.append(f"cut to {len(said)} of {len(text)} characters")
    return said
