"""Music that was bought, as files: whatever container it comes in, decoded, measured, and kept as it came."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import soundfile

from audio_assets.domain.music_ask import MusicAsk
from audio_assets.domain.rendering import Rendered
from resources.engines.bought_music import bought_music, is_music
from resources.engines.remix_files import PICTURE, REMIX_JSON, REMIX_WAV
from resources.song_files import SongFileError
from tests.servers.faulty import with_wav_sizes
from tests.tunes import tune

ASK = MusicAsk("dusty drums", 6.0, seed=7)
RECORD = {
    "scene_id": "pier", "style": "dusty", "provider": "cloud", "model": "m1", "request": {"scene_id": "pier"},
    "sent": {"prompt": "dusty drums"},
}  # fmt: skip


def bought(folder: Path, sound: bytes, ask: MusicAsk = ASK, source: Path | None = None) -> Rendered:
    came = folder / "x.answer"
    came.write_bytes(sound)
    return bought_music(came, ask, RECORD, source, folder / "remix.wav")


def failed(rendered: Rendered) -> dict[str, str]:
    return {check.name: check.detail for check in rendered.checks if not check.passed}


@pytest.mark.parametrize(
    ("kind", "rate_hz", "suffix"),
    [("flac", 48_000, "flac"), ("wav", 22_050, "wav"), ("mp3", 44_100, "mp3"), ("mp3", 48_000, "mp3"),
     ("ogg", 44_100, "ogg"), ("opus", 48_000, "ogg")],
)  # fmt: skip
def test_whatever_came_is_decoded_and_kept(tmp_path: Path, kind: str, rate_hz: int, suffix: str) -> None:
    sound = tune(6.0, kind, rate_hz=rate_hz)
    rendered = bought(tmp_path, sound)
    assert set(rendered.files) == {REMIX_WAV, REMIX_JSON, f"original.{suffix}"}
    original = rendered.files[f"original.{suffix}"]
    assert isinstance(original, Path)
    assert original.read_bytes() == sound
    samples, rate_hz = soundfile.read(tmp_path / "remix.wav", always_2d=True)
    assert (rate_hz, samples.shape[1]) == (44_100, 2)
    assert len(samples) == rendered.facts["n_samples"] == pytest.approx(6 * 44_100, abs=3000)
    assert np.abs(samples).max() == pytest.approx(0.3, abs=0.05)
    assert failed(rendered) == {}
    assert rendered.previews[PICTURE].startswith(b"\x89PNG")


def test_facts_and_record_say_who_made_it_and_of_what(tmp_path: Path) -> None:
    rendered = bought(tmp_path, tune(6.0))
    expected = {"scene_id": "pier", "style": "dusty", "provider": "cloud", "model": "m1", "prompt": "dusty drums",
                "asked_s": 6.0, "seed": 7, "sample_rate_hz": 44_100}  # fmt: skip
    assert {key: rendered.facts[key] for key in expected} == expected
    assert {"integrated_lufs", "true_peak_db", "duration_s"} <= set(rendered.facts)
    assert not {"request", "sent"} & set(rendered.facts)
    data = rendered.files[REMIX_JSON]
    assert isinstance(data, bytes)
    record: dict[str, Any] = orjson.loads(data)
    assert (record["schema"], record["request"], record["sent"]) == (
        "remix.1", {"scene_id": "pier"}, {"prompt": "dusty drums"},
    )  # fmt: skip
    assert record["came_as"]["container"] == "flac"
    assert record["came_as"]["sample_rate_hz"] == 48_000
    assert (record["beats"], record["downbeats"]) == ([], [])
    assert str(tmp_path) not in data.decode()


@pytest.mark.parametrize(
    ("seconds", "asked_s", "is_fine"),
    [(6.0, 6.9, True), (6.0, 7.2, False), (6.0, 4.8, False), (42.0, 40.1, True), (42.0, 39.9, False)],
)
def test_a_length_may_differ_by_a_second_or_a_twentieth(
    tmp_path: Path, seconds: float, asked_s: float, is_fine: bool
) -> None:
    rendered = bought(tmp_path, tune(seconds, rate_hz=8000), MusicAsk("x", asked_s))
    assert ("as_long_as_asked" in failed(rendered)) is not is_fine
    assert not any(check.blocking for check in rendered.checks if check.name != "not_silent")


def test_silence_blocks_what_comes_later(tmp_path: Path) -> None:
    rendered = bought(tmp_path, tune(6.0, level=0.0))
    assert [(check.name, check.blocking) for check in rendered.checks if not check.passed] == [("not_silent", True)]


def test_clipping_is_told(tmp_path: Path) -> None:
    assert set(failed(bought(tmp_path, tune(6.0, level=3.0)))) == {"not_clipped"}


def test_what_passes_full_scale_is_turned_down_and_said(tmp_path: Path) -> None:
    loud = (1.5 * np.sin(np.arange(6 * 44_100) / 20)).astype(np.float32)
    soundfile.write(tmp_path / "loud.wav", np.stack([loud, loud], 1), 44_100, subtype="FLOAT")
    rendered = bought(tmp_path, (tmp_path / "loud.wav").read_bytes())
    assert rendered.notes == ("turned down by 3.52 dB, for it passes full scale",)
    samples, _ = soundfile.read(tmp_path / "remix.wav")
    assert np.corrcoef(samples[:, 0], loud)[0, 1] > 0.9999


def test_of_a_remix_the_source_is_pictured_above(tmp_path: Path) -> None:
    (tmp_path / "harbour.flac").write_bytes(tune(4.0))
    alone, remixed = bought(tmp_path, tune(6.0)), bought(tmp_path, tune(6.0), source=tmp_path / "harbour.flac")
    assert alone.previews[PICTURE] != remixed.previews[PICTURE]
    assert remixed.facts["source_duration_s"] == 4.0


@pytest.mark.parametrize(("kind", "says"), [("flac", "is damaged"), ("wav", "is cut short"), ("mp3", "is cut short")])
def test_what_ends_before_its_end_is_refused(tmp_path: Path, kind: str, says: str) -> None:
    came = tmp_path / "x.answer"
    came.write_bytes(tune(6.0, kind))
    is_music(came)
    came.write_bytes(tune(6.0, kind)[: len(tune(6.0, kind)) // 2])
    with pytest.raises(SongFileError, match=f"the file that came {says}"):
        is_music(came)


def test_a_wav_whose_writer_did_not_know_its_length_is_taken(tmp_path: Path) -> None:
    came = tmp_path / "x.answer"
    came.write_bytes(with_wav_sizes(tune(6.0, "wav", rate_hz=44_100), 0xFFFFFFFF))
    is_music(came)
    rendered = bought_music(came, ASK, RECORD, None, tmp_path / "remix.wav")
    assert (rendered.facts["n_samples"], failed(rendered)) == (6 * 44_100, {})
    assert "the file that came does not say how long it is" in rendered.notes[0]


@pytest.mark.parametrize("sound", [b"", b"<html>", tune(6.0)[:40], tune(6.0, "mp3")[:60]], ids=len)
def test_what_is_no_music_is_refused(tmp_path: Path, sound: bytes) -> None:
    came = tmp_path / "x.answer"
    came.write_bytes(sound)
    with pytest.raises(SongFileError):
        is_music(came)
    with pytest.raises(SongFileError):
        bought_music(came, ASK, RECORD, None, tmp_path / "remix.wav")
    assert not (tmp_path / "remix.wav").exists()
