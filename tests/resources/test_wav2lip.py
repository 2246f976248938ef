"""Lip-sync tools that are run as command lines; those in `tests/tools` behave, and misbehave, as they do."""

import os
import pickle
import shutil
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audio_assets.domain.lip_sync import Synced
from audio_assets.domain.rendering import PermanentError, Unavailable
from resources.vendors import lip_sync_command
from resources.vendors.latentsync import LatentSync
from resources.vendors.lip_sync_command import RATE_HZ, LipSyncCommand, sha256_of, silence, write_heard
from resources.vendors.wav2lip import Wav2Lip
from resources.video_files import probe_video
from tests.films import RED, shown, write_clip

TOOLS = Path(__file__).parents[1] / "tools"
N, RATE = 36, Fraction(24)
KEY = "sk-planted-5f3a9c"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip of the scene.mp4", N, RED)


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    """As long as the clip: sung, but for its end."""
    at_s = np.arange(round(N / RATE * 44_100)) / 44_100
    sung = 0.4 * np.sin(2 * np.pi * 220 * at_s) * (at_s < 0.9)
    soundfile.write(tmp_path / "voice.wav", sung, 44_100, "PCM_16")
    return tmp_path / "voice.wav"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Path]:
    """Where results go; nothing else is left in it."""
    folder = tmp_path / "scratch of a studio"
    folder.mkdir()
    yield folder
    assert {path.name for path in folder.iterdir()} <= {"out.mp4"}


def tool(kind: type[LipSyncCommand], room: Path, word: str = "works", **more: Any) -> Any:
    """A tool whose checkpoint says how it behaves."""
    model = room / "model.pth"
    model.write_text(word)
    name = {Wav2Lip: "wav2lip", LatentSync: "latentsync"}[kind]
    return kind(**{"folder": str(TOOLS / name), "python": sys.executable, "checkpoint": str(model), **more})


def run(provider: LipSyncCommand, clip: Path, voice: Path, room: Path) -> Synced:
    # A worker process gets it pickled.
    return pickle.loads(pickle.dumps(provider.audio_syncer()))(clip, voice, room / "out.mp4")  # type: ignore[no-any-return]  # noqa: S301


# --- Both work -------------------------------------------------------------------------------------------------------


def test_wav2lip_moves_the_mouth_of_every_frame(tmp_path: Path, clip: Path, voice: Path, room: Path) -> None:
    done = run(tool(Wav2Lip, tmp_path), clip, voice, room)
    info = probe_video(room / "out.mp4")
    assert (info.n_frames, info.frame_rate, info.width) == (N, RATE, 256)
    assert [number for number, _ in shown(room / "out.mp4")] == list(range(N))
    assert (done.method, done.n_frames, done.n_changed) == ("by_voice", N, N)
    assert done.measures["n_missing_frames"] == 0
    assert done.measures["n_result_frames"] >= N, "with the tail it has a frame for the end of the voice"
    assert done.notes == ("0.6 s of the voice are silent: wav2lip was given noise at -72 dB there",)


def test_latentsync_works_at_25_frames_and_gives_the_clips_rate(
    tmp_path: Path, clip: Path, voice: Path, room: Path
) -> None:
    done = run(tool(LatentSync, tmp_path), clip, voice, room)
    info = probe_video(room / "out.mp4")
    assert (info.n_frames, info.frame_rate, done.measures["n_missing_frames"]) == (N, RATE, 0)
    assert [number for number, _ in shown(room / "out.mp4")] == list(range(N))
    assert "the result had 25 frames per second and was brought to 24" in done.notes


def test_what_an_older_latentsync_leaves_out_is_the_clips_own(
    tmp_path: Path, clip: Path, voice: Path, room: Path
) -> None:
    done = run(tool(LatentSync, tmp_path, "whole batches"), clip, voice, room)
    assert done.measures["n_missing_frames"] == 5  # 32 of 37 frames at 25 a second
    assert [number for number, _ in shown(room / "out.mp4")] == list(range(N))


def test_settings_reach_the_tool(tmp_path: Path, clip: Path, voice: Path, room: Path) -> None:
    provider = tool(
        Wav2Lip, tmp_path, "garbage", pads=[0, 20, 0, 0], is_static=True, arguments=["--box", "1", "2", "3", "4"]
    )
    line = " ".join(provider.command_line())
    assert line.startswith(
        f"{sys.executable} {TOOLS}/wav2lip/inference.py --checkpoint_path {tmp_path}/model.pth --face "
    )
    assert line.endswith("--outfile {output} --pads 0 20 0 0 --static True --box 1 2 3 4")
    (tmp_path / "model.pth").write_text("works")
    run(provider, clip, voice, room)
    assert [number for number, _ in shown(room / "out.mp4")] == [0] * N, "static: the first frame only"
    latent = tool(LatentSync, tmp_path, n_steps=40, guidance_scale=2.0, seed=7)
    assert " ".join(latent.command_line()).endswith("--inference_steps 40 --guidance_scale 2 --seed 7")


