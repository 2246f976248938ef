"""From a line of text to the words a voice says, and back: what a forced aligner is asked to find.

No sound and no dictionary here: `resources/engines/pocketsphinx.py` looks the spoken words up. A *text word* is what
stands between spaces (or dashes) of the text, without the punctuation around it. A *reading* is one way to say it:
lower-case spoken words of letters and apostrophes only. "1984" has two (nineteen eighty four; one thousand nine
hundred and eighty four), "twenty-one" has one of two words, "don't" one of one.

`text_words` is the way in.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from num2words import num2words

Reading = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TextWord:
    """A word as it stands in the text at `[start, end)` (characters), and the ways to say it, likeliest first."""

    word: str
    start: int
    end: int
    readings: tuple[Reading, ...]


_APOSTROPHES = str.maketrans("’‘ʼ＇`´", "''''''")
_TOKEN = re.compile(r"[^\s\u2013\u2014\u2015…/]+?(?=--|\.\.+|[\s\u2013\u2014\u2015…/]|$)|/(?=\d)")
_NOT_SPOKEN = re.compile(r"^[^\w$€£¥&@+#%°']+|[^\w%°€£¥+#'.]+$")
_ABBREVIATIONS_EN: dict[str, tuple[str, ...]] = {
    "mr.": ("mister",), "mr": ("mister",), "mrs.": ("missus",), "mrs": ("missus",), "ms.": ("miz",), "ms": ("miz",),
    "dr.": ("doctor", "drive"), "dr": ("doctor",), "st.": ("saint", "street"), "prof.": ("professor",),
    "jr.": ("junior",), "sr.": ("senior",), "sgt.": ("sergeant",), "capt.": ("captain",), "lt.": ("lieutenant",),
    "gen.": ("general",), "col.": ("colonel",), "rev.": ("reverend",), "hon.": ("honorable",), "mt.": ("mount",),
    "ave.": ("avenue",), "blvd.": ("boulevard",), "dept.": ("department",), "est.": ("established",),
    "etc.": ("et cetera",), "etc": ("et cetera",), "vs.": ("versus",), "vs": ("versus",),
    "e.g.": ("for example", "e g"), "i.e.": ("that is", "i e"), "a.m.": ("a m",), "p.m.": ("p m",), "ft.": ("feet",),
    "approx.": ("approximately",), "inc.": ("incorporated", "ink"), "ltd.": ("limited",), "co.": ("company",),
    "&": ("and",), "@": ("at",), "+": ("plus",), "=": ("equals",), "%": ("percent",), "#": ("number",),
}  # fmt: skip
_SYMBOLS_EN = {"%": "percent", "°": "degrees", "+": "plus", "#": "number", "&": "and", "@": "at"}
_CURRENCIES_EN = {"$": ("dollar", "dollars", "cents"), "€": ("euro", "euros", "cents"),
                  "£": ("pound", "pounds", "pence"), "¥": ("yen", "yen", "sen")}  # fmt: skip
_NUMBER = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+")
_PIECE = re.compile(rf"(?P<number>{_NUMBER.pattern})|(?P<letters>[^\W\d_]+(?:'[^\W\d_]+)*'?)|(?P<symbol>[%°+#&@])")
_CLOCK = re.compile(r"^(\d{1,2}):(\d{2})$")
_MONEY = re.compile(rf"^([$€£¥])({_NUMBER.pattern})$")
_ORDINAL = re.compile(r"^(\d+(?:,\d{3})*)(?:st|nd|rd|th)$", re.IGNORECASE)
_DECADE = re.compile(r"^'?(\d*0)'?s'?$")
_INITIALS = re.compile(r"^(?:[^\W\d_]\.){2,}$")


def text_words(text: str, lang: str = "en") -> tuple[TextWord, ...]:
    """Return the words of `text` that are spoken, in order; numbers are read in `lang` (BCP 47)."""
    found = []
    for match in _TOKEN.finditer(text):
        trimmed = _NOT_SPOKEN.sub("", match.group())
        start = match.start() + match.group().find(trimmed) if trimmed else match.end()
        word = _without_full_stop(trimmed)
        if readings := _readings(unicodedata.normalize("NFC", word).translate(_APOSTROPHES), lang):
            shown = word.strip("'’‘") or word
            start += word.find(shown)
            found.append(TextWord(shown, start, start + len(shown), readings))
    return tuple(found)


def _without_full_stop(word: str) -> str:
    """`word` without the stop of its sentence; a stop that belongs to it ("Mr.", "e.g.") stays."""
    if not word.endswith("."):
        return word
    if word.lower() in _ABBREVIATIONS_EN or _INITIALS.match(word):
        return word
    return _NOT_SPOKEN.sub("", word.rstrip("."))


@lru_cache(maxsize=4096)
def _readings(word: str, lang: str) -> tuple[Reading, ...]:
    if not any(c.isalnum() for c in word) and word not in _ABBREVIATIONS_EN:
        return ()
    is_english = lang.split("-")[0] == "en"
    known = _ABBREVIATIONS_EN.get(word.lower(), ()) if is_english else ()
    spoken = [*known] or [*_number_readings(word, is_english)] or [_join_pieces(word, lang, is_english)]
    return tuple(dict.fromkeys(tuple(s.split()) for s in spoken if s.split()))


def _number_readings(word: str, is_english: bool) -> Iterable[str]:
    """Ways to say a word that is one number: year, count, ordinal, decade, clock, money; nothing if it is none."""
    if not is_english:
        return
    if match := _CLOCK.match(word):
        yield from _clock(int(match[1]), match[2])
    elif match := _MONEY.match(word):
        yield _money(match[1], match[2])
    elif match := _ORDINAL.match(word):
        yield _plain(num2words(_count(match[1]), to="ordinal", lang="en"))
    elif match := _DECADE.match(word):
        yield from (_decade(reading) for reading in _counts(match[1]))
    elif _NUMBER.fullmatch(word):
        yield from _counts(word)


def _counts(digits: str) -> list[str]:
    """English readings of a written number, likeliest first."""
    if "." in digits or "," in digits or not 3 <= len(digits) <= 4 or digits.startswith("0"):
        return _counts_one(digits)
    count = int(digits)
    plain = _plain(num2words(count, lang="en"))
    without_and = plain.replace(" and ", " ")
    if len(digits) == 4 and (1100 <= count < 2000 or 2010 <= count < 2100):
        year = _plain(num2words(count, to="year", lang="en"))
        hundreds = _plain(num2words(count // 100, lang="en")) + " hundred"
        rest = _plain(num2words(count % 100, lang="en")) if count % 100 else ""
        return list(
            dict.fromkeys(
                [year, f"{hundreds} {rest}".strip(), *([f"{hundreds} and {rest}"] if rest else []), without_and, plain]
            )
        )
    return list(dict.fromkeys([without_and, plain]))


def _counts_one(digits: str) -> list[str]:
    if digits.startswith("0") and "." not in digits and len(digits) > 1:
        by_digit = [_plain(num2words(int(d), lang="en")) for d in digits]
        return [" ".join(by_digit).replace("zero", "oh"), " ".join(by_digit)]
    plain = _plain(num2words(_count(digits), lang="en"))
    return list(dict.fromkeys([plain.replace(" and ", " "), plain]))


def _count(digits: str) -> int | float:
    bare = digits.replace(",", "")
    return float(bare) if "." in bare else int(bare)


def _clock(hour: int, minutes: str) -> Iterable[str]:
    said = _plain(num2words(hour, lang="en"))
    minute = int(minutes)
    if minute == 0:
        yield from (f"{said} o'clock", said, f"{said} hundred")
    elif minute < 10:
        yield f"{said} oh {_plain(num2words(minute, lang='en'))}"
    else:
        yield f"{said} {_plain(num2words(minute, lang='en'))}"


def _money(sign: str, digits: str) -> str:
    one, many, parts = _CURRENCIES_EN[sign]
    whole, _, fraction = digits.replace(",", "").partition(".")
    said = f"{_counts_one(whole or '0')[0]} {one if whole == '1' else many}"
    if fraction and int(fraction):
        if len(fraction) != 2:
            return f"{_counts_one(digits)[0]} {many}"
        said += f" {_plain(num2words(int(fraction), lang='en'))} {parts}"
    return said


def _decade(said: str) -> str:
    return said[:-1] + "ies" if said.endswith("y") else said + "s"


def _join_pieces(word: str, lang: str, is_english: bool) -> str:
    """Return how a mixed word ("twenty-one", "B2B", "C3-PO", "50%") is said, piece by piece."""
    if is_english and _INITIALS.match(word):
        return " ".join(word.replace(".", " ").lower().split())
    said: list[str] = []
    for match in _PIECE.finditer(word):
        if match["number"]:
            said.append(_counts_one(match["number"])[0] if is_english else _foreign_count(match["number"], lang))
        elif match["symbol"]:
            said.append(_SYMBOLS_EN[match["symbol"]] if is_english else "")
        else:
            said.append(_letters(match["letters"], is_english))
    return " ".join(said)


def _letters(letters: str, is_english: bool) -> str:
    """Return the spoken form of letters: lower case; capitals without a vowel ("HTML", "TV") are spelled."""
    bare = letters.strip("'")
    is_spelled = is_english and 2 <= len(bare) <= 5 and bare.isupper() and not set(bare) & set("AEIOUY")
    return " ".join(bare.lower()) if is_spelled else bare.lower()


def _foreign_count(digits: str, lang: str) -> str:
    try:
        return _plain(num2words(_count(digits), lang=lang.replace("-", "_")))
    except NotImplementedError:
        return digits


def _plain(said: str) -> str:
    """Words of letters only: "twenty-one" -> "twenty one"."""
    return " ".join(re.sub(r"[^\w']+", " ", said).lower().split())
