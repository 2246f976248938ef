"""What another text says differently: its laws, and what is shown of long stretches."""

from itertools import pairwise

import pytest

from audio_assets.domain.word_diff import Piece, shortened, word_diff

TEXTS = ("", "a", "a b c", "a long shot of the sea\n\nat dusk", "a shot of the <b>sea</b> at dusk, slowly")


@pytest.mark.parametrize("before", TEXTS)
@pytest.mark.parametrize("after", TEXTS)
def test_the_pieces_hold_both_texts(before: str, after: str) -> None:
    pieces = word_diff(before, after)
    assert _words(pieces, "added") == before.split()
    assert _words(pieces, "removed") == after.split()
    assert all(one.kind != two.kind for one, two in pairwise(pieces))


def test_a_text_against_itself_has_no_changes() -> None:
    assert {piece.kind for piece in word_diff(TEXTS[3], TEXTS[3])} == {"same"}


def test_white_space_is_no_change() -> None:
    assert word_diff("too slow.", "too slow.\n\nwarmer") == (Piece("same", "too slow.\n\n"), Piece("added", "warmer"))


def test_long_stretches_are_cut_to_what_stands_beside_a_change() -> None:
    same = " ".join(f"w{n}" for n in range(40))
    start, *_, end = shortened(word_diff(f"{same} old {same} x", f"{same} new {same} x"))
    assert start == Piece("same", "… w35 w36 w37 w38 w39 ")
    assert end == Piece("same", "w0 w1 w2 w3 w4 …")


def _words(pieces: tuple[Piece, ...], without: str) -> list[str]:
    return [word for piece in pieces if piece.kind != without for word in piece.text.split()]
