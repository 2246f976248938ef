"""Keys of providers: read from the environment when a request is made, and never kept in an object, record or log.

Every value that was read is known to `hide`, which takes it out of any text, also where a server repeats it.
"""

import hashlib
import os
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

from audio_assets.domain.redaction import without_secrets
from audio_assets.domain.rendering import Unavailable

_HIDDEN = "***"
_SHORTEST = 6  # a shorter value would black out ordinary words
_QUERY = re.compile(r"(?i)(https?://[^\s?#\"'<>]+)\?[^\s\"'<>]+")
_read: set[str] = set()


@dataclass(frozen=True, slots=True)
class Key:
    """A key in the environment variable `variable`, sent in `header`; `form` is how ("Bearer {}", "Key {}", "{}")."""

    variable: str
    header: str = "Authorization"
    form: str = "Bearer {}"
    is_optional: bool = False

    @property
    def is_set(self) -> bool:
        """Whether the environment has it."""
        return bool(os.environ.get(self.variable, "").strip())

    @property
    def mark(self) -> str:
        """Tells one key from another, "" where it is not set: three letters that a 4,096th of all keys share, so that
        no guess at a key can be proven by it.
        """  # noqa: D205
        value = os.environ.get(self.variable, "").strip()
        return hashlib.sha256(value.encode()).hexdigest()[:3] if value else ""

    def problem(self) -> str:
        """Why it can not be sent, in one sentence; "" where it can, or is not set."""
        value = os.environ.get(self.variable, "").strip()
        if value.isascii() and (value.isprintable() or not value):
            return ""
        return (
            f"the key in {self.variable} is broken: it holds a line break or a character that no key has; "
            "copy it anew, as one line"
        )

    def headers(self) -> dict[str, str]:
        """The header to send, none where it is not set.

        Raises:
            Unavailable: a header can not carry it.
        """
        value = os.environ.get(self.variable, "").strip()
        if not value:
            return {}
        _read.add(value)
        if problem := self.problem():
            raise Unavailable(problem)
        return {self.header: self.form.format(value)}


def hide(text: str, *, longest: int = 500) -> str:
    """The text on one line without any key that was read, what looks like one, or the query of a URL (a signature)."""
    for form in _forms():
        text = text.replace(form, _HIDDEN)
    text = _QUERY.sub(rf"\1?{_HIDDEN}", text)
    return without_secrets(text, longest=longest)


def hide_in_file(path: Path) -> None:
    """Star out any key that was read where the file repeats it, so that everything else stays where it is."""
    data = found = path.read_bytes()
    for form in _forms():
        data = data.replace(form.encode(), b"*" * len(form.encode()))
    if data != found:
        path.write_bytes(data)


def _forms() -> Iterator[str]:
    """Every key that was read, as it may be written."""
    for value in sorted(_read, key=len, reverse=True):
        if len(value) >= _SHORTEST:
            yield from (value, quote(value, safe=""), quote_plus(value), *_in_base64(value))


def _in_base64(value: str) -> list[str]:
    """The value in base64, after any number of other bytes (`user:value`), but for what its neighbours decide."""
    found = []
    for n_before, n_shared in ((0, 0), (1, 2), (2, 3)):
        encoded = b64encode(b"." * n_before + value.encode()).decode().rstrip("=")
        n_whole = (n_before + len(value.encode())) // 3 * 4
        found.append(encoded[n_shared:n_whole])
    return found
