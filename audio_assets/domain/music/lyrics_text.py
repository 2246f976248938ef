"""What the readers of all notations of lyrics share: their error, and which pieces of a line are words."""


class LyricsError(ValueError):
    """Lyrics that can not be read; the message says where and what to do."""


def sung_words(text: str) -> list[str]:
    """Return what stands between spaces of `text`, without pieces that nobody can sing such as "-" or "♪"."""
    return [piece for piece in text.split() if any(c.isalnum() for c in piece)]
