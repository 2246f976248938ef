"""What it costs to measure a take, and how well embeddings tell one face from others."""

import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from skimage import data

from audio_assets.domain.contact_sheet import SheetScene, SheetTake, contact_sheet, contact_strip
from audio_assets.domain.take_scores import FACE_MATCH_DISTANCE, QUALITY, Wanted
from resources.engines.face_embedding import FaceEmbedder
from resources.engines.faces import FaceFinder
from resources.engines.take_quality import measure_take
from resources.video_files import Picture, VideoWriter
from tests.bench.measuring import Figure, model

R24 = Fraction(24)
N_FRAMES, WIDTH, HEIGHT = 96, 1280, 720


def measure() -> Iterator[Figure]:
    """Speed at 720p24 with and without faces, distances of faces, and the largest contact sheet."""
    mesh, embedding = model("facemesh"), model("face_embedding")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        yield from _speed(Path(folder), mesh, embedding)
    yield from _distances(FaceFinder(mesh), FaceEmbedder(embedding))
    yield from _sheet()


def _speed(folder: Path, mesh: Path, embedding: Path) -> Iterator[Figure]:
    portrait = cv2.resize(data.astronaut()[:288], (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(folder / "ana.png"), cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR))
    with VideoWriter(folder / "clip.mp4", WIDTH, HEIGHT, R24) as writer:
        for number in range(N_FRAMES):
            writer.write(np.roll(portrait, 2 * number, axis=1))
    for what, has_faces in (("without faces", False), ("with faces", True)):
        began = time.process_time()
        measure_take(
            folder / "clip.mp4",
            Wanted(WIDTH, HEIGHT, R24, N_FRAMES),
            reference=folder / "ana.png" if has_faces else None,
            face_model_dir=mesh if has_faces else None,
            embedding_model_dir=embedding if has_faces else None,
            shows_singer=has_faces,
        )
        took_s = time.process_time() - began
        rate = N_FRAMES / float(R24) / took_s
        yield Figure(f"measuring a take, 4 s of 720p24, {what}", f"{took_s:.2f} CPU s", ratio=f"{rate:.1f} x real time")


def _distances(finder: FaceFinder, embedder: FaceEmbedder) -> Iterator[Figure]:
    astronaut = data.astronaut()

    def of(picture: Picture) -> np.ndarray | None:
        faces = finder.find(np.ascontiguousarray(picture))
        return embedder.embed(picture, faces[0].landmarks) if faces else None

    own = of(astronaut)
    turn = cv2.getRotationMatrix2D((220, 120), 25, 1)
    same = [
        astronaut[:, ::-1], (astronaut * 0.4).astype(np.uint8), cv2.warpAffine(astronaut, turn, (512, 512)),
        cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA), cv2.GaussianBlur(astronaut, (0, 0), 2),
    ]  # fmt: skip
    others = [_enlarged(small) for small in data.lfw_subset()[:60]]
    for what, pictures, is_same in (("same face", same, True), ("other faces", others, False)):
        found = [np.linalg.norm(e - own) for e in map(of, pictures) if e is not None]
        n_right = sum(bool(distance < FACE_MATCH_DISTANCE) == is_same for distance in found)
        yield Figure(
            f"embedding distance, {what} ({len(found)} of {len(pictures)} found)",
            f"{min(found):.2f} to {max(found):.2f}", f"all {'below' if is_same else 'above'} {FACE_MATCH_DISTANCE}",
            n_right == len(found),
        )  # fmt: skip


def _enlarged(small: np.ndarray) -> Picture:
    grey = cv2.resize((small * 255).astype(np.uint8), (200, 200), interpolation=cv2.INTER_CUBIC)
    picture = cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.copyMakeBorder(picture, 80, 80, 80, 80, cv2.BORDER_REPLICATE), np.uint8)


def _sheet() -> Iterator[Figure]:
    picture = cv2.resize(data.coffee(), (320, 180))
    scenes = [
        SheetScene(f"s{s:03d}", 4.0 * s, 4.0 * s + 4, "broll", "verse", tuple(
            SheetTake(f"t{t:02d}", np.roll(picture, 40 * t + 7 * s, axis=1), {QUALITY: 0.8}, is_selected=t == 1)
            for t in range(1, 7)
        ))
        for s in range(1, 97)
    ]  # fmt: skip
    for what, draw in (
        ("contact sheet, 96 scenes of 6 takes", lambda: contact_sheet("A song", scenes)),
        ("contact strip of the same", lambda: contact_strip(scenes, 400.0)),
    ):
        began = time.process_time()
        size = len(draw())
        yield Figure(what, f"{time.process_time() - began:.2f} CPU s, {size / 1000:.1f} kB")
