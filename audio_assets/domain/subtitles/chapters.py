"""Chapters of a film: the sections of its song by name, for players and for video sites.

- `chapters`: (start in seconds, title) of every section.
- `youtube_chapters`: a list for a video's description, by YouTube's rules.
"""

from collections.abc import Sequence

from audio_assets.domain.music.analysis import Section
from audio_assets.domain.subtitles.cues import one_line

YOUTUBE_SHORTEST_S, YOUTUBE_FEWEST = 10.0, 3
"""What YouTube asks for: the first chapter at 0:00, at least three, each at least ten seconds long."""


def chapters(sections: Sequence[Section]) -> list[tuple[float, str]]:
    """Return (start in seconds, title) in order; the first begins at 0. [] for no sections."""
    found: list[tuple[float, str]] = []
    for section in sorted(sections, key=lambda section: section.start_time):
        title = one_line(section.name) or section.type
        start_s = max(0.0, section.start_time) if found else 0.0
        if found and start_s <= found[-1][0]:
            found.pop()
        found.append((start_s, title[:1].upper() + title[1:]))
    return found


def youtube_chapters(sections: Sequence[Section], duration_s: float) -> tuple[str, tuple[str, ...]]:
    """Return lines such as "1:02 Chorus 1" and notes on what YouTube's rules cost; "" where they leave too few.

    A chapter that is too short joins the one before it; the first, the one after it. Times are whole seconds.
    """
    asked = [(int(start_s), title) for start_s, title in chapters(sections) if start_s < duration_s]
    kept: list[tuple[int, str]] = []
    for start_s, title in asked:
        is_short = bool(kept) and start_s - kept[-1][0] < YOUTUBE_SHORTEST_S
        if is_short and len(kept) == 1:
            kept = [(kept[0][0], title)]
            continue
        if is_short:
            kept.pop()
        kept.append((start_s, title))
    while len(kept) > 1 and duration_s - kept[-1][0] < YOUTUBE_SHORTEST_S:
        kept.pop()
    if len(kept) < YOUTUBE_FEWEST:
        return "", (f"YouTube shows chapters from {YOUTUBE_FEWEST} on; this song has {len(kept)} of 10 s or more",)
    n_joined = len(asked) - len(kept)
    notes = (f"{n_joined} sections shorter than 10 s are part of another chapter for YouTube",) if n_joined else ()
    return "".join(f"{_clock(start_s)} {title}\n" for start_s, title in kept), notes


def _clock(start_s: int) -> str:
    minutes, seconds = divmod(start_s, 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}" if minutes >= 60 else f"{minutes}:{seconds:02d}"
