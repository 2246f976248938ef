import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile

from audio_assets.domain.dialogue_mix import Bed, LineClip, dialogue_spec
from audio_assets.domain.mix_spec import Ducking, MixSpec, MixSpecError, MixTrack
from resources.audio_files import AudioFileError
from resources.engines.mixer import N_CURVE_POINTS, MixError, MixReport, render_mix

RATE_HZ = 48_000


def noise(
    seconds: float, n_channels: int = 2, level: float = 0.05, rate_hz: int = RATE_HZ, seed: int = 0
) -> np.ndarray:
    shape = (round(seconds * rate_hz), n_channels)
    return (level * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A mono voice that speaks from 1 to 2 s and from 4 to 5 s of 6, and a stereo bed of 3 s at another rate."""
    voice = noise(6, 1, 0.1, 24_000)
    voice[:24_000] = voice[48_000:96_000] = voice[120_000:] = 0.0
    soundfile.write(tmp_path / "voice.wav", voice, 24_000, subtype="PCM_16")
    soundfile.write(tmp_path / "bed.flac", noise(3, rate_hz=44_100, seed=1), 44_100, subtype="PCM_16")
    soundfile.write(tmp_path / "plain.wav", noise(2, level=0.1, seed=2), RATE_HZ, subtype="PCM_16")
    return tmp_path


def track(folder: Path, name: str, role: str = "voice", **how: float | bool) -> MixTrack:
    return MixTrack(str(folder / name), role, **how)  # type: ignore[arg-type]


def ducked(folder: Path, **how: object) -> MixSpec:
    tracks = (track(folder, "voice.wav"), track(folder, "bed.flac", "music", loop=True, gain_db=-3.0))
    return MixSpec(tracks, Ducking(), **how)  # type: ignore[arg-type]


def render(spec: MixSpec, folder: Path, **how: object) -> tuple[np.ndarray, MixReport]:
    report = render_mix(spec, {}, folder / "mix.wav", **how)  # type: ignore[arg-type]
    audio, rate_hz = soundfile.read(folder / "mix.wav", dtype="float32", always_2d=True)
    assert (rate_hz, len(audio)) == (report.sample_rate_hz, report.n_samples)
    return audio, report


# --- laws


def test_one_track_alone_passes_unchanged(folder: Path) -> None:
    mixed, report = render(MixSpec((track(folder, "plain.wav"),)), folder)
    assert np.array_equal(mixed, soundfile.read(folder / "plain.wav", dtype="float32")[0])
    assert report.notes == ()


@pytest.mark.parametrize("target_lufs", [None, -14.0])
@pytest.mark.parametrize("encoding", ["PCM_16", "FLOAT"])
def test_block_sizes_change_no_bit(folder: Path, target_lufs: float | None, encoding: str) -> None:
    spec = ducked(folder, target_lufs=target_lufs)
    seen = set()
    for n_block in (100, 4_800, 16_384, 65_536, 10**6):
        report = render_mix(spec, {}, folder / "mix.wav", encoding=encoding, n_block=n_block)  # type: ignore[arg-type]
        seen.add(((folder / "mix.wav").read_bytes(), json.dumps(report.record())))
    assert len(seen) == 1


def test_tracks_add_up(folder: Path) -> None:
    one, two = track(folder, "plain.wav"), track(folder, "bed.flac", "music", gain_db=-6.0)
    alone = [render(MixSpec((t,), duration_s=3.0), folder, encoding="FLOAT")[0] for t in (one, two)]
    both, _ = render(MixSpec((one, two)), folder, encoding="FLOAT")
    assert np.abs(both - sum(alone)).max() < 1e-6


@pytest.mark.parametrize("offset", [0, 1, 47, 12_345, 48_000])
def test_offsets_are_exact_to_the_sample(folder: Path, offset: int) -> None:
    source = soundfile.read(folder / "plain.wav", dtype="float32")[0]
    spec = MixSpec((track(folder, "plain.wav", offset_s=offset / RATE_HZ),))
    mixed, _ = render(spec, folder)
    assert not mixed[:offset].any()
    assert np.array_equal(mixed[offset:], source)


def test_a_negative_offset_starts_inside_the_source_and_says_so(folder: Path) -> None:
    mixed, report = render(MixSpec((track(folder, "plain.wav", offset_s=-0.5),)), folder)
    assert np.array_equal(mixed, soundfile.read(folder / "plain.wav", dtype="float32")[0][24_000:])
    assert "starts 0.500 s into its source" in report.notes[0]


def test_gain_is_gain(folder: Path) -> None:
    loud, _ = render(MixSpec((track(folder, "plain.wav"),)), folder, encoding="FLOAT")
    soft, _ = render(MixSpec((track(folder, "plain.wav", gain_db=-20.0),)), folder, encoding="FLOAT")
    assert np.abs(soft - loud * 0.1).max() <= 1e-7


def test_fades_rise_and_fall_inside_what_sounds(folder: Path) -> None:
    soundfile.write(folder / "ones.wav", np.full((RATE_HZ, 1), 0.5), RATE_HZ, subtype="FLOAT")
    spec = MixSpec((track(folder, "ones.wav", fade_in_s=0.2, fade_out_s=0.4, offset_s=0.1),), n_channels=1)
    mixed, _ = render(spec, folder, encoding="FLOAT", n_block=1_000)
    line = mixed[4_800:, 0] / 0.5
    assert line[[0, 4_800, 9_600, 28_000]] == pytest.approx([0, 0.5, 1, 1], abs=1e-4)
    assert line[[-1, -9_601, -19_201]] == pytest.approx([0, 0.5, 1], abs=1e-4)
    assert (np.diff(line[:9_600]) >= 0).all()


# --- ducking


def test_the_bed_steps_back_for_the_voice_only(folder: Path) -> None:
    spec = ducked(folder)
    _, report = render(spec, folder)
    assert report.ducking is not None
    assert report.ducking.n_events == 2
    assert report.ducking.max_reduction_db == pytest.approx(12.0, abs=0.01)
    gains = np.array(report.curve.ducking_db)
    times = np.arange(len(gains)) * report.curve.step_s
    assert gains[times < 0.75].max() == gains[times < 0.75].min() == 0.0
    assert gains[(times > 1.05) & (times < 2.3)].max() < -11.0
    assert gains[(times > 3.6) & (times < 3.75)].min() > -1.0
    still, _ = render(MixSpec(spec.tracks), folder, encoding="FLOAT")
    loud, _ = render(spec, folder, encoding="FLOAT")
    quiet = slice(0, round(0.75 * RATE_HZ))
    assert np.array_equal(still[quiet], loud[quiet])


def test_the_voice_is_never_ducked(folder: Path) -> None:
    alone, _ = render(MixSpec((track(folder, "voice.wav"),)), folder, encoding="FLOAT")
    silent_bed = track(folder, "bed.flac", "music", gain_db=-120.0)
    both, _ = render(MixSpec((track(folder, "voice.wav"), silent_bed), Ducking()), folder, encoding="FLOAT")
    assert np.abs(both - alone).max() < 1e-5


# --- loudness


@pytest.mark.parametrize("target_lufs", [-23.0, -16.0])
def test_the_target_is_met_by_one_gain(folder: Path, target_lufs: float) -> None:
    plain, before = render(ducked(folder), folder, encoding="FLOAT")
    loud, report = render(ducked(folder, target_lufs=target_lufs), folder, encoding="FLOAT")
    assert report.integrated_lufs == pytest.approx(target_lufs, abs=0.05)
    assert before.integrated_lufs is not None
    assert report.loudness_gain_db == pytest.approx(target_lufs - before.integrated_lufs, abs=1e-6)
    assert np.abs(loud - plain * 10 ** (report.loudness_gain_db / 20)).max() <= 1e-5
    assert pyloudnorm.Meter(RATE_HZ).integrated_loudness(loud) == pytest.approx(target_lufs, abs=0.1)


def test_peaks_are_held_and_the_miss_is_said(folder: Path) -> None:
    peaky = noise(4, 1, 0.01)
    peaky[::4_000] = 0.9
    soundfile.write(folder / "peaky.wav", peaky, RATE_HZ, subtype="FLOAT")
    audio, report = render(MixSpec((track(folder, "peaky.wav"),), target_lufs=-10.0), folder)
    assert report.true_peak_db is not None
    assert report.true_peak_db <= -1.0
    assert np.abs(audio).max() <= 10 ** (-1 / 20)
    assert report.limiter.max_reduction_db > 1.0
    assert "LU under its target of -10 LUFS" in report.notes[0]


def ffmpeg_loudness(path: Path) -> tuple[float, float, float]:
    command = ["ffmpeg", "-nostats", "-i", str(path), "-af", "ebur128=peak=true", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    summary = said[said.rindex("Summary") :]
    integrated, span, peak = (re.search(rf"{name}:\s+(-?[\d.]+)", summary) for name in ("I", "LRA", "Peak"))
    assert integrated
    assert span
    assert peak
    return float(integrated[1]), float(span[1]), float(peak[1])


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is the yardstick here and is not installed")
@pytest.mark.parametrize("rate_hz", [44_100, 48_000, 96_000])
def test_the_report_agrees_with_ffmpeg(folder: Path, rate_hz: int) -> None:
    _, report = render(ducked(folder, sample_rate_hz=rate_hz, duration_s=12.0), folder)
    integrated, span, peak = ffmpeg_loudness(folder / "mix.wav")
    assert report.integrated_lufs == pytest.approx(integrated, abs=0.1)
    assert report.range_lu == pytest.approx(span, abs=0.2)
    assert report.true_peak_db == pytest.approx(peak, abs=0.2)


# --- what comes in


@pytest.mark.parametrize(("rate_hz", "n_channels"), [(8_000, 1), (22_050, 2), (96_000, 6), (192_000, 2)])
def test_any_rate_and_channels_come_in(folder: Path, rate_hz: int, n_channels: int) -> None:
    soundfile.write(folder / "odd.flac", noise(1.5, n_channels, rate_hz=rate_hz), rate_hz)
    _, report = render(MixSpec((track(folder, "odd.flac"),)), folder)
    assert report.n_samples == 72_000
    assert (report.tracks[0].source_sample_rate_hz, report.tracks[0].source_n_channels) == (rate_hz, n_channels)


def test_the_report_describes_the_tracks(folder: Path) -> None:
    _, report = render(ducked(folder), folder)
    voice, bed = report.tracks
    assert (voice.role, voice.duration_s, voice.source_duration_s) == ("voice", 6.0, 6.0)
    assert (bed.role, bed.gain_db, bed.duration_s, bed.source_duration_s) == ("music", -3.0, 6.0, 3.0)
    soundfile.write(folder / "twice.wav", np.tile(soundfile.read(folder / "bed.flac")[0], (2, 1)), 44_100)
    _, alone = render(MixSpec((track(folder, "twice.wav", gain_db=-3.0),)), folder)
    assert bed.integrated_lufs == pytest.approx(alone.integrated_lufs, abs=0.02)
    assert voice.peak_db is not None
    assert len(report.curve.ducking_db) <= N_CURVE_POINTS
    assert set(report.curve.level_db) == {"voice", "music"}
    assert {len(levels) for levels in report.curve.level_db.values()} == {len(report.curve.ducking_db)}
    json.dumps(report.record(), allow_nan=False)


def test_lines_are_found_in_the_sources(folder: Path) -> None:
    clips = [LineClip(f"s.{n}.en", "me", "Hello.", 2.0) for n in range(3)]
    spec = dialogue_spec(clips, bed=Bed(str(folder / "bed.flac")), target_lufs=-20.0)
    sources = {clip.partition: folder / "plain.wav" for clip in clips}
    report = render_mix(spec, sources, folder / "mix.wav")
    assert report.duration_s == spec.duration_s
    assert report.notes == ()
    with pytest.raises(MixError, match=r"line 's\.2\.en' has no audio file"):
        render_mix(spec, {key: sources[key] for key in ("s.0.en", "s.1.en")}, folder / "mix.wav")


def test_what_the_end_cuts_off_is_said(folder: Path) -> None:
    spec = MixSpec((track(folder, "plain.wav"), track(folder, "voice.wav", offset_s=7.0)), duration_s=1.5)
    _, report = render(spec, folder)
    assert any("last 0.500 s are not heard" in note for note in report.notes)
    assert any("voice.wav lies outside the mix" in note for note in report.notes)


def test_silence_has_no_loudness_and_gets_no_gain(folder: Path) -> None:
    soundfile.write(folder / "silent.wav", np.zeros((RATE_HZ, 2)), RATE_HZ)
    audio, report = render(MixSpec((track(folder, "silent.wav"),), target_lufs=-16.0), folder)
    assert not audio.any()
    assert (report.integrated_lufs, report.true_peak_db, report.loudness_gain_db) == (None, None, 0.0)
    assert "no loudness" in report.notes[0]


def test_a_cut_source_is_mixed_and_said(folder: Path) -> None:
    path = folder / "plain.wav"
    path.write_bytes(path.read_bytes()[: 44 + 4 * 24_000])
    _, report = render(MixSpec((track(folder, "plain.wav"),)), folder)
    assert report.duration_s == 0.5
    assert "promises 96000 samples, 24000 are there" in report.notes[0]


def test_an_empty_track_is_said(folder: Path) -> None:
    soundfile.write(folder / "empty.wav", np.zeros((0, 2)), RATE_HZ)
    _, report = render(MixSpec((track(folder, "plain.wav"), track(folder, "empty.wav"))), folder)
    assert "holds no samples" in report.notes[0]
    with pytest.raises(MixError, match="no length"):
        render(MixSpec((track(folder, "empty.wav"),)), folder)


# --- failures


def test_a_failure_leaves_the_old_mix_and_no_debris(folder: Path) -> None:
    bad = noise(3)
    bad[100_000] = np.nan
    soundfile.write(folder / "bad.wav", bad, RATE_HZ, subtype="FLOAT")
    out = folder / "out" / "mix.wav"
    out.parent.mkdir()
    out.write_bytes(b"the mix of yesterday")
    for target_lufs in (None, -16.0):
        with pytest.raises(AudioFileError, match=r"bad\.wav: sample 100000"):
            render_mix(MixSpec((track(folder, "bad.wav"),), target_lufs=target_lufs), {}, out)
    assert out.read_bytes() == b"the mix of yesterday"
    assert [path.name for path in out.parent.iterdir()] == ["mix.wav"]


def test_a_source_is_not_overwritten(folder: Path) -> None:
    before = (folder / "plain.wav").read_bytes()
    with pytest.raises(MixError, match="overwrite its own source"):
        render_mix(MixSpec((track(folder, "plain.wav"),)), {}, folder / "plain.wav")
    assert (folder / "plain.wav").read_bytes() == before


def test_missing_files_and_faulty_specs_are_refused(folder: Path) -> None:
    with pytest.raises(AudioFileError, match=r"gone\.wav does not exist"):
        render_mix(MixSpec((track(folder, "gone.wav"),)), {}, folder / "mix.wav")
    with pytest.raises(MixSpecError, match="roles there are: voice"):
        render_mix(MixSpec((track(folder, "plain.wav"),), Ducking(("speech",))), {}, folder / "mix.wav")
