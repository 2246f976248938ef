import os
from pathlib import Path

import pytest

from audio_assets.domain.rendering import PermanentError, Unavailable
from resources.vendors.enclosed import data_uri, media_type, name_for
from resources.vendors.fal import FalVideo
from resources.vendors.runway import RunwayVideo
from tests.servers.video_jobs import PICTURE, clip
from tests.video_desk import SHOT, TABLE

OWN = """
[[models]]
provider = "{provider}"
model = "{model}"
licence = "ours"
clip_seconds = {seconds}
[models.text.inputs]
prompt = "$prompt"
"""
VEO, WAN = "fal-ai/veo3.1", "fal-ai/wan/v2.7"


def fal(own: Path, **settings: str) -> FalVideo:
    return FalVideo(tables=[TABLE, str(own)], **settings)


def write(path: Path, provider: str = "fal", model: str = VEO, seconds: str = "[3]") -> Path:
    path.write_text(OWN.format(provider=provider, model=model, seconds=seconds))
    return path


def test_an_edited_row_makes_stale_exactly_its_model(tmp_path: Path) -> None:
    own = tmp_path / "video_models.toml"
    before = {model: fal(own).identity(model) for model in (VEO, WAN)}
    write(own)
    assert fal(own).identity(WAN) == before[WAN]
    replaced = fal(own).identity(VEO)
    assert replaced != before[VEO]
    write(own, seconds="[3, 6]")
    os.utime(own, ns=(1, 1))  # within one tick of the clock
    assert fal(own).identity(VEO) != replaced
    assert fal(own).capabilities(VEO).clip_seconds == (3, 6)
    own.unlink()
    assert fal(own).identity(VEO) == before[VEO]


def test_the_identity_holds_what_decides_the_bytes_and_no_address() -> None:
    near, far = FalVideo(tables=[TABLE]), FalVideo(tables=[TABLE], url="http://10.0.0.7:9")
    assert near.identity(VEO) == far.identity(VEO)
    assert set(near.identity(VEO)) == {"engine", "model", "row", "licence"}
    assert near.identity(VEO)["licence"].startswith("terms of fal.ai")


def test_a_second_server_of_a_kind_reads_its_own_rows_first(tmp_path: Path) -> None:
    own = write(tmp_path / "own.toml", provider="night")
    night = fal(own, called="night")
    assert night.capabilities(VEO).clip_seconds == (3,)
    assert night.models() == (VEO, WAN, "fal-ai/kling-video/v2.5-turbo/pro")
    assert fal(own).capabilities(VEO).clip_seconds == (4, 6, 8)


def test_a_row_for_every_model_asks_each_by_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY", "sk-test-0123456789")
    provider = fal(write(tmp_path / "own.toml", model="*", seconds="[8]"))
    assert provider.request("owner/app/fast", SHOT, ())["endpoint"] == "owner/app/fast"
    vendor = provider.vendor("owner/app/fast")
    assert vendor.app == "owner/app"
    assert "owner/app/fast" not in provider.models()


def test_an_order_waits_in_its_provider_s_lane_with_its_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAL_KEY", "sk-test-0123456789")
    remote = FalVideo(tables=[TABLE], called="night", at_once=3, first_look_s=7, deadline_s=90).remote(VEO, Path())
    assert remote is not None
    assert (remote.provider, remote.model, remote.lane.name, remote.lane.at_once) == ("night", VEO, "night", 3)
    assert (remote.patience.first_s, remote.patience.deadline_s) == (7, 90)


def test_a_mistake_in_the_table_is_said_and_stops_nothing_else(tmp_path: Path) -> None:
    own = tmp_path / "video_models.toml"
    own.write_text("[[models]]\nprovider = 3")
    provider = fal(own)
    assert provider.problem().startswith(f"{own}: [models 1] ")
    assert (provider.about().capability, provider.about().models) == ("video", ())
    with pytest.raises(PermanentError, match=r"\[models 1\]"):
        provider.models()
    own.unlink()
    own.mkdir()
    assert "can not be read" in provider.problem()


def test_a_provider_without_a_key_or_a_table_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNWAYML_API_SECRET", raising=False)
    with pytest.raises(Unavailable, match="runway needs a key: set RUNWAYML_API_SECRET"):
        RunwayVideo(tables=[TABLE]).remote("gen4.5", Path())
    with pytest.raises(ValueError, match="runway has no models: add one to video_models"):
        RunwayVideo().capabilities("gen4.5")


def test_what_can_not_be_asked_names_the_model(tmp_path: Path) -> None:
    provider = fal(write(tmp_path / "own.toml"))
    with pytest.raises(PermanentError, match=rf"fal {VEO} sells clips of 3 s, and one of 8 s was asked for"):
        provider.request(VEO, SHOT, ())


@pytest.mark.parametrize(
    ("head", "kind", "name"),
    [
        (PICTURE, "image/png", "x.png"), (b"\xff\xd8\xff\xe0" + bytes(20), "image/jpeg", "x.jpeg"),
        (b"RIFF0000WEBPVP8 ", "image/webp", "x.webp"), (clip(), "video/mp4", "x.mp4"),
        (b"hello", "application/octet-stream", "x.bin"), (b"", "application/octet-stream", "x.bin"),
    ],
)  # fmt: skip
def test_a_file_is_what_its_bytes_are(tmp_path: Path, head: bytes, kind: str, name: str) -> None:
    path = tmp_path / "Ana's face.txt"
    path.write_bytes(head)
    assert (media_type(path), name_for(path, "x")) == (kind, name)
    files = {"reference_image": path}
    assert data_uri("$image", files, longest=10_000, vendor="fal").startswith(f"data:{kind};base64,")
