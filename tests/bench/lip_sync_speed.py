"""How fast a clip's mouth is moved, decoding, tracking, painting, encoding and measuring the target included.

A photographed face (the astronaut of scikit-image) that slowly comes nearer and turns, 1280 x 720, in one process after
its kernels are compiled; the face is a third of the picture's height, then two thirds. Then a drawn mouth with a rig.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from audio_assets.domain.animatic.mouth_sprites import MouthAnchor, MouthColours
from audio_assets.domain.schemas import rig
from resources.engines import mouth_warp
from tests import faces
from tests.bench.measuring import Figure, model

WIDTH, HEIGHT, N_FRAMES = 1280, 720, 144
FPS_AIM = 30.0
PHRASE = faces.PHRASE * 4
COLOURS = MouthColours((224, 172, 138), (168, 84, 76), (92, 40, 40), (60, 18, 26), (244, 240, 230), (190, 92, 96))


def portrait_clip(path: Path, zoom: float) -> Path:
    """The portrait, nearer by a fifth at the end."""
    return faces.write_clip(
        path,
        (
            faces.portrait(WIDTH, HEIGHT, zoom=zoom * (1 + 0.2 * i / N_FRAMES), turn_deg=8 * np.sin(i / 30))
            for i in range(N_FRAMES)
        ),
    )


def synced_fps(clip: Path, mouth: bytes, drawn: bytes | None, model_dir: Path) -> tuple[float, str]:
    """Frames per second, and what was measured on the target; two threads, so CPU time is said beside it."""
    started, cpu_started = time.perf_counter(), time.process_time()
    done = mouth_warp.sync(clip, mouth, drawn, clip.with_suffix(".synced.mp4"), model_dir=model_dir)
    fps = done.n_frames / (time.perf_counter() - started)
    cpu_ms = 1000 * (time.process_time() - cpu_started) / done.n_frames
    measured = done.measures
    return fps, (
        f"{fps:.0f} frames/s, {cpu_ms:.0f} ms of CPU each; {done.n_with_face} of {done.n_frames} with a mouth, offset "
        f"{measured['offset_frames']} frames, open {measured['open_vowels']:.3f} on vowels, "
        f"{measured['closed_lips']:.3f} on p, b, m"
    )


def measure() -> Iterator[Figure]:
    """The rows."""
    model_dir = model("facemesh")
    mouth = faces.sung(N_FRAMES, PHRASE)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        warm_up = faces.write_clip(folder / "warm.mp4", [faces.portrait(WIDTH, HEIGHT, zoom=2.2)] * 8)
        mouth_warp.sync(warm_up, faces.sung(8, (("ɑ", 4),), lead=0), None, folder / "w.mp4", model_dir=model_dir)
        for what, zoom in (("a face of a third of 720p", 2.2), ("a face of two thirds of 720p", 4.2)):
            fps, measured = synced_fps(portrait_clip(folder / "face.mp4", zoom), mouth, None, model_dir)
            yield Figure(f"lip-sync, {what}", measured, f"over {FPS_AIM:.0f} frames/s", fps > FPS_AIM)
        ground = np.full((HEIGHT, WIDTH, 3), COLOURS.ground, np.uint8)
        clip = faces.write_clip(folder / "drawn.mp4", (ground for _ in range(N_FRAMES)))
        anchors = tuple(MouthAnchor(500.0 + i, 360.0, 160.0) for i in range(N_FRAMES))
        drawn = rig.to_bytes(rig.Rig(WIDTH, HEIGHT, "drawn", COLOURS, anchors))
        fps, measured = synced_fps(clip, mouth, drawn, model_dir)
        yield Figure("lip-sync, a drawn mouth at 720p", measured, f"over {FPS_AIM:.0f} frames/s", fps > FPS_AIM)
