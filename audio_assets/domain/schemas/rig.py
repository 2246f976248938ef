"""`rig.json` of a drawn clip: where its singer's mouth is on each frame, and in which colours it is drawn.

How a mouth looks is in `domain/animatic/mouth_sprites`. A clip without a drawn singer has no rig.
"""

from dataclasses import asdict, dataclass

import orjson

from audio_assets.domain.animatic.mouth_sprites import MouthAnchor, MouthColours
from audio_assets.domain.schemas.records import read_record

SCHEMA = "rig.1"
FILE = "rig.json"


class RigError(ValueError):
    """A rig can not be used; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class Rig:
    """One anchor per frame of the clip of `width` x `height` pixels; None where the mouth is not seen."""

    width: int
    height: int
    character: str
    colours: MouthColours
    anchors: tuple[MouthAnchor | None, ...]


def to_bytes(rig: Rig) -> bytes:
    """Compact JSON; anchors as [x, y, scale_px, angle_deg] or null."""
    return orjson.dumps({
        "schema": SCHEMA, "width": rig.width, "height": rig.height, "character": rig.character,
        "n_frames": len(rig.anchors), "colours": asdict(rig.colours),
        "anchors": [
            a and [round(a.x, 3), round(a.y, 3), round(a.scale_px, 3), round(a.angle_deg, 3)] for a in rig.anchors
        ],
    })  # fmt: skip


def from_bytes(data: bytes) -> Rig:
    """Read what `to_bytes` wrote.

    Raises:
        RigError: it is damaged.
        RecordError: it is no rig, or of another version.
    """
    stored = read_record(data, SCHEMA)
    try:
        rig = Rig(
            width=int(stored["width"]),
            height=int(stored["height"]),
            character=str(stored["character"]),
            colours=MouthColours(**{name: _rgb(value) for name, value in stored["colours"].items()}),
            anchors=tuple(None if a is None else MouthAnchor(*map(float, a)) for a in stored["anchors"]),
        )
        n_frames = int(stored["n_frames"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RigError(f"this rig is damaged ({type(error).__name__} {error}): make the take again") from error
    if n_frames != len(rig.anchors):
        raise RigError(f"this rig has {len(rig.anchors)} frames and says {n_frames}: make the take again")
    return rig


def _rgb(value: list[int]) -> tuple[int, int, int]:
    red, green, blue = map(int, value)
    return red, green, blue
