"""What is said for what is written: numbers, abbreviations, symbols, stutters; and where a text may be cut.

Conventions: a `SpokenWord` is one word of the text with the words said for it, so that a timeline can name the
text's own words. Marks are reduced to the few that shape prosody: `, . ! ? ; : — … “ ” ( )`.
- `spoken_words`: a text to its words. Emoji, asterisks and other signs that nobody says are left out.
- `pieces`: cut points that keep every piece under an engine's limit: sentences first, then clauses, then words.
How a word sounds is no matter of this module: see `g2p` for English.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from num2words import num2words


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """One word: `word` as in the text, `said` as the words spoken for it, and the marks around it.

    `is_emphasised`: written in capitals to be louder. An initialism's `said` is its letters: `F B I`.
    """

    word: str
    said: str
    before: str = ""
    after: str = ""
    is_emphasised: bool = False


SENTENCE_ENDS = frozenset(".!?…")
CLAUSE_ENDS = frozenset(",;:—)”")
_OPENING = "“("
_CLOSING = ",.!?;:—…”)"

# --- words by language -------------------------------------------------------------------------------------------

_SIGNS: dict[str, dict[str, str]] = {
    "en": {"%": "percent", "&": "and", "+": "plus", "=": "equals", "@": "at", "#": "number", "°": "degrees",
           "/": "slash", ".": "dot", "×": "times", "÷": "divided by", "§": "section", "™": "", "®": "", "©": ""},
    "fr": {"%": "pour cent", "&": "et", "+": "plus", "=": "égale", "@": "arobase", "#": "numéro", "°": "degrés",
           "/": "barre", ".": "point"},
    "es": {"%": "por ciento", "&": "y", "+": "más", "=": "igual a", "@": "arroba", "#": "número", "°": "grados",
           "/": "barra", ".": "punto"},
    "it": {"%": "per cento", "&": "e", "+": "più", "=": "uguale a", "@": "chiocciola", "#": "numero",
           "°": "gradi", "/": "barra", ".": "punto"},
    "pt": {"%": "por cento", "&": "e", "+": "mais", "=": "igual a", "@": "arroba", "#": "número", "°": "graus",
           "/": "barra", ".": "ponto"},
    "de": {"%": "Prozent", "&": "und", "+": "plus", "=": "gleich", "@": "at", "#": "Nummer", "°": "Grad",
           "/": "Schrägstrich", ".": "Punkt"},
}  # fmt: skip

_ABBREVIATIONS: dict[str, dict[str, str]] = {
    "en": {"mr.": "mister", "mrs.": "missus", "ms.": "miz", "dr.": "doctor", "prof.": "professor", "st.": "saint",
           "sr.": "senior", "jr.": "junior", "vs.": "versus", "etc.": "et cetera", "e.g.": "for example",
           "i.e.": "that is", "a.m.": "A M", "p.m.": "P M", "no.": "number", "mt.": "mount", "lt.": "lieutenant",
           "sgt.": "sergeant", "capt.": "captain", "gen.": "general", "col.": "colonel", "approx.": "approximately",
           "dept.": "department", "est.": "established", "inc.": "incorporated", "ltd.": "limited", "vol.": "volume",
           "jan.": "January", "feb.": "February", "aug.": "August", "sept.": "September", "oct.": "October",
           "nov.": "November", "dec.": "December", "mr": "mister", "mrs": "missus", "dr": "doctor", "vs": "versus",
           "w/": "with", "w/o": "without"},
    "fr": {"m.": "monsieur", "mme": "madame", "mmes": "mesdames", "mlle": "mademoiselle", "dr.": "docteur",
           "etc.": "et cetera", "p.ex.": "par exemple", "st.": "saint", "n°": "numéro"},
    "es": {"sr.": "señor", "sra.": "señora", "srta.": "señorita", "dr.": "doctor", "dra.": "doctora",
           "ud.": "usted", "uds.": "ustedes", "etc.": "etcétera", "p.ej.": "por ejemplo", "d.": "don"},
    "it": {"sig.": "signor", "sig.ra": "signora", "dott.": "dottor", "ecc.": "eccetera", "prof.": "professor"},
    "pt": {"sr.": "senhor", "sra.": "senhora", "dr.": "doutor", "dra.": "doutora", "etc.": "et cetera"},
    "de": {"hr.": "Herr", "fr.": "Frau", "dr.": "Doktor", "usw.": "und so weiter", "z.b.": "zum Beispiel",
           "d.h.": "das heißt", "nr.": "Nummer", "bzw.": "beziehungsweise"},
}  # fmt: skip

# Abbreviations that are also words or end sentences: a full stop after them is read as one unless a name follows.
_BEFORE_NAMES_ONLY = frozenset({"st.", "no.", "gen.", "col.", "est.", "dec.", "d.", "m.", "fr.", "mt.", "inc.", "vol."})

_UNITS_EN: dict[str, tuple[str, str]] = {
    "km": ("kilometer", "kilometers"), "m": ("meter", "meters"), "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"), "kg": ("kilogram", "kilograms"), "g": ("gram", "grams"),
    "mg": ("milligram", "milligrams"), "lb": ("pound", "pounds"), "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"), "ft": ("foot", "feet"), "mi": ("mile", "miles"),
    "mph": ("mile per hour", "miles per hour"),
    "km/h": ("kilometer per hour", "kilometers per hour"), "s": ("second", "seconds"), "sec": ("second", "seconds"),
    "ms": ("millisecond", "milliseconds"), "min": ("minute", "minutes"), "h": ("hour", "hours"),
    "hr": ("hour", "hours"), "hrs": ("hour", "hours"), "l": ("liter", "liters"), "ml": ("milliliter", "milliliters"),
    "gb": ("gigabyte", "gigabytes"), "mb": ("megabyte", "megabytes"), "kb": ("kilobyte", "kilobytes"),
    "hz": ("hertz", "hertz"), "khz": ("kilohertz", "kilohertz"), "mhz": ("megahertz", "megahertz"),
    "°c": ("degree Celsius", "degrees Celsius"), "°f": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"), "k": ("thousand", "thousand"), "w": ("watt", "watts"), "kw": ("kilowatt", "kilowatts"),
}  # fmt: skip

_CURRENCIES: dict[str, dict[str, tuple[str, str, str, str]]] = {  # one, many, one of the small coin, many of it
    "en": {"$": ("dollar", "dollars", "cent", "cents"), "£": ("pound", "pounds", "penny", "pence"),
           "€": ("euro", "euros", "cent", "cents"), "¥": ("yen", "yen", "sen", "sen")},
    "fr": {"$": ("dollar", "dollars", "cent", "cents"), "£": ("livre", "livres", "penny", "pence"),
           "€": ("euro", "euros", "centime", "centimes"), "¥": ("yen", "yens", "sen", "sen")},
    "es": {"$": ("dólar", "dólares", "centavo", "centavos"), "£": ("libra", "libras", "penique", "peniques"),
           "€": ("euro", "euros", "céntimo", "céntimos"), "¥": ("yen", "yenes", "sen", "sen")},
    "it": {"$": ("dollaro", "dollari", "centesimo", "centesimi"), "£": ("sterlina", "sterline", "penny", "pence"),
           "€": ("euro", "euro", "centesimo", "centesimi"), "¥": ("yen", "yen", "sen", "sen")},
    "pt": {"$": ("dólar", "dólares", "centavo", "centavos"), "£": ("libra", "libras", "pêni", "pence"),
           "€": ("euro", "euros", "cêntimo", "cêntimos"), "¥": ("iene", "ienes", "sen", "sen")},
    "de": {"$": ("Dollar", "Dollar", "Cent", "Cent"), "£": ("Pfund", "Pfund", "Penny", "Pence"),
           "€": ("Euro", "Euro", "Cent", "Cent"), "¥": ("Yen", "Yen", "Sen", "Sen")},
}  # fmt: skip
_MONEY_JOIN = {"en": "and", "fr": "et", "es": "con", "it": "e", "pt": "e", "de": "und"}
_POINT = {"en": "point", "fr": "virgule", "es": "coma", "it": "virgola", "pt": "vírgula", "de": "Komma"}
_MINUS = {"en": "minus", "fr": "moins", "es": "menos", "it": "meno", "pt": "menos", "de": "minus"}
_SCALES = frozenset({"hundred", "thousand", "million", "billion", "trillion", "millions", "millones", "millón",
                     "milliards", "mille", "mil", "Millionen", "Milliarden"})  # fmt: skip
_NUMBERED = {"en", "fr", "es", "it", "pt", "de", "nl", "pl", "ru", "uk", "sv", "da", "no", "fi", "cs", "ro", "hu",
             "tr", "lt", "lv", "sl", "sr", "he", "ar", "id", "vi", "ko", "ja", "th", "fa"}  # fmt: skip
_DECIMAL_POINT = {"en", "ja", "ko", "zh", "th", "he", "hi"}
"""Languages that write 3.14; the others write 3,14."""
_ELIDED = frozenset({"em", "cause", "til", "tis", "twas", "bout", "round", "n", "cuz", "nuff", "kay", "sup", "ere"})
"""English words whose first letters an apostrophe stands for."""
_SPELLED_CAPS = frozenset({"US", "IT", "ID", "PA", "OS", "AM", "PM", "TV", "PC", "DJ", "UK", "EU", "UN", "CD", "DVD"})
"""Capitals that are letters even though a word is spelled so, where the text around is not all capitals."""

# --- from characters to words ------------------------------------------------------------------------------------

_MARKS = ",.!?;:—…“”()"
_QUOTES = str.maketrans({
    "„": "“", "«": "“", "»": "”", "‟": "“", "「": "“", "」": "”", "『": "“", "』": "”", "‹": "“", "›": "”",
    "‘": "'", "’": "'", "ʼ": "'", "´": "'", "`": "'", "′": "'", "[": "(", "]": ")", "{": "(", "}": ")",
    "–": "—", "―": "—", "‒": "—", "−": "-", "‐": "-", "‑": "-", "、": ",", "。": ".", "！": "!", "？": "?",
    "，": ",", "：": ":", "；": ";", "（": "(", "）": ")", "¿": " ", "¡": " ", "؟": "?", "،": ",", "।": ".",
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u00ad": None, "\u200b": None, "\u200c": None, "\u200d": None,
    "\u2060": None, "\ufeff": None, "*": None, "~": None, "^": None, "|": " ", "\\": " ", "<": " ", ">": " ",
    "_": " ", "•": " ", "・": " ",
})  # fmt: skip

_URL = r"(?:https?://|www\.)[^\s,;!?“”()]*\w/?|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|[\w-]+\.(?:com|org|net|io|gov|edu)\b"
_CORE = rf"[^\s{re.escape(_MARKS)}]+"
_TOKEN = re.compile(
    rf"(?P<url>\b(?:{_URL}))"
    rf"|(?P<figure>(?<![^\W_])[-+#]?[$£€¥]?\d(?:[\d.,:/-]*\d)?(?:\s?[%$£€¥](?!\d)|[^\s{re.escape(_MARKS)}]*))"
    r"|(?P<dotted>(?:[^\W\d_]\.){2,}(?:[^\W\d_]\b)?|[^\W\d_]{1,6}\.(?![^\W_]))"
    rf"|(?P<core>{_CORE})"
    rf"|(?P<mark>[{re.escape(_MARKS)}])",
    re.IGNORECASE,
)


def spoken_words(text: str, lang: str, *, respellings: Mapping[str, str] | None = None) -> tuple[SpokenWord, ...]:
    """Return the words of `text` in order, with what is said for each in `lang` (`en`, `en-gb`, `fr` ...).

    `respellings` (word -> what to say, in any case) come before every rule. Empty when nothing in `text` is sayable.
    """
    clean = _clean(text)
    is_all_caps = clean.upper() == clean and sum(c.isalpha() for c in clean) > 3
    spelled = {word.lower(): said for word, said in (respellings or {}).items()}
    return _Reader(lang.split("-")[0].lower(), spelled, is_all_caps).read(clean)


def _clean(text: str) -> str:
    text = unicodedata.normalize("NFC", text)
    text = re.sub(r"(?<=\d)[\u00a0\u202f](?=\d{3}\b)", "", text).translate(_QUOTES)
    text = "".join(_plain_digits(c) if unicodedata.category(c)[0] == "N" and not c.isascii() else c for c in text)
    text = re.sub(r"-{2,}|(?<=\s)-(?=\s)", "—", text)
    text = re.sub(r"\s*(?:…|\.{2,})[.…]*", "… ", text)
    text = re.sub(r'(^|[\s(—“])"', r"\1“", text).replace('"', "”")
    return "".join(c if _is_sayable(c) else " " for c in text)


def _plain_digits(figure: str) -> str:
    """Return any script's figure in ASCII: `½` -> ` 1/2`, `²` -> `2`, `٣` -> `3`; a space for what has none."""
    plain = unicodedata.normalize("NFKC", figure).replace("\u2044", "/")
    plain = "".join(str(unicodedata.digit(c)) if c.isdecimal() else c for c in plain)
    return f" {plain}" if "/" in plain else plain if plain.isascii() else " "