def test_a_command_line_of_ones_own_replaces_it(tmp_path: Path, clip: Path, voice: Path, room: Path) -> None:
    script = TOOLS / "wav2lip" / "inference.py"
    command = [sys.executable, str(script), "--checkpoint_path={checkpoint}", "--face={face}", "--audio={audio}",
               "--outfile={folder}/{output}"]  # fmt: skip
    provider = tool(Wav2Lip, tmp_path, folder="", command=command)
    assert provider.problem() == ""
    assert run(provider, clip, voice, room).n_changed == N


# --- What they do wrong ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("no face", r"^wav2lip failed with exit code 1; it said: .*Face not detected!"),
        ("ffmpeg fails", r"^wav2lip ended without an error, but wrote no result\.mp4 \(it said: .*no-such-ffmpeg"),
        ("garbage", r"^wav2lip: what it wrote can not be used: the result "),
        ("copies", r"^wav2lip: what it wrote can not be used: it is the clip that was given, unchanged"),
        ("short", r"^wav2lip: the result lasts 0\.\d+ s and the clip 1\.50 s: too much is missing"),
        ("small", r"^wav2lip: the result is 128 x 72 pixels and the clip 256 x 144"),
        ("black", r"^wav2lip: the face is blacked out in 36 of 36 frames"),
    ],
)
def test_a_bad_result_is_one_sentence(
    tmp_path: Path, clip: Path, voice: Path, room: Path, word: str, says: str
) -> None:
    with pytest.raises(PermanentError, match=says) as failed:
        run(tool(Wav2Lip, tmp_path, word), clip, voice, room)
    assert "\n" not in str(failed.value)
    assert list(room.iterdir()) == []


def test_an_older_result_is_not_taken_for_a_new_one(tmp_path: Path, clip: Path, voice: Path, room: Path) -> None:
    (room / "out.mp4").write_bytes(b"of an earlier run")
    with pytest.raises(PermanentError, match="wrote no result"):
        run(tool(Wav2Lip, tmp_path, "ffmpeg fails"), clip, voice, room)


def test_one_that_hangs_is_stopped(tmp_path: Path, clip: Path, voice: Path, room: Path) -> None:
    began = time.monotonic()
    with pytest.raises(PermanentError, match=r"wav2lip did not end within 1\.5 s and was stopped: .*loading the model"):
        run(tool(Wav2Lip, tmp_path, "hangs", time_limit_s=1.5), clip, voice, room)
    assert time.monotonic() - began < 10


