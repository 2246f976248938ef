"""What a provider is asked for when it is to make music: words, length, tempo and key, lyrics, how much of a source.

Here: the ask itself, made from a remix request, its style and what is known of its source; what a provider's model can
be asked for, and the refusal of everything else before it is ordered; lyrics as sections with lengths. How each
provider says it in its own words is in `resources/vendors`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from audio_assets.domain.music.analysis import SURE_OF_BEAT, BeatGrid
from audio_assets.domain.music.compose import tempo_and_key
from audio_assets.domain.remix_spec import RemixError, RemixRequest, Style

DEFAULT_S = 30.0
"""How long a cue is that nobody gave a length."""
SOURCE_SHARE = 0.5
"""How much of its source a remix keeps that does not say."""

_SAME_S = 0.5  # lengths that differ by no more than this are the same
_TAG = re.compile(r"\[([^\[\]]+)\]\s*")


@dataclass(frozen=True, slots=True)
class MusicCapabilities:
    """What a provider's model can be asked for; lengths in seconds.

    `takes_source_share`: it can keep a part of its source track. `keeps_source_length`: what it makes of a track is as
    long as the track.
    """

    shortest_s: float = 5.0
    longest_s: float = 600.0
    takes_source: bool = False
    takes_source_share: bool = False
    keeps_source_length: bool = False
    takes_seed: bool = False
    takes_lyrics: bool = False


@dataclass(frozen=True, slots=True)
class MusicAsk:
    """One piece of music to make.

    `prompt` says what it sounds like; `bpm`, `beats_per_bar` and `key` ("Eb minor") are None or "" where they are open.
    Without `lyrics` nobody sings. `has_source`: another track goes along, of which it keeps `source_share` (0 to 1).
    """

    prompt: str
    duration_s: float
    seed: int = 0
    lyrics: str = ""
    bpm: float | None = None
    key: str = ""
    beats_per_bar: int | None = None
    has_source: bool = False
    source_share: float = SOURCE_SHARE


@dataclass(frozen=True, slots=True)
class LyricSection:
    """Lines that are sung together, and how long that lasts; `name` is "" where the lyrics give none."""

    name: str
    lines: tuple[str, ...]
    duration_ms: int


def music_ask(
    request: RemixRequest, style: Style, *, grid: BeatGrid | None = None, source_s: float | None = None
) -> MusicAsk:
    """What to ask a provider for. `grid` and `source_s` are the beats and the length of the source track, if known.

    It is as long as the request says, else as its source, else half a minute. A cue has the tempo and key that the
    composer here would choose; of a source only a tempo that the tracker is sure of is told.
    """
    duration_s = request.duration_s or source_s or DEFAULT_S
    bpm, key, beats_per_bar = None, "", None
    if not request.source_track:
        bpm, key = tempo_and_key(style, request.mood_tags, request.seed, duration_s)
    elif grid is not None and grid.confidence >= SURE_OF_BEAT:
        bpm, beats_per_bar = grid.bpm, grid.beats_per_bar
    return MusicAsk(
        prompt=", ".join([style.prompt or style.about or style.name, *request.mood_tags]),
        duration_s=round(duration_s, 3),
        seed=request.seed,
        lyrics=request.lyrics,
        bpm=None if bpm is None else round(bpm, 1),
        key=key,
        beats_per_bar=beats_per_bar,
        has_source=bool(request.source_track),
        source_share=SOURCE_SHARE if request.source_share is None else request.source_share,
    )


def check_request(request: RemixRequest, name: str, can: MusicCapabilities) -> None:
    """Refuse what the provider called `name` can not do, whatever the source is.

    Raises:
        RemixError: one sentence that names the setting.
    """
    other = "or choose another provider"
    if request.source_track and not can.takes_source:
        raise RemixError(f"{name} makes music from words only: leave source_track out, {other}")
    if request.lyrics and not can.takes_lyrics:
        raise RemixError(f"{name} does not sing: leave lyrics out, {other}")
    if request.source_share is not None and not request.source_track:
        raise RemixError("source_share is how much of source_track is kept: name a source_track, or leave it out")
    if request.source_share is not None and not can.takes_source_share:
        raise RemixError(f"{name} can not keep a part of a track: leave source_share out, {other}")


def check_length(request: RemixRequest, name: str, can: MusicCapabilities, source_s: float | None) -> None:
    """Refuse a length that the provider called `name` does not make; `source_s` is that of the source track.

    Raises:
        RemixError: one sentence that names the setting.
    """
    duration_s = request.duration_s or source_s or DEFAULT_S
    keeps = can.keeps_source_length and source_s is not None
    if keeps and source_s is not None and request.duration_s and abs(request.duration_s - source_s) > _SAME_S:
        raise RemixError(
            f"{name} keeps the length of source_track ({source_s:.1f} s): leave duration_s out, "
            "or choose another provider"
        )
    if can.shortest_s <= duration_s <= can.longest_s:
        return
    makes = f"{name} makes {can.shortest_s:g} to {can.longest_s:g} s"
    if request.duration_s:
        raise RemixError(f"duration_s is {duration_s:g}, and {makes}: change duration_s, or choose another provider")
    remedy = "cut it first, or choose another provider" if keeps else "set duration_s, or choose another provider"
    raise RemixError(f"source_track lasts {duration_s:.1f} s, and {makes}: {remedy}")


# --- Lyrics ------------------------------------------------------------------------------------------------------


def lyric_sections(lyrics: str, duration_s: float, *, shortest_s: float, longest_s: float) -> tuple[LyricSection, ...]:
    """The lyrics in sections that together last `duration_s`, each as long as its share of the lines.

    A section begins at a line like `[Chorus]`, or after an empty line.

    Raises:
        RemixError: there is no time for them, or more than they could fill; the sentence names the setting.
    """
    parts = _parts(lyrics)
    if not parts:
        raise RemixError("lyrics hold no line that could be sung: leave lyrics out")
    if len(parts) * shortest_s > duration_s:
        raise RemixError(
            f"the lyrics have {len(parts)} sections of at least {shortest_s:g} s each, which do not fit into "
            f"{duration_s:g} s: raise duration_s, or join sections"
        )
    if len(parts) * longest_s < duration_s:
        raise RemixError(
            f"the lyrics have {len(parts)} sections of at most {longest_s:g} s each, which do not fill "
            f"{duration_s:g} s: lower duration_s, or part the lyrics by empty lines"
        )
    lengths_ms = _shared_out(
        [max(len(lines), 1) for _, lines in parts], round(duration_s * 1000), round(shortest_s * 1000),
        round(longest_s * 1000),
    )  # fmt: skip
    return tuple(LyricSection(name, lines, ms) for (name, lines), ms in zip(parts, lengths_ms, strict=True))


def _parts(lyrics: str) -> list[tuple[str, tuple[str, ...]]]:
    """(name, lines) of each section; one that has a name may have no lines, for there is playing and no singing."""
    parts: list[tuple[str, list[str]]] = [("", [])]
    for line in (line.strip() for line in lyrics.splitlines()):
        tag = _TAG.match(line)
        if tag:
            parts.append((tag[1].strip(), []))
            line = line[tag.end() :]
        elif not line and parts[-1][1]:
            parts.append(("", []))
        if line:
            parts[-1][1].append(line)
    return [(name, tuple(lines)) for name, lines in parts if name or lines]


def _shared_out(weights: Sequence[int], whole: int, least: int, most: int) -> list[int]:
    """`whole` in parts as near to `weights` as `least` and `most` for each part allow."""
    shares = [0] * len(weights)
    open_parts = list(range(len(weights)))
    left = whole
    while open_parts:
        n_weights = sum(weights[part] for part in open_parts)
        fitted = {part: left * weights[part] / n_weights for part in open_parts}
        low = [part for part in open_parts if fitted[part] < least]
        high = [part for part in open_parts if fitted[part] > most]
        # Held at a bound first: those on the side that is further out, for they leave less, or more, to the others.
        excess = sum(fitted[part] - most for part in high)
        lack = sum(least - fitted[part] for part in low)
        held, bound = (low, least) if lack >= excess else (high, most)
        if not held:
            break
        for part in held:
            shares[part] = bound
            left -= bound
            open_parts.remove(part)
    for number, part in enumerate(open_parts, start=1):
        n_weights = sum(weights[one] for one in open_parts[number - 1 :])
        shares[part] = round(left * weights[part] / n_weights)
        left -= shares[part]
    return shares
