"""Who moves mouths in tests of the graph: one who follows phonemes, a drawn singer, and one elsewhere who listens."""

import io
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import av
import numpy as np

from audio_assets.domain.animatic.mouth_sprites import MouthAnchor, MouthColours
from audio_assets.domain.lip_sync import Synced
from audio_assets.domain.provider_catalogue import About
from audio_assets.domain.schemas import rig
from audio_assets.domain.schemas.lipsync import from_bytes
from audio_assets.domain.shot import Clip, Shot
from resources.engines.take_artifacts import Generate
from resources.lip_sync import LipSyncProvider, Sync
from resources.ordered import Remote
from resources.paid_jobs import Patience
from resources.vendors.sync_so import SyncSo
from resources.video_files import probe_video, read_frames
from tests.video_fakes import ColourVideo, draw

_SKIN = MouthColours((224, 172, 138), (168, 84, 76), (92, 40, 40), (60, 18, 26), (244, 240, 230), (190, 92, 96))


class PlainMouth(LipSyncProvider):
    """Follows our phonemes as `mouth_warp` does, without its model, and writes down that it was asked."""

    folder: str

    @property
    def name(self) -> str:
        return "mouth_warp"

    def about(self) -> About:
        return About("lip_sync", "copies", "CC0-1.0", "open")

    def identity(self) -> Mapping[str, str]:
        return {"engine": "plain mouth", "licence": "CC0-1.0"}

    def syncer(self, *, drawn: bool = False) -> Sync:
        return partial(follow, folder=Path(self.folder))


def follow(clip: Path, mouth: bytes, _drawn: bytes | None, target: Path, *, folder: Path) -> Synced:
    n_frames = probe_video(clip).n_frames
    assert len(from_bytes(mouth).frames) == n_frames
    target.write_bytes(clip.read_bytes())
    with (folder / "followed.log").open("a") as log:
        log.write(f"{n_frames}\n")
    return Synced(n_frames, n_frames, n_frames, "warp")


class HurriedSyncSo(SyncSo):
    """sync.so, asked again at once."""

    def remote(self, kept: Path) -> Remote | None:
        found = super().remote(kept)
        return found and replace(found, patience=Patience(first_s=0.0, n_fetches=2))


class DrawnVideo(ColourVideo):
    """As `ColourVideo`, with a singer whose mouth has a rig."""

    def generator(self, model: str) -> Generate:
        return partial(draw_singer, folder=Path(self.folder))


def draw_singer(shot: Shot, image: Path | None, target: Path, *, folder: Path) -> Clip:
    anchor = MouthAnchor(shot.width / 2, shot.height / 2, shot.width / 10, 0.0)
    drawn = rig.Rig(shot.width, shot.height, "Ada", _SKIN, (anchor,) * shot.n_frames)
    return replace(draw(shot, image, target, folder=folder), extras={rig.FILE: rig.to_bytes(drawn)})


def with_a_mouth(clip: bytes, _voice: bytes) -> bytes:
    """The clip with a bright bar in every frame, as another encoder writes it."""
    made = io.BytesIO()
    with av.open(io.BytesIO(clip)) as source, av.open(made, "w", format="mp4") as out:
        before = source.streams.video[0]
        stream = out.add_stream("libx264", rate=before.average_rate, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = before.width, before.height, "yuv420p"
        for frame in source.decode(before):
            picture = frame.to_ndarray(format="rgb24")
            height, width = picture.shape[:2]
            picture[height // 3 : height // 2, width // 3 : width // 2] = (250, 40, 200)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    return made.getvalue()


def has_a_mouth(clip: Path) -> bool:
    """Whether `with_a_mouth` was here: in every frame."""
    pictures = list(read_frames(clip))
    height, width = pictures[0].shape[:2]
    middle = (5 * height // 12, 5 * width // 12)
    return all(bool(np.abs(picture[middle].astype(int) - (250, 40, 200)).max() < 30) for picture in pictures)
