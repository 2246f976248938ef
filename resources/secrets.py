"""Keys of providers: read from the environment when a request is made, and never kept in an object, record or log.

Every value that was read is known to `hide`, which takes it out of any text, also where a server repeats it.
"""

import os
from dataclasses import dataclass

from audio_assets.domain.redaction import without_secrets

_HIDDEN = "***"
_SHORTEST = 6  # a shorter value would black out ordinary words
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

    def headers(self) -> dict[str, str]:
        """The header to send, none where it is not set."""
        value = os.environ.get(self.variable, "").strip()
        if not value:
            return {}
        _read.add(value)
        return {self.header: self.form.format(value)}


def hide(text: str, *, longest: int = 500) -> str:
    """The text on one line without any key that was read, nor what looks like one."""
    for value in sorted(_read, key=len, reverse=True):
        if len(value) >= _SHORTEST:
            text = text.replace(value, _HIDDEN)
    return without_secrets(text, longest=longest)
