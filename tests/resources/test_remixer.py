import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import soundfile
from numpy.typing import NDArray

from audio_assets.domain.dsp.levels import clipped_runs
from audio_assets.domain.dsp.loudness import measure_loudness
from audio_assets.domain.dsp.time_stretch import transients
from audio_assets.domain.music.analysis import BeatGrid
from audio_assets.domain.music.compose import Cue, compose_cue
from audio_assets.domain.remix_spec import RemixError, RemixRequest, parse_remix_request, parse_styles
from audio_assets.domain.rendering import Rendered
from resources.engines.remix_files import PICTURE, REMIX_JSON, REMIX_WAV
from resources.engines.remixer import identity, remix_artifact
from resources.song_files import SongFileError

STYLES = parse_styles(
    (Path(__file__).resolve().parents[2] / "workflows" / "remix_styles.toml").read_bytes(), "remix_styles.toml"
)
NAMES = sorted(STYLES)
RATE_HZ = 44_100
SONG_S = 20.0


@cache
def song() -> Cue:
    """Music of this project's own, with drums, at a known tempo."""
    return compose_cue(STYLES["plain"], ("energetic",), 3, SONG_S)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("songs") / "harbour.wav"
    soundfile.write(path, song().audio, RATE_HZ, subtype="PCM_16")
    return path


def remix(
    folder: Path, source: Path | None, style: str, *, grid: BeatGrid | str | None = "true", **how: Any
) -> tuple[Rendered, NDArray[np.float32]]:
    """The artifact and the samples of its file; `grid` "true" is the song's own."""
    request = RemixRequest("scene.pier", style, "harbour" if source else "", **how)
    out = folder / f"{style}.wav"
    known = song().grid() if grid == "true" else grid
    rendered = remix_artifact(source, known, request, STYLES[style], out)  # type: ignore[arg-type]
    samples, rate_hz = soundfile.read(out, dtype="float32", always_2d=True)
    assert rate_hz == RATE_HZ
    return rendered, samples


@pytest.fixture(scope="module")
def remixes(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Rendered, NDArray[np.float32]]]:
    """Every style, once."""
    folder = tmp_path_factory.mktemp("remixes")
    return {name: remix(folder, source, name) for name in NAMES}