def _is_sayable(character: str) -> bool:
    """Return whether it is a letter, mark, number, space or sign: no emoji, no control or private character."""
    category = unicodedata.category(character)
    return category[0] in "LMNPZ" or category in ("Sc", "Sm") or character in "\n\t°'"


class _Reader:
    """Reads one text: knows its language, and what it has read so far."""

    def __init__(self, lang: str, respellings: Mapping[str, str], is_all_caps: bool) -> None:
        self.lang = lang
        self.signs = _SIGNS.get(lang, {})
        self.respellings = respellings
        self.is_all_caps = is_all_caps
        self.words: list[SpokenWord] = []
        self.before = ""
        self.owed = ""
        """The coin still to be said: "$5 million" is "five million dollars"."""

    def read(self, text: str) -> tuple[SpokenWord, ...]:
        for found in _TOKEN.finditer(text):
            token, rest = found.group(), text[found.end() :]
            match found.lastgroup:
                case "mark":
                    self._mark(token)
                case "url":
                    self._say(token, self._url(token))
                case "figure" if token.lower() not in self.respellings:
                    self._say(re.sub(r"\s", "", token), self._figure(token, rest))
                case "dotted":
                    self._dotted(token, rest)
                case _:
                    self._core(token)
        return tuple(self.words)

    def _say(self, word: str, said: str, *, is_emphasised: bool = False) -> None:
        said = " ".join(said.split())
        if said:
            if self.owed and word.lower() in _SCALES:
                said, self.owed = f"{said} {self.owed}", ""
            self.words.append(SpokenWord(word, said, before=self.before, is_emphasised=is_emphasised))
            self.before = ""

    def _mark(self, mark: str) -> None:
        if mark in _OPENING:
            self.before = "" if mark in self.before else self.before + mark
        elif self.words and mark not in self.words[-1].after:
            self.words[-1] = replace(self.words[-1], after=self.words[-1].after + mark)

    # --- one kind of token each ---

    def _core(self, token: str) -> None:
        word = _without_quotes(token, self.lang)
        respelled = self._respelled(word)
        stutter = re.fullmatch(r"((?:([^\W\d_]{1,2})-)+)(\2.*)", word, re.IGNORECASE)
        if respelled is not None:
            self._say(word, respelled)
        elif stutter is not None:
            self._say(word, _stuttered(stutter[1].count("-"), stutter[3], self.lang))
        elif re.match(r"'?[-+#]?[$£€¥]?\d", word):
            self._say(word, self._figure(word, ""))
        elif word:
            self._plain(word)

    def _respelled(self, word: str) -> str | None:
        lower = word.lower()
        if lower in self.respellings:
            return self.respellings[lower]
        owner = self.respellings.get(lower.removesuffix("'s"))
        return f"{owner}'s" if owner else None

    def _plain(self, word: str) -> None:
        after_figure = bool(self.words) and self.words[-1].word[-1:].isdigit() and not self.words[-1].after
        abbreviation = _ABBREVIATIONS.get(self.lang, {}).get(word.lower())
        if after_figure and self.lang == "en" and word.lower() in _UNITS_EN:
            self._say(word, _UNITS_EN[word.lower()][self.words[-1].word != "1"])
        elif abbreviation is not None:
            self._say(word, abbreviation)
        elif self._is_initialism(word):
            self._say(word, _letters(word))
        elif any(unicodedata.category(c)[0] not in "LM" and c not in "'-" for c in word):
            self._say(word, self._mixed(word))
        else:
            is_loud = sum(c.isalpha() for c in word) > 1 and word.isupper() and not self.is_all_caps
            self._say(word, word.replace("-", " "), is_emphasised=is_loud)

    def _is_initialism(self, word: str) -> bool:
        if not re.fullmatch(r"[A-Z]{2,5}s?", word):
            return False
        is_hum = len(set(word) - set("HMSTPGRZ")) == 0 and len(set(word)) <= 3  # HMM, SHH, PSST, GRRR
        has_vowel = any(c in "AEIOUY" for c in word)
        return not (has_vowel or is_hum) or (word in _SPELLED_CAPS and self.lang == "en" and not self.is_all_caps)

    def _mixed(self, word: str) -> str:
        """Say letters, digits and signs in one word: `B2B`, `and/or`, `R&B`, `COVID-19`."""
        said: list[str] = []
        for part in re.findall(r"\d+|[^\W\d_]+(?:'[^\W\d_]+)*|[^\w\s]|\S", word):
            if part.isdigit():
                said.append(self._number(part))
            elif part[0].isalpha():
                is_code = part.isupper() and len(part) <= 3 and not self.is_all_caps
                said.append(_letters(part) if is_code else part)
            elif not (part == "/" and self.lang == "en"):  # and/or: nobody says the slash
                said.append(self.signs.get(part, "" if unicodedata.category(part)[0] in "PS" else part))
        return " ".join(said)

    def _url(self, url: str) -> str:
        signs = self.signs or _SIGNS["en"]
        bare = re.sub(r"^(?:https?://)?(?:www\.)?", "", url, flags=re.IGNORECASE).rstrip("/")
        parts = re.findall(r"\d+|[^\W\d_]+|[^\w\s]", bare)
        return " ".join(
            self._number(part) if part.isdigit() else part if part[0].isalpha() else signs.get(part, "")
            for part in parts
        )

    def _dotted(self, token: str, rest: str) -> None:
        """`Mr.`, `e.g.`, `U.S.A.`, or just a sentence's last word."""
        key, follows = token.lower(), rest.lstrip(" ”)'")
        known = self.respellings.get(key) or _ABBREVIATIONS.get(self.lang, {}).get(key)
        if key in _BEFORE_NAMES_ONLY and not re.match(r"\d" if key == "no." else r"[^\W\d_]", follows):
            known = None
        if key in _BEFORE_NAMES_ONLY - {"no."} and not (token[0].isupper() and follows[:1].isupper()):
            known = None
        if known is None and token.count(".") == 1:
            self._core(token[:-1])
            self._mark(".")
            return
        self._say(token, known or _letters(token))
        if not follows or (follows[0].isupper() and known is not None and token[-2:].lower() in ("c.", "m.")):
            self._mark(".")

    # --- figures ---

    def _figure(self, token: str, rest: str) -> str:
        token = token.strip("'-") if not token.startswith("-") else "-" + token.strip("'-")
        for read in (self._money, self._time, self._decade, self._rated, self._ordinal, self._span):
            said = read(token, rest)
            if said is not None:
                return said
        plain = re.fullmatch(r"([-+#]?)(\d[\d.,]*)", token)
        if plain is None:
            return self._mixed(token)
        sign = {"-": _MINUS.get(self.lang, "-"), "+": self.signs.get("+", ""), "#": self.signs.get("#", "")}
        is_year = not plain[1] and len(plain[2]) == 4 and plain[2].isdigit() and 1100 <= int(plain[2]) <= 2099
        number = self._number(plain[2], "year" if is_year and self.lang in ("en", "de") else "cardinal")
        return f"{sign.get(plain[1], '')} {number}"

    def _money(self, token: str, rest: str) -> str | None:
        found = re.fullmatch(r"-?([$£€¥])(\d[\d.,]*)", token) or re.fullmatch(r"(\d[\d.,]*)\s?([$£€¥])", token)
        coins = _CURRENCIES.get(self.lang)
        if found is None or coins is None:
            return None
        coin, figure = (found[1], found[2]) if found[1] in "$£€¥" else (found[2], found[1])
        one, many, cent, cents = coins[coin]
        whole, _, part = self._plain_figure(figure).partition(".")
        scale = re.match(r"\s([^\W\d_]+)", rest)
        if scale is not None and scale[1].lower() in _SCALES:
            self.owed = many
            return self._number(figure)
        said = f"{self._number(whole)} {one if int(whole) == 1 else many}"
        n_cents = int((part + "0")[:2]) if part else 0
        if n_cents == 0:
            return said
        small = f"{self._number(str(n_cents))} {cent if n_cents == 1 else cents}"
        return small if int(whole) == 0 else f"{said} {_MONEY_JOIN[self.lang]} {small}"

    def _time(self, token: str, _rest: str) -> str | None:
        found = re.fullmatch(r"(\d{1,2})(?:[:h](\d\d))?(?::(\d\d))?([aph])?m?", token, re.IGNORECASE)
        if found is None or not (found[2] or found[4]) or int(found[1]) > 24 or int(found[2] or 0) > 59:
            return None
        hour, minute = self._number(found[1]), found[2] or ""
        if self.lang == "fr":
            unit = "heure" if int(found[1]) < 2 else "heures"
            return f"{hour} {unit} {self._number(minute) if int(minute or 0) else ''}"
        if (found[4] or "").lower() == "h":
            return None
        half = _letters(found[4] + "m") if found[4] else ""
        if self.lang != "en":
            return f"{hour} {self._number(minute.lstrip('0')) if int(minute or 0) else ''}"
        if minute == "00":
            oclock = "o'clock"
            return f"{hour} {half or ('hundred' if int(found[1]) > 12 else oclock)}"
        oh = "oh" if minute.startswith("0") else ""
        return f"{hour} {oh} {self._number(minute.lstrip('0')) if minute else ''} {half}"

    def _rated(self, token: str, _rest: str) -> str | None:
        """Say a figure with a percent sign or a unit hanging on: `50%`, `5km`, `20°`."""
        found = re.fullmatch(r"(-?)(\d[\d.,]*)\s?(%|°?[^\W\d_]*(?:/h)?)", token)
        if found is None or not found[3]:
            return None
        minus = _MINUS.get(self.lang, "") if found[1] else ""
        if found[3] == "%":
            return f"{minus} {self._number(found[2])} {self.signs.get('%', '%')}"
        if self.lang == "en" and found[3].lower() in _UNITS_EN:
            return f"{minus} {self._number(found[2])} {_UNITS_EN[found[3].lower()][found[2] != '1']}"
        return None

    def _ordinal(self, token: str, _rest: str) -> str | None:
        found = re.fullmatch(r"(\d[\d,]*)(st|nd|rd|th|er|ère|re|e|ème|nde?|[ºª°])", token, re.IGNORECASE)
        return self._number(found[1].replace(",", ""), "ordinal") if found else None

    def _decade(self, token: str, _rest: str) -> str | None:
        found = re.fullmatch(r"(\d{2}|\d{4})'?s", token)
        if found is None or self.lang != "en":
            return None
        said = self._number(found[1], "year" if len(found[1]) == 4 else "cardinal")
        return said[:-1] + "ies" if said.endswith("y") else said + ("es" if said.endswith("x") else "s")

    def _span(self, token: str, _rest: str) -> str | None:
        """`10-20`, `24/7`, `1/2`, `555-1234`."""
        found = re.fullmatch(r"(\d+)([-/])(\d+)", token)
        if found is None:
            return None
        first, sign, second = found.groups()
        halves = {"1/2": "one half", "1/4": "one quarter", "3/4": "three quarters", "1/3": "one third"}
        if self.lang == "en" and token in halves:
            return halves[token]
        if sign == "/" or len(first) > 4 or len(second) > 4 or int(second) <= int(first) or len(first) == 3:
            wide = len(first) > 2 and sign == "-"
            return " ".join(" ".join(map(self._number, n)) if wide else self._number(n) for n in (first, second))
        to = {"en": "to", "fr": "à", "es": "a", "it": "a", "pt": "a", "de": "bis"}.get(self.lang, "")
        return f"{self._number(first)} {to} {self._number(second)}"

    def _plain_figure(self, figure: str) -> str:
        """Return `figure` with no thousands marks and a decimal point: `1.234,5` and `1,234.5` are both `1234.5`."""
        figure = figure.rstrip(".,")
        point, thousands = (".", ",") if self.lang in _DECIMAL_POINT else (",", ".")
        if figure.count(thousands) == 1 and point not in figure and not re.search(rf"\{thousands}\d{{3}}$", figure):
            point, thousands = thousands, point  # 3.14 in French text, 3,14 in English: no thousands look so
        whole, _, part = figure.replace(thousands, "").partition(point)
        part = part.replace(point, "")
        return f"{whole}.{part}" if part else whole

    def _number(self, figure: str, to: str = "cardinal") -> str:
        plain = self._plain_figure(figure) if not figure.isdigit() else figure
        if self.lang not in _NUMBERED:
            return figure  # its voice reads figures by itself
        whole, _, part = plain.partition(".")
        if len(whole) > 15 or (len(whole) > 1 and whole[0] == "0"):
            return " ".join(_in_words(int(digit), self.lang) for digit in whole + part)
        said = _in_words(int(whole or "0"), self.lang, to)
        if not part:
            return said
        digits = " ".join(_in_words(int(digit), self.lang) for digit in part)
        return f"{said} {_POINT.get(self.lang, '')} {digits}"


