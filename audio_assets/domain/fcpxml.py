"""Final Cut Pro XML 1.8, which Final Cut Pro and DaVinci Resolve read: scenes in the spine, the song below them.

Times are exact rational seconds. On each frame stands one marker at most, as these editors want it: a chapter marker
for a section (its note says whether a bar begins there), else a marker for a beat. A dissolve is centred on its edit
point there, so that of one which begins on a cut lies half of its length after the cut; what is seen is the same.
"""

import xml.etree.ElementTree as ET  # written here, and read back only what was
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from audio_assets.domain.timebase import format_frame_rate
from audio_assets.domain.timeline_plan import Marker, Placed, TimelinePlan

RATES = tuple(Fraction(n) for n in (24, 25, 30, 50, 60)) + tuple(Fraction(n * 1000, 1001) for n in (24, 30, 60))
_DISSOLVE = ("Cross Dissolve", "FxPlug:4731E73A-8DAC-4113-9A30-AE85B1761265")
_DIP = ("Fade To Color", "FxPlug:F779C565-486D-4633-8035-0374B4DB8F5C")
_AUDIO_RATES = {32_000: "32k", 44_100: "44.1k", 48_000: "48k", 88_200: "88.2k", 96_000: "96k", 176_400: "176.4k",
                192_000: "192k"}  # fmt: skip
_METADATA = "audio-assets"


@dataclass(frozen=True, slots=True)
class SpineItem:
    """What stands in the spine, in frames of the film; `clip` None is a gap."""

    start_frame: int
    n_frames: int
    source_frame: int
    clip: Placed | None


def why_no_fcpxml(plan: TimelinePlan) -> str:
    """Return a sentence on why the plan can not be FCPXML; "" when it can."""
    if plan.frame_rate in RATES:
        return ""
    return f"no FCPXML: Final Cut Pro has no project of {format_frame_rate(plan.frame_rate)} frames per second"


def fcpxml_text(plan: TimelinePlan) -> str:
    """Return the plan as a file whose sequence begins at 0s.

    Raises:
        ValueError: it can not be one; `why_no_fcpxml` says so beforehand.
    """
    if reason := why_no_fcpxml(plan):
        raise ValueError(reason)
    root = ET.Element("fcpxml", version="1.8")
    _resources(plan, ET.SubElement(root, "resources"))
    project = ET.SubElement(root, "project", name=_printed(plan.title))
    sequence = ET.SubElement(
        project,
        "sequence",
        format="r1",
        duration=_seconds(plan.n_frames, plan.frame_rate),
        tcStart="0s",
        tcFormat="NDF",
        audioLayout="mono" if plan.song.n_channels == 1 else "stereo",
    )
    if rate := _AUDIO_RATES.get(plan.song.sample_rate_hz):
        sequence.set("audioRate", rate)
    spine = ET.SubElement(sequence, "spine")
    for number, item in enumerate(spine_items(plan)):
        if item.clip and _is_joined(item.clip):
            _transition(plan, spine, item)
        element = _item(plan, spine, item)
        if number == 0:
            _song(plan, element, item)
        for marker in _one_a_frame(plan.markers_in(item.start_frame, item.start_frame + item.n_frames)):
            _marker(plan, element, item, *marker)
        if item.clip:
            facts = {"scene": item.clip.scene_id, "take": item.clip.take_id, "prompt_sha256": item.clip.prompt_sha256}
            _metadata(element, facts)
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n{body}\n'


def spine_items(plan: TimelinePlan) -> list[SpineItem]:
    """The clips and gaps of the spine, without gap or overlap; the edit point of a dissolve is in its middle."""
    items: list[SpineItem] = []
    for number, clip in enumerate(plan.clips):
        follows = plan.clips[number + 1] if number + 1 < len(plan.clips) else None
        late = _edit_after_cut(clip)
        more = _edit_after_cut(follows) if follows and not clip.gap_frames else 0
        n_frames = clip.n_frames - late + more
        items.append(SpineItem(clip.start_frame + late, n_frames, clip.source_frame + late, clip))
        if clip.gap_frames:
            items.append(SpineItem(clip.start_frame + clip.n_frames, clip.gap_frames, 0, None))
    return items


def read_edit_points(text: str) -> list[tuple[Fraction, Fraction]]:
    """Return (start, duration) in exact seconds of what stands in the spine of a file, transitions left out.

    Raises:
        ValueError: it is no XML of this kind, or a time in it is no rational number of seconds.
    """
    try:
        spine = ET.fromstring(text).find("project/sequence/spine")  # noqa: S314 - what was written here
    except ET.ParseError as error:
        raise ValueError(f"the FCPXML can not be read: {error}") from error
    if spine is None:
        raise ValueError("the FCPXML has no spine")
    return [(_exact(item.get("offset")), _exact(item.get("duration"))) for item in spine if item.tag != "transition"]


def _exact(seconds: str | None) -> Fraction:
    if not seconds or not seconds.endswith("s"):
        raise ValueError(f"{seconds!r} is no time of FCPXML")
    return Fraction(seconds[:-1])


