"""What another text says differently, word by word. Pure text; how it is shown is not decided here."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["same", "removed", "added"]

_WORDS = re.compile(r"\S+\s*|\s+")
_KEPT_WORDS = 5  # of a stretch that both have, at each of its ends


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text: in both, in the first alone ("removed") or in the second alone ("added")."""

    kind: Kind
    text: str


def word_diff(before: str, after: str) -> tuple[Piece, ...]:
    """Return the pieces in order: without the added ones the words of `before`, without the removed ones of `after`.

    White space counts for nothing, and no word runs into the next one.
    """
    return tuple(_pieces(_WORDS.findall(before), _WORDS.findall(after)))


def shortened(pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
    """Return the pieces with long stretches that both have cut to their ends, "…" between."""
    last = len(pieces) - 1
    return tuple(
        _short(piece, has_before=place > 0, has_after=place < last) if piece.kind == "same" else piece
        for place, piece in enumerate(pieces)
    )


def _pieces(before: list[str], after: list[str]) -> Iterator[Piece]:
    bare = [word.strip() for word in before], [word.strip() for word in after]
    for tag, a0, a1, b0, b1 in SequenceMatcher(None, *bare, autojunk=False).get_opcodes():
        if tag == "equal":
            both = zip(before[a0:a1], after[b0:b1], strict=True)
            yield Piece("same", "".join(new if new[-1:].isspace() else old for old, new in both))
            continue
        if a1 > a0:
            yield Piece("removed", "".join(before[a0:a1]))
        if b1 > b0:
            yield Piece("added", "".join(after[b0:b1]))


def _short(piece: Piece, *, has_before: bool, has_after: bool) -> Piece:
    words = _WORDS.findall(piece.text)
    head = words[:_KEPT_WORDS] if has_before else []
    tail = words[-_KEPT_WORDS:] if has_after else []
    if len(words) <= len(head) + len(tail):
        return piece
    return Piece("same", "".join([*head, "… " if tail else "…", *tail]))