def test_it_is_told_no_key(
    tmp_path: Path, clip: Path, voice: Path, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_API_KEY", KEY)
    with pytest.raises(PermanentError, match=r"it said: .*PYTHONUNBUFFERED") as failed:
        run(tool(Wav2Lip, tmp_path, "tells its environment"), clip, voice, room)
    assert KEY not in str(failed.value)


def test_the_clip_itself_is_not_touched(tmp_path: Path, clip: Path, voice: Path, room: Path) -> None:
    before = clip.read_bytes(), voice.read_bytes(), sorted(path.name for path in (TOOLS / "wav2lip").iterdir())
    run(tool(Wav2Lip, tmp_path), clip, voice, room)
    assert (clip.read_bytes(), voice.read_bytes()) == before[:2]
    assert [name for name in before[2] if name != "__pycache__"] == [
        path.name for path in sorted((TOOLS / "wav2lip").iterdir()) if path.name != "__pycache__"
    ]


# --- The voice -------------------------------------------------------------------------------------------------------


def test_silence_gets_a_noise_floor_and_sound_stays_as_it_is(tmp_path: Path) -> None:
    at_s = np.arange(2 * RATE_HZ) / RATE_HZ
    sung = 0.4 * np.sin(2 * np.pi * 220 * at_s) * (at_s < 1.0)
    soundfile.write(tmp_path / "voice.wav", sung, RATE_HZ, "FLOAT")
    quiet_s = write_heard(tmp_path / "voice.wav", tmp_path / "heard.wav", tail_s=0.5)
    heard, rate_hz = soundfile.read(tmp_path / "heard.wav", dtype="float32")
    assert (quiet_s, rate_hz, len(heard), heard.ndim) == (1.0, RATE_HZ, 2.5 * RATE_HZ, 1)
    assert soundfile.info(tmp_path / "heard.wav").subtype == "PCM_16"
    assert np.abs(heard[:RATE_HZ] - sung[:RATE_HZ]).max() < 2**-15
    floor_db = 20 * np.log10(heard[RATE_HZ:].std())
    assert floor_db == pytest.approx(-72, abs=0.5)
    assert not silence(heard[: 2 * RATE_HZ]).any()
    first = (tmp_path / "heard.wav").read_bytes()
    write_heard(tmp_path / "voice.wav", tmp_path / "heard.wav", tail_s=0.5)
    assert (tmp_path / "heard.wav").read_bytes() == first, "the same voice, the same bytes"


def test_a_voice_that_is_silent_all_along_can_be_given(tmp_path: Path, clip: Path, room: Path) -> None:
    soundfile.write(tmp_path / "voice.wav", np.zeros(66_150), 44_100, "PCM_16")
    done = run(tool(Wav2Lip, tmp_path), clip, tmp_path / "voice.wav", room)
    assert done.notes == ("1.5 s of the voice are silent: wav2lip was given noise at -72 dB there",)


def test_a_short_pause_is_no_note(tmp_path: Path, clip: Path, room: Path) -> None:
    at_s = np.arange(66_150) / 44_100
    soundfile.write(tmp_path / "voice.wav", 0.4 * np.sin(2 * np.pi * 220 * at_s) * (at_s > 0.2), 44_100, "PCM_16")
    assert run(tool(Wav2Lip, tmp_path), clip, tmp_path / "voice.wav", room).notes == ()


def test_a_voice_that_can_not_be_read_is_one_sentence(tmp_path: Path, clip: Path, room: Path) -> None:
    (tmp_path / "voice.wav").write_bytes(b"RIFF")
    with pytest.raises(PermanentError, match=r"voice\.wav"):
        run(tool(Wav2Lip, tmp_path), clip, tmp_path / "voice.wav", room)


# --- Setting them up -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"folder": ""},
            r"wav2lip is not set up: set folder under \[providers.wav2lip\] in providers.toml to where its",
        ),
        ({"folder": "/no/such"}, "there is no inference.py in /no/such; correct folder under"),
        ({"checkpoint": ""}, "wav2lip has no model: set checkpoint under"),
        ({"checkpoint": "/no/such.pth"}, "wav2lip has no model: there is no file /no/such.pth; correct checkpoint"),
        (
            {"arguments": ["--outfile=x.mp4"]},
            "wav2lip is told --outfile=x.mp4 by audio-assets: take it out of arguments",
        ),
        ({"pads": [1, 2]}, "wav2lip has 2 pads: set four under"),
        ({"time_limit_s": 0.0}, "wav2lip has no time to work: set time_limit_s"),
        ({"command": ["run", "{audio}", "{output}"]}, "is not told where its files are: put {video} into command"),
        ({"command": ["run", "{face}", "{output}"]}, "put {audio} into command"),
        ({"command": ["run", "{face}", "{audio}"]}, "put {output} into command"),
    ],
)
def test_what_is_not_set_up_is_one_sentence_and_can_be_stood_in_for(
    tmp_path: Path, settings: dict[str, Any], says: str
) -> None:
    provider = tool(Wav2Lip, tmp_path, **settings)
    with pytest.raises(Unavailable) as refused:
        provider.audio_syncer()
    assert says.replace("\\", "") in str(refused.value)
    assert provider.identity()["engine"] == "wav2lip", "a plan goes on without it"


def test_latentsync_needs_its_configuration(tmp_path: Path) -> None:
    assert tool(LatentSync, tmp_path).problem() == ""
    with pytest.raises(Unavailable, match=r"latentsync has no configuration configs/none\.yaml in its folder"):
        tool(LatentSync, tmp_path, config="configs/none.yaml").audio_syncer()


def test_their_own_files_may_be_named_from_home_and_from_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copytree(TOOLS / "latentsync", tmp_path / "latent")
    (tmp_path / "latent" / "checkpoints").mkdir()
    (tmp_path / "latent" / "checkpoints" / "latentsync_unet.pt").write_text("works")
    assert LatentSync(folder="~/latent").problem() == ""


def test_what_decides_the_bytes_is_in_the_identity(tmp_path: Path) -> None:
    plain = tool(Wav2Lip, tmp_path)
    before = plain.identity()
    assert before["checkpoint"] == sha256_of(tmp_path / "model.pth")
    assert str(tmp_path) not in str(before)
    for changed in ({"pads": [0, 20, 0, 0]}, {"is_static": True}, {"arguments": ["--fps", "30"]}, {"command": ["a"]}):
        assert tool(Wav2Lip, tmp_path, **changed).identity() != before
    for same in ({"time_limit_s": 9.0}, {"keeps_failed": True}, {"python": "/other/python"}):
        assert tool(Wav2Lip, tmp_path, **same).identity() == before
    tool(Wav2Lip, tmp_path, "black")
    assert plain.identity() != before, "another checkpoint"
    latent = tool(LatentSync, tmp_path).identity()
    assert tool(LatentSync, tmp_path, seed=3).identity() != latent
    assert tool(LatentSync, tmp_path, config="scripts/inference.py").identity() != latent
    assert "non" in plain.about().licence or "no commercial" in plain.about().licence
    assert "OpenRAIL++" in latent["licence"]


def test_a_checkpoint_is_hashed_once_as_long_as_it_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, read = tmp_path / "model.pth", []
    path.write_text("first")
    monkeypatch.setattr(lip_sync_command, "_sha256", lambda one: read.append(one) or one.read_text())
    assert [sha256_of(path), sha256_of(path), len(read)] == ["first", "first", 1]
    path.write_text("other")
    os.utime(path, ns=(1, 1))
    assert (sha256_of(path), len(read)) == ("other", 2)
    assert sha256_of(tmp_path / "none") == ""
