import hashlib
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from audio_assets.domain.edl import timecode
from audio_assets.domain.fcpxml import read_edit_points
from audio_assets.domain.music.analysis import Beat, BeatGrid, Section
from audio_assets.domain.rendering import PermanentError, Rendered
from audio_assets.domain.storyboard import Estimate, Scene, Storyboard
from audio_assets.domain.timebase import nearest_frame
from audio_assets.domain.timeline_plan import Join, SongMedia, TimelineClip, TimelineError, media_url, plan_timeline
from resources.engines.timeline_files import EDL, FCPXML, OTIO, clip_starts, read_back_faults, timeline_files

RATES = [Fraction(24), Fraction(24000, 1001), Fraction(25), Fraction(30)]
LENGTHS = [97, 113, 61, 200, 88, 149, 1]
N_FRAMES = sum(LENGTHS)
SAMPLE_RATE_HZ = 44_100
every_rate = pytest.mark.parametrize("rate", RATES, ids=["24", "23.976", "25", "30"])


def board(rate: Fraction, title: str = "On the run") -> Storyboard:
    edges = [0, *accumulate(LENGTHS)]
    scenes = tuple(
        Scene(
            f"s{number:03d}",
            number,
            start,
            end,
            rate,
            "verse 1",
            "verse",
            "calm",
            "",
            0.5,
            "",
            4,
            2.0,
            "beat",
            False,
            0,
        )
        for number, (start, end) in enumerate(pairwise(edges), start=1)
    )
    estimate = Estimate(None, None, None, "USD", None, None, is_over_cap=False)
    duration_s = float(N_FRAMES / rate)
    return Storyboard(
        title,
        "Band",
        rate,
        N_FRAMES,
        duration_s,
        "landscape",
        "1280x720",
        120.0,
        4,
        "animatic",
        "",
        0.4,
        scenes,
        estimate,
    )


def takes(spare: int = 24, first_frame: int = 0, **changes: Any) -> dict[str, TimelineClip]:
    return {
        f"s{number:03d}": replace(
            TimelineClip(f"takes/s{number:03d}/clip.mp4", length + spare, "t01", "a prompt", first_frame), **changes
        )
        for number, length in enumerate(LENGTHS, start=1)
    }


def song(rate: Fraction) -> SongMedia:
    return SongMedia("song.flac", SAMPLE_RATE_HZ, int((N_FRAMES - 0.5) * SAMPLE_RATE_HZ / rate))


def grid(rate: Fraction) -> BeatGrid:
    beats = tuple(Beat(0.21 + 0.5 * number, 1.0) for number in range(int(N_FRAMES / rate / 0.5) + 3))
    return BeatGrid(120.0, beats, tuple(beat.time for beat in beats[::4]), 4, (), 1.0, float(N_FRAMES / rate))


SECTIONS = [Section("intro", 0.0, 8.21, "intro", "A", 1.0), Section("chorus 1", 8.21, 40.0, "chorus", "B", 1.0)]


def written(rate: Fraction, joins: Mapping[str, Join] | None = None, **changes: Any) -> Rendered:
    arguments: dict[str, Any] = {
        "board": board(rate),
        "clips": takes(),
        "song": song(rate),
        "grid": grid(rate),
        "sections": SECTIONS,
    }
    return timeline_files(**arguments | changes, joins=joins)


def text_of(rendered: Rendered, name: str) -> str:
    found = rendered.files[name]
    assert isinstance(found, bytes)
    return found.decode()


def read(rendered: Rendered, name: str, rate: Fraction) -> Any:
    adapter = {OTIO: "otio_json", FCPXML: "fcpx_xml", EDL: "cmx_3600"}[name]
    more = {"rate": float(rate)} if name == EDL else {}
    return otio.adapters.read_from_string(text_of(rendered, name), adapter, **more)


STARTS = [0, *accumulate(LENGTHS)][:-1]


@every_rate
@pytest.mark.parametrize("name", [OTIO, EDL])
def test_every_cut_is_read_back_on_its_frame(rate: Fraction, name: str) -> None:
    rendered = written(rate)
    timeline = read(rendered, name, rate)
    (video,) = timeline.video_tracks()
    assert clip_starts(video) == STARTS
    assert [round(clip.duration().value) for clip in video.find_clips()] == LENGTHS
    assert [clip.source_range.start_time.value for clip in video.find_clips()] == [0] * len(LENGTHS)
    assert [clip.media_reference.target_url for clip in video.find_clips()] == [
        f"takes/s{number:03d}/clip.mp4" for number in range(1, len(LENGTHS) + 1)
    ]
    assert [clip.name for clip in video.find_clips()][:2] == ["s001 t01", "s002 t01"]
    assert rendered.checks[0].passed


