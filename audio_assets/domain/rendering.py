"""What a render answers, and how it fails: the words that engines, recipes and batches share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audio_assets.domain.schemas.records import Check

INTENDED = "intended_provider"
"""The check that fails of what a stand-in made."""


@dataclass(frozen=True)
class Rendered:
    """The files of one artifact: bytes, or the path of a scratch file that the store takes over.

    `previews` are pictures made from the files; they are stored beside them but are not content. `facts` go to the
    sidecar and to the event in Dagster.
    """

    files: Mapping[str, bytes | Path]
    previews: Mapping[str, bytes] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()
    cost_usd: float = 0.0


class PermanentError(ValueError):
    """The request would fail again as it stands; the message says what, where and what to do."""


class NotWanted(PermanentError):  # noqa: N818 - what happened, as a reader says it
    """Nobody asks for it any more: its line, song, scene or take is not there today."""


class Unavailable(PermanentError):  # noqa: N818
    """A provider can not be asked as things stand: no key, no address, retired. Settings may name a stand-in."""


class NotFetched(PermanentError):  # noqa: N818
    """It was paid, and its file could not be had; the next run fetches it anew, and nobody stands in for it."""


class TransientError(RuntimeError):
    """A retry may help; the message says what was tried and what happened."""


class UpstreamError(RuntimeError):
    """Something it is made from is not there yet: an input artifact, a model. The message says what comes first."""


def plain_words(error: BaseException) -> str:
    """What an error says; of the system's word on a file (disk full, read-only) a sentence without its number."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename} can not be read or written ({error.strerror}); mend that, then run again"
    return str(error)
