"""What a take is worth, from 0 to 1, out of what was measured of its clip: numbers in, scores with their evidence out.

Measuring is done in `resources/engines/take_quality.py`; nothing is decoded or looked at here. A score is a `Score`: a
value with the figures it comes from, or no value and the reason why there is none. "Not measurable" is never 0.

Three scores, by the names that reviews give them:
- `quality_score`: black x frozen x length x the geometric mean of sharpness, exposure and resolution. The first three
  are faults: half of a clip black or frozen, or a quarter of it missing, and it is worth nothing. The other three are
  looks: one weak point costs, but does not decide.
- `character_consistency`: the face against the reference image, by the median distance of embeddings.
- `mouth_visibility`: the mean over the frames looked at of how well the singer's mouth is seen: 0 where no face is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from statistics import median

import numpy as np

from audio_assets.domain.schemas.records import Check

Evidence = Mapping[str, float | int | str]

QUALITY, CONSISTENCY, MOUTH = "quality_score", "character_consistency", "mouth_visibility"

FACE_MATCH_DISTANCE = 0.6
"""Two embeddings of one person are closer than this, of two persons farther apart (the model's own threshold)."""

# Of an embedding distance: 1 up to the first, 0 from the second; the threshold lies in the middle, at 0.5. Measured:
# one portrait against itself mirrored, darkened, turned, halved or stretched 0.1 to 0.4, blurred 0.45; against seven
# others 0.75 to 0.91.
_SAME_FACE, _OTHER_FACE = 0.3, 0.9

_LEAST_FACE_SHARE = 0.25  # a window or a knot in wood is taken for a face now and then

# Loss of variation when a picture is blurred once more (see `FrameLook.blur`).
_SHARP_BLUR, _SOFT_BLUR = 0.40, 0.80
_FAULTY_SHARE, _MISSING_SHARE = 0.5, 0.25
# Shares of pixels in the lowest and the highest levels, and the spread of luma between its 5th and 95th percentile. A
# night scene is half black and not a fault; a picture that is nearly all one level is.
_DARK_SHARES, _BRIGHT_SHARES, _SPREADS = (0.60, 0.98), (0.20, 0.80), (8.0, 48.0)

# Mouth width as a share of the frame's height. Of a close-up it is a sixth, of a medium shot a twentieth, of a whole
# figure a hundredth.
_MOUTH_SHARES = (0.01, 0.05)
_LEAST_MOUTH_PX = 6.0  # below this no lip can be moved, whatever the frame's size
_YAWS, _PITCHES, _ROLLS = (30.0, 75.0), (25.0, 60.0), (45.0, 120.0)

_LEAST_QUALITY, _LEAST_CONSISTENCY, _LEAST_MOUTH = 0.5, 0.5, 0.3


@dataclass(frozen=True, slots=True)
class Score:
    """A value from 0 to 1, or None and `why` there is none; `evidence` are the figures behind it."""

    value: float | None
    why: str = ""
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TakeQuality:
    """The three scores of a take; `parts` are the sub-scores of `quality`, in the order of `PARTS`."""

    quality: Score
    consistency: Score
    mouth: Score
    parts: Mapping[str, Score] = field(default_factory=dict)

    def scores(self) -> dict[str, Score]:
        """The three by the names that reviews give them."""
        return {QUALITY: self.quality, CONSISTENCY: self.consistency, MOUTH: self.mouth}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the film asks of a clip: pixels, frames per second, frames."""

    width: int
    height: int
    frame_rate: Fraction
    n_frames: int


@dataclass(frozen=True, slots=True)
class FrameLook:
    """One frame looked at closely.

    `blur` is 0 (all variation is lost when the picture is blurred: it was sharp) to 1 (none is), None for a picture
    with no variation in it. Shares are of pixels; `spread` is in levels of 0 to 255, between the 5th and the 95th
    percentile.
    """

    blur: float | None
    dark_share: float
    bright_share: float
    spread: float
    mean: float


@dataclass(frozen=True, slots=True)
class ClipLook:
    """A whole clip: its form, counts over every frame, and some of its frames in detail."""

    width: int
    height: int
    frame_rate: Fraction
    n_frames: int
    n_black: int
    n_frozen: int
    longest_frozen: int
    frames: Sequence[FrameLook]


@dataclass(frozen=True, slots=True)
class MouthLook:
    """A mouth in one frame: its width in pixels, the share of it inside the frame, the head's pose in degrees."""

    width_px: float
    inside_share: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float


def quality_of(clip: ClipLook, wanted: Wanted) -> tuple[Score, dict[str, Score]]:
    """Return the quality of a clip and its sub-scores: black, frozen, length, sharpness, exposure, resolution."""
    parts = {
        "black": _faulty(clip.n_black, clip.n_frames, "n_black_frames"),
        "frozen": _frozen(clip),
        "length": _length(clip, wanted),
        "sharpness": _sharpness(clip.frames),
        "exposure": _exposure(clip.frames),
        "resolution": _resolution(clip, wanted),
    }
    values = {name: part.value for name, part in parts.items() if part.value is not None}
    looks = [values[name] for name in ("sharpness", "exposure", "resolution") if name in values]
    faults = values["black"] * values["frozen"] * values["length"]
    value = faults * float(np.prod(looks)) ** (1 / len(looks))
    weakest = min(values, key=lambda name: values[name])
    return Score(_rounded(value), evidence={"weakest": weakest, **values}), parts


def consistency_of(distances: Sequence[float], n_looked_at: int) -> Score:
    """Return how like the reference the faces are, from a distance for each frame in which a face was found."""
    if not distances:
        return Score(None, f"no face is found in any of the {n_looked_at} frames looked at")
    if len(distances) < _LEAST_FACE_SHARE * n_looked_at:
        return Score(None, f"a face is found in only {len(distances)} of the {n_looked_at} frames looked at")
    middle = median(distances)
    evidence = {
        "median_distance": round(middle, 3),
        "best_distance": round(min(distances), 3),
        "worst_distance": round(max(distances), 3),
        "n_frames_matching": sum(distance < FACE_MATCH_DISTANCE for distance in distances),
        "n_frames_with_face": len(distances),
        "n_frames_looked_at": n_looked_at,
    }
    return Score(_rounded(_falling(middle, _SAME_FACE, _OTHER_FACE)), evidence=evidence)


def mouth_visibility_of(mouths: Sequence[MouthLook | None], frame_height: int) -> Score:
    """Return how well the mouth is seen: one entry for each frame looked at, None where no face was found."""
    seen = [mouth for mouth in mouths if mouth is not None]
    evidence: dict[str, float | int | str] = {"n_frames_with_face": len(seen), "n_frames_looked_at": len(mouths)}
    if not mouths:
        return Score(None, "there is no frame to look at", evidence)
    if not seen:
        return Score(0.0, "no face is found in any frame", evidence)
    evidence |= {
        "mouth_width_px": round(median(mouth.width_px for mouth in seen), 1),
        "mouth_share_of_height": round(median(mouth.width_px for mouth in seen) / frame_height, 4),
        "inside_share": round(median(mouth.inside_share for mouth in seen), 3),
        "yaw_deg": round(median(mouth.yaw_deg for mouth in seen), 1),
        "pitch_deg": round(median(mouth.pitch_deg for mouth in seen), 1),
        "roll_deg": round(median(mouth.roll_deg for mouth in seen), 1),
    }
    total = sum(mouth_share(mouth, frame_height) for mouth in seen)
    return Score(_rounded(total / len(mouths)), evidence=evidence)


def mouth_share(mouth: MouthLook, frame_height: int) -> float:
    """Return how well one mouth is seen, 0 to 1: its size, how much of it is in the frame, how far the head turns."""
    if mouth.width_px < _LEAST_MOUTH_PX:
        return 0.0
    size = _rising(mouth.width_px / frame_height, *_MOUTH_SHARES)
    turns = zip((mouth.yaw_deg, mouth.pitch_deg, mouth.roll_deg), (_YAWS, _PITCHES, _ROLLS), strict=True)
    pose = float(np.prod([_falling(abs(angle), *limits) for angle, limits in turns]))
    return size * pose * mouth.inside_share


def quality_checks(quality: TakeQuality) -> tuple[Check, ...]:
    """Return what is held against a limit: only what could be measured."""
    limits = ((QUALITY, _LEAST_QUALITY), (CONSISTENCY, _LEAST_CONSISTENCY), (MOUTH, _LEAST_MOUTH))
    scores = quality.scores()
    return tuple(
        Check(name, score.value >= least, f"{score.value:.2f}, limit {least}{_said(score)}")
        for name, least in limits
        if (score := scores[name]).value is not None
    )


def _said(score: Score) -> str:
    weakest = score.evidence.get("weakest")
    return f"; {score.why}" if score.why else f"; weakest: {weakest}" if weakest else ""


def _faulty(n: int, n_frames: int, name: str) -> Score:
    """A fault that some frames have: half of them, and the clip is worth nothing."""
    share = n / n_frames if n_frames else 1.0
    return Score(_rounded(_falling(share, 0.0, _FAULTY_SHARE)), evidence={name: n, "share": round(share, 4)})


def _frozen(clip: ClipLook) -> Score:
    score = _faulty(clip.n_frozen, clip.n_frames, "n_frozen_frames")
    longest_s = round(float(clip.longest_frozen / clip.frame_rate), 3)
    return Score(score.value, evidence={**score.evidence, "longest_s": longest_s})


def _length(clip: ClipLook, wanted: Wanted) -> Score:
    """Seconds decide: a clip of another frame rate is conformed to the film's."""
    has_s, wants_s = clip.n_frames / clip.frame_rate, wanted.n_frames / wanted.frame_rate
    missing = max(0.0, float(1 - has_s / wants_s))
    evidence = {"seconds": round(float(has_s), 3), "wanted_s": round(float(wants_s), 3), "n_frames": clip.n_frames}
    return Score(_rounded(_falling(missing, 0.0, _MISSING_SHARE)), evidence=evidence)


def _sharpness(frames: Sequence[FrameLook]) -> Score:
    blurs = [frame.blur for frame in frames if frame.blur is not None]
    if not blurs:
        return Score(None, "the picture has no detail to judge it by")
    return Score(
        _rounded(_falling(median(blurs), _SHARP_BLUR, _SOFT_BLUR)),
        evidence={"blur": round(median(blurs), 3), "least_blur": round(min(blurs), 3)},
    )


def _exposure(frames: Sequence[FrameLook]) -> Score:
    if not frames:
        return Score(None, "there is no frame to look at")
    dark, bright = median(f.dark_share for f in frames), median(f.bright_share for f in frames)
    spread, mean = median(f.spread for f in frames), median(f.mean for f in frames)
    value = min(_falling(dark, *_DARK_SHARES), _falling(bright, *_BRIGHT_SHARES), _rising(spread, *_SPREADS))
    evidence = {
        "dark_share": round(dark, 3), "bright_share": round(bright, 3), "spread": round(spread, 1),
        "mean_luma": round(mean, 1),
    }  # fmt: skip
    return Score(_rounded(value), evidence=evidence)


def _resolution(clip: ClipLook, wanted: Wanted) -> Score:
    """How many of the film's pixels and frames a second there are: 1 unless the clip must be enlarged or cropped."""
    wide, high = clip.width / wanted.width, clip.height / wanted.height
    scale, kept = min(1.0, wide, high), min(wide, high) / max(wide, high)  # it is enlarged to fill, then cropped
    rate = min(1.0, float(clip.frame_rate / wanted.frame_rate))
    evidence: Evidence = {
        "size": f"{clip.width}x{clip.height}", "wanted_size": f"{wanted.width}x{wanted.height}",
        "kept_after_crop": round(kept, 3), "fps": round(float(clip.frame_rate), 3),
    }  # fmt: skip
    return Score(_rounded(scale * kept * rate), evidence=evidence)


def _rising(value: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high`, straight between."""
    return min(max((value - low) / (high - low), 0.0), 1.0)


def _falling(value: float, low: float, high: float) -> float:
    """1 up to `low`, 0 from `high`, straight between."""
    return 1.0 - _rising(value, low, high)


def _rounded(value: float) -> float:
    return round(float(value), 4)