@every_rate
def test_fcpxml_has_every_cut_on_its_exact_time(rate: Fraction) -> None:
    points = read_edit_points(text_of(written(rate), FCPXML))
    assert points == [(start / rate, n / rate) for start, n in zip(STARTS, LENGTHS, strict=True)]


@every_rate
def test_fcpxml_is_read_by_otio(rate: Fraction) -> None:
    rendered = written(rate)
    timeline = read(rendered, FCPXML, rate)
    (video,), (audio,) = timeline.video_tracks(), timeline.audio_tracks()
    starts = clip_starts(video)
    assert len(starts) == len(STARTS)
    # OTIO's reader cuts a float of frames off, so that it may be one short; at 23.976 it counts lengths at 23, and puts
    # gaps between the clips, which still begin where they do.
    assert all(0 <= planned - found <= 1 for found, planned in zip(starts, STARTS, strict=True))
    (found_song,) = audio.find_clips()
    assert found_song.media_reference.target_url == "song.flac"
    assert video.find_clips()[0].media_reference.target_url == "takes/s001/clip.mp4"


@every_rate
def test_beats_and_sections_are_marked_on_their_nearest_frames(rate: Fraction) -> None:
    rendered, beats = written(rate), grid(rate)
    frames = [nearest_frame(beat.time, rate) for beat in beats.beats]
    inside = [frame for frame in frames if frame < N_FRAMES]
    sections = [nearest_frame(section.start_time, rate) for section in SECTIONS]
    downbeats = [nearest_frame(t, rate) for t in beats.downbeats if nearest_frame(t, rate) < N_FRAMES]

    markers = read(rendered, OTIO, rate).tracks.markers
    of_colour = {
        colour: [round(m.marked_range.start_time.value) for m in markers if m.color == colour]
        for colour in ("GREEN", "RED", "CYAN")
    }
    assert of_colour["GREEN"] == sections
    assert of_colour["RED"] == downbeats
    assert sorted(of_colour["RED"] + of_colour["CYAN"]) == inside

    locators = [
        (round(marker.marked_range.start_time.value), marker.color, marker.name)
        for clip in read(rendered, EDL, rate).video_tracks()[0].find_clips()
        for marker in clip.markers
    ]
    assert sorted(frame for frame, colour, _ in locators if colour != "GREEN") == inside
    assert [(frame, name) for frame, colour, name in locators if colour == "GREEN"] == [
        (0, "INTRO"),
        (sections[1], "CHORUS 1"),
    ]

    spine = ET.fromstring(text_of(rendered, FCPXML)).findall(".//spine/asset-clip")
    found: dict[str, list[Fraction]] = {"marker": [], "chapter-marker": []}
    for clip in spine:
        for tag, times in found.items():
            offset, start = (Fraction(clip.attrib[name][:-1]) for name in ("offset", "start"))
            times += [Fraction(m.attrib["start"][:-1]) - start + offset for m in clip.findall(tag)]
    assert found["chapter-marker"] == [frame / rate for frame in sections]
    assert found["marker"] == [frame / rate for frame in inside if frame not in sections]


def test_beats_after_the_end_are_noted() -> None:
    assert any("beats or sections lie outside of the film" in note for note in written(RATES[0]).notes)


@every_rate
def test_the_song_lies_under_the_whole_film(rate: Fraction) -> None:
    rendered = written(rate)
    audio = read(rendered, OTIO, rate).audio_tracks()[0].find_clips()[0]
    assert audio.duration() == otio.opentime.RationalTime(song(rate).n_samples, SAMPLE_RATE_HZ)
    left, right = read(rendered, EDL, rate).audio_tracks()
    assert round(left.duration().value) == round(right.duration().value) == N_FRAMES - 1
    root = ET.fromstring(text_of(rendered, FCPXML))
    (clip,) = root.findall(".//asset-clip[@lane='-1']")
    assert clip.attrib["offset"] == clip.attrib["start"] == "0s"
    assert Fraction(clip.attrib["duration"][:-1]) == (N_FRAMES - 1) / rate
    asset = root.find(f".//asset[@id='{clip.attrib['ref']}']")
    assert asset is not None
    assert Fraction(asset.attrib["duration"][:-1]) == Fraction(song(rate).n_samples, SAMPLE_RATE_HZ)


def test_what_is_known_of_a_clip_is_in_its_metadata() -> None:
    rendered = written(RATES[1])
    timeline = read(rendered, OTIO, RATES[1])
    facts = dict(timeline.video_tracks()[0].find_clips()[1].metadata["audio_assets"])
    assert {"scene_id": "s002", "take_id": "t01", "start_frame": 97}.items() <= facts.items()
    assert facts["prompt_sha256"] == hashlib.sha256(b"a prompt").hexdigest()
    assert timeline.metadata["audio_assets"]["frame_rate"] == "24000/1001"
    assert timeline.global_start_time.value == 0
    values = [md.attrib["value"] for md in ET.fromstring(text_of(rendered, FCPXML)).findall(".//md")]
    assert values[4:7] == ["s002", "t01", facts["prompt_sha256"]]


