"""CMX 3600, the edit decision list that every editor reads: an event per scene, the song, locators on its beats.

It knows whole frame rates up to 30 without drop-frame, 8 letters of a reel, 999 events and ASCII. A dip has no event:
it is a cut with a comment. Locators stand on the film's timecode. The file says NON-DROP FRAME but not its rate, which
who reads it has to know.
"""

import math
import re
import unicodedata
from collections.abc import Iterator
from fractions import Fraction

from audio_assets.domain.otio_timeline import COLOURS
from audio_assets.domain.subtitles.cues import one_line
from audio_assets.domain.timebase import format_frame_rate
from audio_assets.domain.timeline_plan import Placed, TimelinePlan

RATES = (Fraction(24), Fraction(24000, 1001), Fraction(25), Fraction(30), Fraction(30000, 1001))
MOST_EVENTS = 999
_REEL_LETTERS, _TITLE_LETTERS = 8, 70
_SONG_REEL = "SONG"


def why_no_edl(plan: TimelinePlan) -> str:
    """Return a sentence on why the plan can not be an EDL; "" when it can."""
    if plan.frame_rate not in RATES:
        rates = ", ".join(f"{float(rate):g}" for rate in sorted(RATES))
        return f"no EDL: CMX 3600 holds {rates} frames per second, not {format_frame_rate(plan.frame_rate)}"
    if len(plan.clips) + 1 > MOST_EVENTS:
        return f"no EDL: CMX 3600 holds {MOST_EVENTS} events, the film has {len(plan.clips) + 1}"
    return ""


def edl_text(plan: TimelinePlan) -> str:
    """Return the plan as an EDL whose record timecode begins at 00:00:00:00; lines end in CRLF.

    Raises:
        ValueError: it can not be one; `why_no_edl` says so beforehand.
    """
    if reason := why_no_edl(plan):
        raise ValueError(reason)
    lines = [f"TITLE: {_ascii(plan.title)[:_TITLE_LETTERS].rstrip()}", "FCM: NON-DROP FRAME", ""]
    reels = _reels(plan)
    for number, clip in enumerate(plan.clips, start=1):
        before = plan.clips[number - 2] if number > 1 else None
        follows = plan.clips[number] if number < len(plan.clips) else None
        lines += _events(plan, number, clip, before, follows, reels)
        lines += _comments(clip, before)
        lines += _locators(plan, clip)
    lines += _song(plan, len(plan.clips) + 1)
    return "\r\n".join(lines) + "\r\n"


def timecode(frame: int, rate: Fraction) -> str:
    """Return the non-drop timecode of a frame."""
    base = math.ceil(rate)
    seconds, frames = divmod(frame, base)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frames:02d}"


def _events(
    plan: TimelinePlan,
    number: int,
    clip: Placed,
    before: Placed | None,
    follows: Placed | None,
    reels: dict[str, str],
) -> Iterator[str]:
    """The event of a scene; a dissolve is two lines of one number, and begins `before_frames` ahead of the cut."""
    ahead = _ahead(clip)
    shortened = _ahead(follows) if follows and not clip.gap_frames else 0
    start, end = clip.start_frame - ahead, clip.start_frame + clip.n_frames - shortened
    source = clip.source_frame - ahead
    reel = reels[clip.scene_id]
    if before is not None and _dissolves(clip):
        out = before.source_frame + start - before.start_frame
        yield _event(plan, number, reels[before.scene_id], "V", "C", (out, out), (start, start))
        kind = f"D    {clip.join.n_frames:03d}"
        yield _event(plan, number, reel, "V", kind, (source, source + end - start), (start, end))
    else:
        yield _event(plan, number, reel, "V", "C", (source, source + end - start), (start, end))


def _dissolves(clip: Placed) -> bool:
    return clip.is_joined and clip.join.kind == "dissolve"


def _ahead(clip: Placed) -> int:
    return clip.join.before_frames if _dissolves(clip) else 0


def _event(
    plan: TimelinePlan,
    number: int,
    reel: str,
    channel: str,
    kind: str,
    source: tuple[int, int],
    record: tuple[int, int],
) -> str:
    times = " ".join(timecode(frame, plan.frame_rate) for frame in (*source, *record))
    return f"{number:03d}  {reel:{_REEL_LETTERS}} {channel:5} {kind:8} {times}"


def _comments(clip: Placed, before: Placed | None) -> Iterator[str]:
    if before is not None and _dissolves(clip):
        yield f"* FROM CLIP NAME:  {_ascii(before.name)}"
        yield f"* TO CLIP NAME:  {_ascii(clip.name)}"
    else:
        yield f"* FROM CLIP NAME:  {_ascii(clip.name)}"
    # Of a dissolve this is the clip that comes in: readers take the media of the event from this line.
    yield f"* FROM CLIP: {_ascii(clip.url)}"
    yield f"* SCENE {_ascii(clip.scene_id)} TAKE {_ascii(clip.take_id)} PROMPT SHA256 {clip.prompt_sha256}"
    if clip.join.n_frames and not _dissolves(clip):
        yield f"* {clip.join.kind.upper()} OF {clip.join.n_frames} FRAMES, WRITTEN AS A CUT"


def _locators(plan: TimelinePlan, clip: Placed) -> Iterator[str]:
    for marker in plan.markers_in(clip.start_frame, clip.end_frame):
        colour = COLOURS[marker.kind]
        yield f"* LOC: {timecode(marker.frame, plan.frame_rate)} {colour:7} {_ascii(marker.name).upper()}"


def _song(plan: TimelinePlan, number: int) -> Iterator[str]:
    frames = (0, plan.song_frames)
    channel = "A" if plan.song.n_channels == 1 else "AA"
    yield _event(plan, number, _SONG_REEL, channel, "C", frames, frames)
    yield f"* FROM CLIP NAME:  {_ascii(plan.title)}"
    yield f"* FROM CLIP: {_ascii(plan.song_url)}"


def _reels(plan: TimelinePlan) -> dict[str, str]:
    """A reel per scene of at most 8 letters, each another one: "S001T01"."""
    reels: dict[str, str] = {}
    taken = {_SONG_REEL}
    for number, clip in enumerate(plan.clips, start=1):
        reel = re.sub(r"[^A-Z0-9]", "", f"{clip.scene_id}{clip.take_id}".upper())[:_REEL_LETTERS] or "SCENE"
        if reel in taken:
            reel = f"{reel[: _REEL_LETTERS - 4]}X{number:03d}"
        taken.add(reel)
        reels[clip.scene_id] = reel
    return reels


def _ascii(text: str) -> str:
    plain = unicodedata.normalize("NFKD", one_line(text))
    return "".join("" if unicodedata.combining(c) else c if c.isascii() else "?" for c in plain)