def _in_words(number: int, lang: str, to: str = "cardinal") -> str:
    try:
        said = str(num2words(number, lang=lang, to=to))
    except NotImplementedError:  # a language with cardinals only
        said = str(num2words(number, lang=lang))
    return said.replace("-", " ").replace(",", " ")


def _letters(word: str) -> str:
    """Return the letters to spell: `U.S.` -> `U S`, `TVs` -> `T V's`."""
    plural = "'s" if re.fullmatch(r"[A-Z]{2,}s", word) else ""
    letters = [c.upper() for c in (word[:-1] if plural else word) if c.isalpha()]
    return " ".join(letters) + plural


def _without_quotes(token: str, lang: str) -> str:
    """Return `token` without hyphens and single quotes around it; those that stand for letters stay."""
    word = token.strip("-+=/")
    is_elided = lang == "en" and (word[1:].lower() in _ELIDED or re.match(r"'\d\d", word) is not None)
    if word.startswith("'") and not is_elided:
        word = word.lstrip("'")
    if word.endswith("'") and not (lang == "en" and re.search(r"[^\W\d_](?:s|in)'$", word)):
        word = word.rstrip("'")
    return word or (token if token in _SIGNS.get(lang, {}) else "")


def _stuttered(n_times: int, word: str, lang: str) -> str:
    """`W-what` -> `wuh what`: the first sound as often as it stands there, then the word."""
    onset = re.match(r"[^\W\d_aeiouyàâäéèêëîïôöùûüáíóúæœ]*", word, re.IGNORECASE)
    consonants = onset.group().lower() if onset else ""
    if not consonants:
        return " ".join([word] * (n_times + 1))
    first = consonants + ("uh" if lang == "en" else word[len(consonants) : len(consonants) + 1])
    return " ".join([first] * n_times + [word])