# --- transitions ---------------------------------------------------------------------------------------------------

FILM_DISSOLVE = {"s002": Join("dissolve", 0, 12), "s004": Join("dissolve", 0, 8)}
"""As the film draws them: in the first frames of the scene that comes in."""


@every_rate
def test_a_dissolve_is_one_in_every_file(rate: Fraction) -> None:
    rendered = written(rate, FILM_DISSOLVE)
    assert rendered.checks[0].passed, rendered.checks[0].detail
    video = read(rendered, OTIO, rate).video_tracks()[0]
    transitions = [item for item in video if isinstance(item, otio.schema.Transition)]
    assert [(t.in_offset.value, t.out_offset.value) for t in transitions] == [(0, 12), (0, 8)]
    assert clip_starts(video) == STARTS

    edl = read(rendered, EDL, rate).video_tracks()[0]
    assert [t.out_offset.value for t in edl if isinstance(t, otio.schema.Transition)] == [12, 8]
    assert clip_starts(edl) == STARTS

    root = ET.fromstring(text_of(rendered, FCPXML))
    spine = root.find(".//spine")
    assert spine is not None
    times = [
        (item.tag, *(Fraction(item.attrib[name][:-1]) * rate for name in ("offset", "duration"))) for item in spine
    ]
    assert times[:3] == [("asset-clip", 0, 97 + 6), ("transition", 97, 12), ("asset-clip", 97 + 6, 113 - 6)]
    starts = [Fraction(clip.attrib["start"][:-1]) * rate for clip in spine.findall("asset-clip")]
    assert starts[:5] == [0, 6, 0, 4, 0]


def test_a_dissolve_over_the_cut_takes_from_both_sides() -> None:
    rate = RATES[0]
    rendered = written(rate, {"s002": Join("dissolve", 5, 7)}, clips=takes(spare=40, first_frame=10))
    assert rendered.checks[0].passed, rendered.checks[0].detail
    edl = read(rendered, EDL, rate).video_tracks()[0]
    assert clip_starts(edl)[:3] == [0, 97 - 5, 97 + 113]
    assert [clip.source_range.start_time.value for clip in edl.find_clips()][:2] == [10, 5]


def test_without_frames_to_spare_a_dissolve_is_a_cut_and_a_note() -> None:
    rendered = written(RATES[0], FILM_DISSOLVE, clips=takes(spare=0))
    assert clip_starts(read(rendered, EDL, RATES[0]).video_tracks()[0]) == STARTS
    assert "<transition" not in text_of(rendered, FCPXML)
    assert "* DISSOLVE OF 12 FRAMES, WRITTEN AS A CUT" in text_of(rendered, EDL)
    assert (
        "the dissolve into s002 is a cut in the timeline, for the media have no frames to spare there" in rendered.notes
    )
    timeline = read(rendered, OTIO, RATES[0])
    assert timeline.video_tracks()[0].find_clips()[1].metadata["audio_assets"]["transition_in"]["kind"] == "dissolve"


def test_a_dip_is_a_transition_in_otio_and_a_comment_in_the_edl() -> None:
    rendered = written(RATES[0], {"s003": Join("dip", 6, 6)}, clips=takes(spare=40, first_frame=12))
    video = read(rendered, OTIO, RATES[0]).video_tracks()[0]
    assert [item.transition_type for item in video if isinstance(item, otio.schema.Transition)] == ["Custom_Transition"]
    assert "* DIP OF 12 FRAMES, WRITTEN AS A CUT" in text_of(rendered, EDL)
    assert 'transition name="Fade To Color"' in text_of(rendered, FCPXML)
    assert rendered.checks[0].passed


def test_a_clip_that_is_too_short_leaves_a_gap_and_moves_no_cut() -> None:
    clips = takes() | {"s002": TimelineClip("short.mp4", 100, "t02")}
    rendered = written(RATES[1], clips=clips)
    assert rendered.checks[0].passed, rendered.checks[0].detail
    for name in (OTIO, EDL):
        assert clip_starts(read(rendered, name, RATES[1]).video_tracks()[0]) == STARTS
    assert "the clip of s002 ends 13 frames before its scene: there is a gap" in rendered.notes


# --- what can not be held, what must not get through ---------------------------------------------------------------


def test_a_rate_that_cmx_3600_can_not_hold_is_a_note_instead_of_a_file() -> None:
    rendered = written(Fraction(50))
    assert set(rendered.files) == {OTIO, FCPXML}
    assert "no EDL: CMX 3600 holds 23.976, 24, 25, 29.97, 30 frames per second, not 50" in rendered.notes
    odd = written(Fraction(25, 2))
    assert set(odd.files) == {OTIO}
    assert "no FCPXML: Final Cut Pro has no project of 25/2 frames per second" in odd.notes


