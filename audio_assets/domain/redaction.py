"""Texts and requests without secrets: what may be kept in a ledger, shown in an error or written to a log."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_SENSITIVE = (
    r"authorization|secret|password|(?<!time_)(?<!contract_)signature|credential|api[-_]?key|access[-_]?key|x-key"
)
"""A time signature is no secret: music has one. Nor is that of a stem's contract."""
_NAMED = re.compile(
    rf"(?i)\b(?P<name>[\w-]*(?:{_SENSITIVE}|key|token|sig))(?P<sign>['\"]?\s*[=:]\s*['\"]?)"
    r"(?P<value>(?:(?:Bearer|Key|Basic)\s+)?[^\s&'\",;)}]+)"
)
_LOOSE = re.compile(r"(?i)(?:.*[_-])?(?:key|sig)")
"""Names under which much else stands: `key=value`, `"cache_key": "takes"`."""
_WORD = re.compile(r"[A-Za-z]{1,24}[.!?]?")
_SHAPE = re.compile(r"\b(?:sk|pk|rk|r8|hf|ghp|xai)[-_](?=[\w-]*\d)[\w-]{16,}")
"""Keys by the look that vendors give them."""
_SCHEME = re.compile(r"(?i)\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_USER_IN_URL = re.compile(r"(://[^/\s:@]*):[^@\s/]+@")
_SENSITIVE_NAME = re.compile(rf"(?i).*(?:{_SENSITIVE}|(?:^|[-_])token)")


def without_secrets(text: str, *, longest: int = 500) -> str:
    """The text on one line with what looks like a key, token, password or signature hidden, cut at `longest`."""
    line = " ".join(text.split())
    line = _USER_IN_URL.sub(r"\1:***@", line)
    line = _SCHEME.sub(r"\1 ***", line)
    line = _SHAPE.sub("***", line)
    line = _NAMED.sub(_starred, line)
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def _starred(found: re.Match[str]) -> str:
    """What stands under a name, hidden; a word of a sentence is none ("Invalid API key: The key is not valid")."""
    name, sign, value = found.group("name", "sign", "value")
    is_sentence = sign.startswith(":") and sign.endswith(" ")
    is_loose = _LOOSE.fullmatch(name) is not None and _SENSITIVE_NAME.fullmatch(name) is None
    if (is_sentence or is_loose) and _WORD.fullmatch(value):
        return found.group()
    return f"{name}{sign}***"


def secret_names(request: Mapping[str, Any], path: str = "") -> tuple[str, ...]:
    """The keys of a request, at any depth, that name a secret: `headers.Authorization`."""
    found: list[str] = []
    for name, value in request.items():
        if _is_sensitive(str(name)):
            found.append(f"{path}{name}")
        for place, inner in _mappings(f"{path}{name}.", value):
            found.extend(secret_names(inner, place))
    return tuple(found)


@lru_cache(maxsize=4096)
def _is_sensitive(name: str) -> bool:
    return _SENSITIVE_NAME.fullmatch(name) is not None


def without_secret_values(value: Any) -> Any:
    """JSON with *** for whatever stands under the name of a secret, at any depth, and for passwords in addresses."""
    if isinstance(value, str):
        return _USER_IN_URL.sub(r"\1:***@", value) if "://" in value else value
    if isinstance(value, dict):
        return {name: "***" if _is_sensitive(name) else without_secret_values(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_secret_values(inner) for inner in value]
    return value


def _mappings(place: str, value: object) -> list[tuple[str, Mapping[str, Any]]]:
    if isinstance(value, Mapping):
        return [(place, value)]
    if isinstance(value, list | tuple):
        return [found for n, item in enumerate(value) for found in _mappings(f"{place}{n}.", item)]
    return []
