"""From the text of a script to what can be spoken.

Here: Ren'Py's text markup, which all formats share: `{tags}`, `[interpolation]`, `{{` and `[[` for the signs
themselves. Not here: finding the text in a file (`renpy`, `tables`, `plain`).

Tags that the ear needs: `{w}`, `{p}` and line breaks become spaces; `{alt}` is kept and `{noalt}` dropped, as in
Ren'Py's own self-voicing; ruby text `{rt}` and what follows `{done}` are dropped.
"""

import re
import unicodedata
from collections.abc import Mapping

_TAG = re.compile(r"\{\{|\{([^{}]*)\}|\{")
_INTERPOLATION = re.compile(r"\[\[|\[((?:[^\[\]]|\[[^\[\]]*\])*)\]|\[|%\(([^()]*)\)[a-z]|%%")
_PAUSES = {"w", "p", "vspace", "space", "clear"}
_UNSPOKEN = {"noalt", "rt", "art"}
# Marks that steer display only. ZWJ and ZWNJ stay: Persian and Indic words need them.
_DISPLAY_ONLY = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")


class MarkupError(ValueError):
    """A text that can not be spoken as it stands; `remedy` says what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


def speakable(text: str, variables: Mapping[str, str]) -> str:
    """What is heard of `text`: NFC, one line, single spaces, no control characters.

    Raises:
        MarkupError: an unknown variable, a tag or bracket that is not closed, or nothing left to speak.
    """
    spoken = plain_text(_without_tags(_interpolated(text, variables)))
    if not any(c.isalnum() for c in spoken):
        raise MarkupError(f"nothing to speak in {_shown(text)}", "write a word, or leave the line silent")
    return spoken


def plain_text(text: str) -> str:
    """`text` in NFC, on one line, with single spaces, without control characters and display marks."""
    kept = _DISPLAY_ONLY.sub("", unicodedata.normalize("NFC", text))
    if not kept.isprintable():
        kept = "".join(_kept(c) for c in kept)
    return " ".join(kept.split())


def _kept(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in {"Cc", "Cs"} else character


def _interpolated(text: str, variables: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[0] in {"[[", "%%"}:
            return match[0][0]
        expression = match[1] if match[1] is not None else match[2]
        if expression is None:
            raise MarkupError(
                f"a '[' that is never closed in {_shown(text)}", "close it, or write [[ for the sign itself"
            )
        return _value(expression, variables)

    return _INTERPOLATION.sub(value, text)


def _value(expression: str, variables: Mapping[str, str]) -> str:
    """The value of `name`, `name!u`, `name:format`; Ren'Py's flags u, l and c change the case, the others nothing."""
    name, _, flags = expression.partition("!")
    flags = flags.partition(":")[0]
    for candidate in (name.strip(), name.partition(":")[0].strip()):
        if candidate in variables:
            value = variables[candidate]
            value = value.upper() if "u" in flags else value.lower() if "l" in flags else value
            return value[:1].upper() + value[1:] if "c" in flags else value
    wanted = name.partition(":")[0].strip()
    raise MarkupError(
        f"the variable '{wanted}' is not known", f'add it under [variables] in the cast: "{wanted}" = "..."'
    )


def _without_tags(text: str) -> str:
    kept: list[str] = []
    unspoken: list[str] = []
    at = 0
    for match in _TAG.finditer(text):
        kept += [] if unspoken else [text[at : match.start()]]
        at = match.end()
        if match[0] == "{{":
            kept += [] if unspoken else ["{"]
            continue
        if match[1] is None:
            raise MarkupError(
                f"a '{{' that is never closed in {_shown(text)}", "close it, or write {{ for the sign itself"
            )
        name = re.split(r"[=:]", match[1].strip(), maxsplit=1)[0]
        if name == "done":
            return "".join(kept)
        if name in _UNSPOKEN:
            unspoken.append(name)
        elif unspoken and name == f"/{unspoken[-1]}":
            unspoken.pop()
        elif name in _PAUSES and not unspoken:
            kept.append(" ")
    return "".join([*kept, *([] if unspoken else [text[at:]])])


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