def _seconds(frame: int, rate: Fraction) -> str:
    return f"{Fraction(frame) / rate}s"


def _is_joined(clip: Placed) -> bool:
    return clip.is_joined and clip.join.n_frames > 1


def _edit_after_cut(clip: Placed) -> int:
    """How many frames after the cut the edit point lies, so that half of the transition is before it."""
    return clip.join.after_frames - (clip.join.n_frames + 1) // 2 if _is_joined(clip) else 0


# --- what stands in the file ----------------------------------------------------------------------------------------


def _resources(plan: TimelinePlan, resources: ET.Element) -> None:
    rate = plan.frame_rate
    ET.SubElement(
        resources,
        "format",
        id="r1",
        frameDuration=f"{rate.denominator}/{rate.numerator}s" if rate.denominator > 1 else f"100/{100 * rate}s",
        width=str(plan.width),
        height=str(plan.height),
        colorSpace="1-1-1 (Rec. 709)",
    )
    song = plan.song
    asset = ET.SubElement(
        resources,
        "asset",
        id="r2",
        name=_printed(plan.title),
        src=plan.song_url,
        start="0s",
        duration=f"{Fraction(song.n_samples, song.sample_rate_hz)}s",
        hasAudio="1",
        audioSources="1",
        audioChannels=str(song.n_channels),
        audioRate=str(song.sample_rate_hz),
    )
    # OTIO's reader takes an asset without anything inside for none at all, and the song for a picture.
    _metadata(asset, {"n_samples": str(song.n_samples)})
    for number, clip in enumerate(plan.clips):
        ET.SubElement(
            resources,
            "asset",
            id=_asset_id(number),
            name=_printed(clip.name),
            src=clip.url,
            start="0s",
            duration=_seconds(clip.available_frames, rate),
            hasVideo="1",
            format="r1",
        )
    used = {clip.join.kind for clip in plan.clips if _is_joined(clip)}
    for kind, (name, uid) in (("dissolve", _DISSOLVE), ("dip", _DIP)):
        if kind in used:
            ET.SubElement(resources, "effect", id=kind, name=name, uid=uid)


def _asset_id(number: int) -> str:
    return f"r{number + 3}"


def _item(plan: TimelinePlan, spine: ET.Element, item: SpineItem) -> ET.Element:
    own = {} if item.clip is None else {"ref": _asset_id(plan.clips.index(item.clip))}
    attributes = {
        **own,
        "name": _printed(item.clip.name) if item.clip else "Gap",
        "offset": _seconds(item.start_frame, plan.frame_rate),
        "start": _seconds(item.source_frame, plan.frame_rate),
        "duration": _seconds(item.n_frames, plan.frame_rate),
    }
    if item.clip is None:
        return ET.SubElement(spine, "gap", attributes)
    return ET.SubElement(spine, "asset-clip", {**attributes, "format": "r1", "tcFormat": "NDF"})


def _transition(plan: TimelinePlan, spine: ET.Element, item: SpineItem) -> None:
    if item.clip is None:
        return
    join = item.clip.join
    name, _ = _DISSOLVE if join.kind == "dissolve" else _DIP
    offset = item.clip.start_frame - join.before_frames
    length = _seconds(join.n_frames, plan.frame_rate)
    transition = ET.SubElement(
        spine, "transition", name=name, offset=_seconds(offset, plan.frame_rate), duration=length
    )
    ET.SubElement(transition, "filter-video", ref=join.kind, name=name)


def _song(plan: TimelinePlan, first: ET.Element, item: SpineItem) -> None:
    """The song, connected below the first clip, from the film's first frame on."""
    ET.SubElement(
        first,
        "asset-clip",
        ref="r2",
        lane="-1",
        offset=_seconds(item.source_frame, plan.frame_rate),
        name=_printed(plan.title),
        start="0s",
        duration=_seconds(plan.song_frames, plan.frame_rate),
        audioRole="music",
    )


def _one_a_frame(markers: list[Marker]) -> Iterator[tuple[Marker, str]]:
    """The first marker of each frame, with the names of the others."""
    by_frame: dict[int, list[Marker]] = {}
    for marker in markers:
        by_frame.setdefault(marker.frame, []).append(marker)
    for first, *others in by_frame.values():
        yield first, ", ".join(other.name for other in others)


def _marker(plan: TimelinePlan, element: ET.Element, item: SpineItem, marker: Marker, note: str) -> None:
    tag = "chapter-marker" if marker.kind == "section" else "marker"
    start = _seconds(item.source_frame + marker.frame - item.start_frame, plan.frame_rate)
    found = ET.SubElement(element, tag, start=start, duration=_seconds(1, plan.frame_rate), value=_printed(marker.name))
    if note:
        found.set("note", _printed(note))


def _metadata(element: ET.Element, facts: Mapping[str, str]) -> None:
    metadata = ET.SubElement(element, "metadata")
    for key, value in facts.items():
        ET.SubElement(metadata, "md", key=f"{_METADATA}.{key}", value=_printed(value))


def _printed(text: str) -> str:
    """Text without what XML 1.0 can not hold; the writer escapes the rest."""
    return "".join(c for c in text if c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff")