def centroid_hz(samples: NDArray[np.float32]) -> float:
    """Mean over frames of the magnitude-weighted frequency, loud frames only."""
    mono = samples.mean(axis=1)[: len(samples) // 2048 * 2048].reshape(-1, 2048)
    spectra = np.abs(np.fft.rfft(mono * np.hanning(2048), axis=1))
    weight = spectra.sum(axis=1)
    centers = spectra @ np.fft.rfftfreq(2048, 1 / RATE_HZ) / (weight + 1e-9)
    return float(np.average(centers[weight > 0.05 * weight.max()]))


def pitch_ratio(before: NDArray[np.float32], after: NDArray[np.float32]) -> float:
    """How much higher `after` lies: the shift of the log-frequency spectrum, in steps of 5 cents."""
    hz = 80.0 * 2.0 ** (np.arange(0, 3.5, 5 / 1200))

    def profile(samples: NDArray[np.float32]) -> NDArray[np.float64]:
        middle = samples[len(samples) // 4 : 3 * len(samples) // 4].mean(axis=1)
        spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
        level = np.log(np.interp(hz, np.fft.rfftfreq(len(middle), 1 / RATE_HZ), spectrum) + 1e-3)
        return np.asarray(level - np.convolve(level, np.ones(97) / 97, mode="same"))

    a, b = profile(before), profile(after)
    lags = range(-160, 161)
    best = max(lags, key=lambda lag: float(np.dot(a[200:-200], b[200 + lag : len(b) - 200 + lag])))
    return float(2.0 ** (5 * best / 1200))


def sharpness(samples: NDArray[np.float32]) -> float:
    """How much louder the 10 ms after the strongest hits are than the 10 ms before, in dB."""
    places, strengths = transients(samples, RATE_HZ)
    mono = np.square(samples.mean(axis=1, dtype=np.float64))
    strong = [p for p in places[np.argsort(-strengths)[:20]] if 1000 < p < len(mono) - 1000]
    if not strong:
        return 0.0
    rises = [10 * np.log10((mono[p : p + 441].mean() + 1e-9) / (mono[p - 441 : p].mean() + 1e-9)) for p in strong]
    return float(np.median(rises))


# --- every style


@pytest.mark.parametrize("name", NAMES)
def test_a_remix_is_whole_measured_and_clean(name: str, remixes: dict[str, Any]) -> None:
    rendered, samples = remixes[name]
    facts = rendered.facts
    assert set(rendered.files) == {REMIX_WAV, REMIX_JSON}
    assert rendered.previews[PICTURE].startswith(b"\x89PNG")
    assert len(rendered.previews[PICTURE]) <= 3000
    assert rendered.notes == ()
    assert [(check.name, check.passed) for check in rendered.checks] == [
        ("not_silent", True), ("not_clipped", True), ("loudness", True),
    ]  # fmt: skip
    assert rendered.checks[0].blocking
    assert facts["n_samples"] == len(samples)
    ratio = facts["tempo_ratio"]
    assert len(samples) >= round(len(song().audio) / ratio)
    if not any(step.effect in ("reverb", "echo") for step in STYLES[name].steps):
        assert len(samples) == round(len(song().audio) / ratio)
    assert facts["bpm_after"] == pytest.approx(song().bpm * ratio, abs=0.01)
    assert facts["n_bars"] == len(song().downbeats)
    assert facts["provider"] == "local"
    loudness = measure_loudness(samples, RATE_HZ)
    assert loudness.integrated_lufs == pytest.approx(facts["integrated_lufs"], abs=0.1)
    assert loudness.true_peak_db is not None
    assert loudness.true_peak_db < -0.9
    assert clipped_runs(samples)[0] == 0
    assert np.abs(samples.mean(axis=0)).max() < 1e-3
    assert np.abs(samples[0]).max() == np.abs(samples[-1]).max() == 0.0
    assert np.isfinite(samples).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_record_says_what_was_done(name: str, remixes: dict[str, Any]) -> None:
    rendered, _ = remixes[name]
    record = orjson.loads(rendered.files[REMIX_JSON])
    assert record["schema"] == "remix.1"
    assert parse_remix_request(record["request"], "x") == RemixRequest("scene.pier", name, "harbour")
    assert [step["effect"] for step in record["style"]["steps"]] == record["steps"]
    assert len(record["beats"]) == len(song().beats)
    assert record["beats"] == pytest.approx([beat / record["tempo_ratio"] for beat in song().beats], abs=1e-3)
    assert record["provider"] == "local"


@pytest.mark.parametrize("name", ["lofi", "club"])
def test_the_same_request_gives_the_same_bytes(
    name: str, source: Path, tmp_path: Path, remixes: dict[str, Any]
) -> None:
    rendered, _ = remix(tmp_path, source, name)
    first, _ = remixes[name]
    digests = [hashlib.sha256(Path(r.files[REMIX_WAV]).read_bytes()).hexdigest() for r in (rendered, first)]
    assert digests[0] == digests[1]
    assert rendered.files[REMIX_JSON] == first.files[REMIX_JSON]


# --- what each style is for


def test_lofi_is_darker_slower_and_crackles(remixes: dict[str, Any]) -> None:
    rendered, samples = remixes["lofi"]
    assert centroid_hz(samples) < 0.7 * centroid_hz(song().audio)
    assert rendered.facts["tempo_ratio"] == 0.92
    assert pitch_ratio(song().audio, samples) == pytest.approx(1.0, abs=0.006)


def test_nightcore_is_faster_and_higher_by_the_ratio(remixes: dict[str, Any]) -> None:
    rendered, samples = remixes["nightcore"]
    assert rendered.facts["tempo_ratio"] == 1.28
    assert rendered.facts["pitch_semitones"] == pytest.approx(4.274, abs=0.001)
    assert pitch_ratio(song().audio, samples) == pytest.approx(1.28, rel=0.004)


def test_slowed_reverb_is_slower_lower_and_rings_on(remixes: dict[str, Any]) -> None:
    rendered, samples = remixes["slowed_reverb"]
    assert rendered.facts["tempo_ratio"] == 0.84
    assert pitch_ratio(song().audio, samples) == pytest.approx(0.84, rel=0.004)

    def tail_db(audio: NDArray[np.float32], ratio: float) -> float:
        """Level in the second before the end of the music, which has died away there, against the whole."""
        end = round(len(song().audio) / ratio)
        return float(20 * np.log10(audio[end - RATE_HZ // 3 : end].std() / audio.std()))

    assert tail_db(samples, 0.84) > tail_db(song().audio, 1.0) + 6


def test_8bit_has_few_levels(remixes: dict[str, Any]) -> None:
    _, samples = remixes["8bit"]
    middle = samples[RATE_HZ : -RATE_HZ // 2, 0]
    assert len(np.unique(np.rint(middle * 32_768))) <= 2 * (2**5 - 1)  # a step may round to one of two PCM values
    assert np.mean(np.diff(middle) == 0) > 0.6  # held


def test_ambient_has_soft_onsets(remixes: dict[str, Any]) -> None:
    _, samples = remixes["ambient"]
    assert sharpness(samples) < 0.5 * sharpness(song().audio)
    assert centroid_hz(samples) < centroid_hz(song().audio)


def test_club_breathes_with_the_beat(remixes: dict[str, Any]) -> None:
    _, samples = remixes["club"]
    beat_hz = song().bpm / 60

    def depth(audio: NDArray[np.float32]) -> float:
        """How strongly the level above the kick moves at the beat's rate, against all movement."""
        spectrum = np.fft.rfft(audio.mean(axis=1))
        spectrum[: round(400 * len(audio) / RATE_HZ)] = 0.0
        level = np.square(np.fft.irfft(spectrum, len(audio)))[: len(audio) // 441 * 441].reshape(-1, 441).mean(axis=1)
        movement = np.abs(np.fft.rfft(np.log(level + 1e-6) - np.log(level + 1e-6).mean()))
        hz = np.fft.rfftfreq(len(level), 441 / RATE_HZ)
        return float(movement[np.abs(hz - beat_hz) < 0.06].max() / np.sqrt(np.mean(np.square(movement[1:]))))

    assert depth(samples) > 1.5 * depth(song().audio)


# --- length


@pytest.mark.parametrize(
    ("name", "duration_s"), [("plain", 13.0), ("lofi", 27.0), ("nightcore", 33.5), ("ambient", 12.0)]
)
def test_a_length_is_kept_to_a_sample_on_bar_lines(
    name: str, duration_s: float, source: Path, tmp_path: Path, remixes: dict[str, Any]
) -> None:
    rendered, samples = remix(tmp_path, source, name, duration_s=duration_s)
    assert len(samples) == round(duration_s * RATE_HZ)
    record = orjson.loads(rendered.files[REMIX_JSON])
    assert record["is_looped"] is (record["n_jumps"] > 0)
    bars = np.diff(record["downbeats"])
    assert np.abs(bars - 240 / record["bpm_after"]).max() < 0.045  # a joint moves by 20 ms at most, twice
    step = np.abs(np.diff(samples[:, 0])).max()
    whole, audio = remixes[name]
    assert step <= 1.6 * np.abs(np.diff(audio[:, 0])).max()  # no click
    assert whole.facts["n_jumps"] == 0


def test_without_a_sure_grid_it_says_what_is_left_out(source: Path, tmp_path: Path) -> None:
    unsure = replace(song().grid(), confidence=0.2)
    rendered, samples = remix(tmp_path, source, "club", grid=unsure, duration_s=26.0)
    assert len(samples) == 26 * RATE_HZ
    said = " ".join(rendered.notes)
    assert "too unsure to rely on (confidence 0.20" in said
    assert "repeated with crossfades of 1.0 s" in said
    assert "pump is left out" in said
    assert "drums is left out" in said
    nothing, _ = remix(tmp_path, source, "club", grid=None)
    assert any("pump is left out" in note for note in nothing.notes)
    assert "bpm_before" not in nothing.facts
    plain, _ = remix(tmp_path, source, "lofi", grid=None)
    assert plain.notes == ()


# --- cues


@pytest.mark.parametrize("name", NAMES)
def test_without_a_track_a_cue_is_composed_in_the_style(name: str, tmp_path: Path) -> None:
    rendered, samples = remix(tmp_path, None, name, grid=None, duration_s=9.0, mood_tags=("calm", "plaid"), seed=4)
    assert len(samples) == 9 * RATE_HZ
    assert all(check.passed for check in rendered.checks)
    assert rendered.notes == ("the mood 'plaid' is not known and changes nothing",)
    record = orjson.loads(rendered.files[REMIX_JSON])
    assert record["key"] == rendered.facts["key"]
    assert rendered.facts["bpm_after"] == rendered.facts["bpm_before"]
    assert not {"tempo", "speed", "pitch", "drums"} & set(record["steps"])
    assert record["sections"][-1]["end_time"] == pytest.approx(9.0)
    assert record["chords"][0]["time"] == 0.0


def test_a_seed_changes_the_cue_and_mood_words_do_not_change_a_track(source: Path, tmp_path: Path) -> None:
    _, one = remix(tmp_path, None, "lofi", duration_s=8.0, seed=1)
    _, two = remix(tmp_path, None, "lofi", duration_s=8.0, seed=2)
    assert not np.array_equal(one, two)
    rendered, _ = remix(tmp_path, source, "plain", mood_tags=("calm",))
    assert "a remix of a track does not use them" in rendered.notes[0]


# --- what can not be done


def test_a_track_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(RemixError, match="the source track 'harbour' is not there"):
        remix_artifact(None, None, RemixRequest("s", "lofi", "harbour"), STYLES["lofi"], tmp_path / "x.wav")


def test_silence_too_much_and_no_audio_are_refused(tmp_path: Path) -> None:
    request = RemixRequest("s", "plain", "x")
    soundfile.write(tmp_path / "silent.wav", np.zeros((RATE_HZ, 2)), RATE_HZ)
    with pytest.raises(RemixError, match=r"silent\.wav is silent"):
        remix_artifact(tmp_path / "silent.wav", None, request, STYLES["plain"], tmp_path / "o.wav")
    soundfile.write(tmp_path / "long.wav", np.full((601 * 1000, 1), 0.1), 1000)
    with pytest.raises(RemixError, match=r"long\.wav is longer than a remix may be \(600 s\)"):
        remix_artifact(tmp_path / "long.wav", None, request, STYLES["plain"], tmp_path / "o.wav")
    (tmp_path / "no.wav").write_bytes(b"no audio at all")
    with pytest.raises(SongFileError):
        remix_artifact(tmp_path / "no.wav", None, request, STYLES["plain"], tmp_path / "o.wav")
    assert not (tmp_path / "o.wav").exists()


@pytest.mark.parametrize(
    ("rate_hz", "n_channels", "seconds", "names"),
    [(8000, 1, 1.5, ["plain", "lofi"]), (48_000, 2, 1.0, ["8bit", "club"]), (44_100, 2, 0.4, NAMES)],
)
def test_any_rate_channels_and_short_sounds_are_taken(
    rate_hz: int, n_channels: int, seconds: float, names: list[str], tmp_path: Path
) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal((round(seconds * rate_hz), n_channels))
    soundfile.write(tmp_path / "in.wav", noise, rate_hz)
    for name in names:
        rendered, samples = remix(tmp_path, tmp_path / "in.wav", name, grid=None)
        assert len(samples) >= round(seconds / rendered.facts["tempo_ratio"] * RATE_HZ) - 2
        assert np.isfinite(samples).all()


def test_the_identity_names_what_computes() -> None:
    assert {"engine", "numba", "numpy", "soxr"} <= set(identity())
    assert all(isinstance(value, str) for value in identity().values())
