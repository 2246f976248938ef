import json
import xml.etree.ElementTree as ET
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_assets.domain.mouth_exports import FORMATS, PRESTON_BLAIR, export_cues
from audio_assets.domain.mouth_shapes import MouthCue
from audio_assets.domain.visemes import SHAPES

UNTIMED = settings(deadline=None, max_examples=100)  # a busy machine is no failure
CUES = (MouthCue("X", 0.0, 0.05), MouthCue("D", 0.05, 0.27), MouthCue("B", 0.27, 1.0), MouthCue("X", 1.0, 1.234))

TSV = "0.00\tX\n0.05\tD\n0.27\tB\n1.00\tX\n1.23\tX\n"
JSON = """{
  "metadata": {
    "soundFile": "C:\\\\voice \\"1\\".wav",
    "duration": 1.23
  },
  "mouthCues": [
    { "start": 0.00, "end": 0.05, "value": "X" },
    { "start": 0.05, "end": 0.27, "value": "D" },
    { "start": 0.27, "end": 1.00, "value": "B" },
    { "start": 1.00, "end": 1.23, "value": "X" }
  ]
}
"""
XML = """<?xml version="1.0" encoding="utf-8"?>
<rhubarbResult>
  <metadata>
    <soundFile>a &amp; b.wav</soundFile>
    <duration>1.23</duration>
  </metadata>
  <mouthCues>
    <mouthCue start="0.00" end="0.05">X</mouthCue>
    <mouthCue start="0.05" end="0.27">D</mouthCue>
    <mouthCue start="0.27" end="1.00">B</mouthCue>
    <mouthCue start="1.00" end="1.23">X</mouthCue>
  </mouthCues>
</rhubarbResult>
"""
DAT = "MohoSwitch1\n1 X\n2 D\n7 B\n25 X\n30 X\n"


@st.composite
def cue_lists(draw: st.DrawFn) -> tuple[tuple[MouthCue, ...], float]:
    steps = draw(st.lists(st.tuples(st.sampled_from(SHAPES), st.integers(2, 80)), min_size=1))
    t, cues = 0, []
    for shape, n in steps:
        cues.append(MouthCue(shape, t / 100, (t + n) / 100))
        t += n
    return tuple(cues), t / 100


def test_the_files_that_rhubarb_writes() -> None:
    assert export_cues(CUES, "tsv", sound_file="v.wav", duration_s=1.234) == TSV
    assert export_cues(CUES, "json", sound_file='C:\\voice "1".wav', duration_s=1.234) == JSON
    assert export_cues(CUES, "xml", sound_file="a & b.wav", duration_s=1.234) == XML
    assert export_cues(CUES, "dat", sound_file="v.wav", duration_s=1.234) == DAT


@UNTIMED
@given(cue_lists())
def test_tsv_reads_back(made: tuple[tuple[MouthCue, ...], float]) -> None:
    cues, duration_s = made
    *rows, last = [
        line.split("\t") for line in export_cues(cues, "tsv", sound_file="v", duration_s=duration_s).splitlines()
    ]
    assert [(float(t), shape) for t, shape in rows] == [(cue.t_start, cue.shape) for cue in cues]
    assert float(last[0]) == duration_s


@UNTIMED
@given(cue_lists(), st.text())
def test_json_reads_back(made: tuple[tuple[MouthCue, ...], float], sound_file: str) -> None:
    cues, duration_s = made
    read = json.loads(export_cues(cues, "json", sound_file=sound_file, duration_s=duration_s))
    assert read["metadata"] == {"soundFile": sound_file, "duration": duration_s}
    assert tuple(MouthCue(c["value"], c["start"], c["end"]) for c in read["mouthCues"]) == cues


@UNTIMED
@given(cue_lists(), st.text(st.characters(min_codepoint=32, exclude_categories=["Cc", "Cs", "Cn"]), min_size=1))
def test_xml_reads_back(made: tuple[tuple[MouthCue, ...], float], sound_file: str) -> None:
    cues, duration_s = made
    root = ET.fromstring(export_cues(cues, "xml", sound_file=sound_file, duration_s=duration_s))
    assert root.findtext("metadata/soundFile") == sound_file
    assert float(root.findtext("metadata/duration") or "") == duration_s
    found = [MouthCue(e.text or "", float(e.attrib["start"]), float(e.attrib["end"])) for e in root.iter("mouthCue")]
    assert tuple(found) == cues


@UNTIMED
@given(cue_lists(), st.sampled_from([Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(100)]))
def test_dat_reads_back(made: tuple[tuple[MouthCue, ...], float], rate: Fraction) -> None:
    """Frames rise from 1, each names the first cue that starts in it, the last one closes the mouth."""
    cues, duration_s = made
    header, *rows = export_cues(cues, "dat", sound_file="v", duration_s=duration_s, frame_rate=rate).splitlines()
    frames = [int(row.split()[0]) for row in rows]
    assert header == "MohoSwitch1"
    assert frames[0] == 1
    assert frames == sorted(set(frames))
    first: dict[int, str] = {}
    for cue in cues:
        first.setdefault(1 + int(round(cue.t_start * 100) * rate / 100), cue.shape)
    assert {int(f): shape for f, shape in (row.split() for row in rows[:-1])} == first
    assert rows[-1].split()[1] in ("X", "A")


def test_dat_knows_the_names_of_preston_blair() -> None:
    text = export_cues(CUES, "dat", sound_file="v", duration_s=1.234, use_preston_blair=True)
    assert text == "MohoSwitch1\n1 rest\n2 AI\n7 etc\n25 rest\n30 rest\n"
    assert set(PRESTON_BLAIR) == set(SHAPES)


def test_a_basic_mouth_closes_with_a() -> None:
    basic = (MouthCue("A", 0.0, 0.1), MouthCue("D", 0.1, 0.3))
    assert export_cues(basic, "tsv", sound_file="v", duration_s=0.3).endswith("0.30\tA\n")
    assert export_cues(basic, "dat", sound_file="v", duration_s=0.3).endswith("8 A\n")


@pytest.mark.parametrize("format_", FORMATS)
def test_no_cues_still_make_a_file(format_: str) -> None:
    assert export_cues((), format_, sound_file="v", duration_s=0.0)  # type: ignore[arg-type]


def test_what_can_not_be_written_is_refused() -> None:
    with pytest.raises(ValueError, match="tsv, json, xml, dat"):
        export_cues(CUES, "srt", sound_file="v", duration_s=1.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="10 to 100"):
        export_cues(CUES, "dat", sound_file="v", duration_s=1.0, frame_rate=Fraction(120))