def test_a_scene_without_a_take_is_one_clear_sentence() -> None:
    clips = takes()
    del clips["s003"]
    with pytest.raises(PermanentError, match="s003 has no selected take: select one"):
        written(RATES[0], clips=clips)


@pytest.mark.parametrize(
    ("joins", "says"),
    [
        ({"s001": Join("dissolve", 0, 4)}, "s001 is the first scene"),
        ({"s002": Join("dissolve", -1, 4)}, "negative"),
        ({"s007": Join("dissolve", 0, 4)}, "longer than a scene beside it"),
    ],
)
def test_joins_that_do_not_fit_are_refused(joins: dict[str, Join], says: str) -> None:
    with pytest.raises(TimelineError, match=says):
        plan_timeline(board(RATES[0]), takes(), song(RATES[0]), grid(RATES[0]), SECTIONS, joins)


NASTY = "<i> & \"quotes\" 'and' --> {x}\n001  AX V C\x0b ]]> é 👩‍🚀 שלום ; %n"


@every_rate
def test_any_text_passes_safely(rate: Fraction) -> None:
    clips = {key: replace(clip, take_id=NASTY, prompt=NASTY, media=f"a b/{NASTY}.mp4") for key, clip in takes().items()}
    sections = [replace(section, name=NASTY) for section in SECTIONS]
    rendered = written(rate, FILM_DISSOLVE, board=board(rate, NASTY), clips=clips, sections=sections)
    assert rendered.checks[0].passed, rendered.checks[0].detail
    assert clip_starts(read(rendered, EDL, rate).video_tracks()[0]) == STARTS
    assert text_of(rendered, EDL).isascii()
    assert "\n" not in read(rendered, FCPXML, rate).name


def test_no_two_scenes_share_a_reel() -> None:
    rate = RATES[0]
    plain = board(rate)
    scenes = tuple(replace(scene, id=f"opening_shot_{scene.order}") for scene in plain.scenes)
    clips = {scene.id: clip for scene, clip in zip(scenes, takes().values(), strict=True)}
    text = text_of(written(rate, board=replace(plain, scenes=scenes), clips=clips), EDL)
    reels = re.findall(r"^\d{3}  (\S{1,8}) +(?:V|AA) ", text, re.MULTILINE)
    assert len(reels) == len(set(reels)) == len(LENGTHS) + 1


def test_files_name_media_as_the_caller_does() -> None:
    assert media_url("takes/a b.mp4") == "takes/a%20b.mp4"
    assert media_url("/films/a#1.mp4") == "file:///films/a%231.mp4"
    assert media_url("https://host/a.mp4?x=1&y=2") == "https://host/a.mp4?x=1&y=2"
    for name in (OTIO, FCPXML, EDL):
        assert "file://" not in text_of(written(RATES[0]), name)


def test_another_process_writes_the_same_bytes() -> None:
    code = (
        "import hashlib\nfrom fractions import Fraction\nfrom tests.resources.test_timeline_files import *\n"
        "r = written(Fraction(24000, 1001), FILM_DISSOLVE)\n"
        "print(hashlib.sha256(b''.join(r.files[name] for name in sorted(r.files))).hexdigest())"
    )
    here = Path(__file__).resolve().parents[2]
    run = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=here)
        for _ in range(2)
    ]
    assert run[0].stdout == run[1].stdout
    assert len(run[0].stdout) == 65


def test_a_fault_in_a_file_is_found() -> None:
    rate = RATES[0]
    plan = plan_timeline(board(rate), takes(), song(rate), grid(rate), SECTIONS, {})
    rendered = written(rate)
    texts = {name: text_of(rendered, name) for name in (OTIO, FCPXML, EDL)}
    assert read_back_faults(texts, plan) == []
    moved = texts[FCPXML].replace('offset="97/24s"', 'offset="98/24s"')
    assert "edit points" in read_back_faults({FCPXML: moved}, plan)[0]
    unmarked = "\r\n".join(row for row in texts[EDL].split("\r\n") if "LOC: 00:00:01:" not in row)
    assert "markers" in read_back_faults({EDL: unmarked}, plan)[0]
    record = json.loads(texts[OTIO])
    del record["tracks"]["children"][0]["children"][3]
    assert "clips begin on" in read_back_faults({OTIO: json.dumps(record)}, plan)[0]


@pytest.mark.parametrize(("frame", "rate", "shown"), [(0, 24, "00:00:00:00"), (24 * 3600 + 25, 24, "01:00:01:01")])
def test_timecode(frame: int, rate: int, shown: str) -> None:
    assert timecode(frame, Fraction(rate)) == shown
    assert timecode(frame, Fraction(rate * 1000, 1001)) == shown