# --- pieces ------------------------------------------------------------------------------------------------------


def pieces(words: Sequence[SpokenWord], costs: Sequence[int], limit: int) -> list[tuple[int, int]]:
    """Return (first, end) index pairs that cut `words` so that the `costs` of each piece sum to at most `limit`.

    Cuts after sentences where that serves, else after clauses, else between words, and nearest the middle, so that
    no short rest is left over. A single word may exceed the limit: then it is a piece of its own.
    """
    return _cut(words, costs, limit, 0, len(words))


def _cut(words: Sequence[SpokenWord], costs: Sequence[int], limit: int, first: int, end: int) -> list[tuple[int, int]]:
    total = sum(costs[first:end])
    if total <= limit or end - first == 1:
        return [(first, end)]
    ranked: list[tuple[int, float, int]] = []
    sum_before = 0
    for at in range(first + 1, end):
        sum_before += costs[at - 1]
        off_middle = abs(sum_before / total - 0.5)
        marks = set(words[at - 1].after)
        rank = 0 if marks & SENTENCE_ENDS else 1 if marks & CLAUSE_ENDS else 2
        ranked.append((rank if off_middle <= 0.3 else 3 + rank, off_middle, at))
    middle = min(ranked)[2]
    return [*_cut(words, costs, limit, first, middle), *_cut(words, costs, limit, middle, end)]
