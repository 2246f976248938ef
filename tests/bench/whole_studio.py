"""A data root with a little of everything, made by the embedded engines alone; and an edit of all that people write.

`n` is how many labels, names, messages, remixes, live messages and songs there are; lines, stems and scenes are more.
Films are small and short. Everything is in English, so that the aligner of this machine knows it.
"""

import hashlib
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import orjson
import soundfile

from audio_assets.backfill_job import BACKFILLED
from audio_assets.books.dialogue import MIX_SPEC_SCHEMA, MIX_SPECS
from audio_assets.books.script_registration import SourceFile, register
from audio_assets.books.song_registration import register_songs
from audio_assets.books.songbook import REMIX_SCHEMA, REMIXES
from audio_assets.books.takebook import CLIPS
from audio_assets.commands.opening import open_studio
from audio_assets.domain.live_message import NewMessage
from audio_assets.domain.mix_spec import parse_mix_spec, resolved_paths, spec_record
from audio_assets.domain.remix_spec import parse_remix_request, request_record
from audio_assets.domain.schemas.take_requests import AddedClip, RemixOrder
from audio_assets.launch import FILM
from audio_assets.recipe import Recipe
from audio_assets.render import render
from audio_assets.stages.live import MessageAudio
from tests import songs
from tests.films import RED, write_clip
from tests.ledgers import order

SIZE, FPS, SONG_S = "320x180", 12, 5.5
"""The films' size (`storyboard.SIZES` has to be patched), their frames and the songs' seconds."""
KOKORO = "Kokoro"
"""Who speaks by Kokoro; only where the model is here."""

_CAST = """
[narrator]
voice = "espeak:en-us"
[characters.Anna]
voice = "espeak:en-us+f3"
mouth = { fps = "24", shapes = "basic" }
[characters.Bo]
voice = "espeak:en-gb"
speed = 1.1
gain_db = -3
[characters.Kokoro]
voice = "af_heart"
"""
_MIX = '[pauses]\nsentence = 0.3\n[bed]\npath = "beds/rain.wav"\ngain_db = -12\n'
_SPEC: dict[str, Any] = {
    "tracks": [{"line": ""}, {"path": "beds/rain.wav", "role": "music", "loop": True, "gain_db": -9}],
    "ducking": True, "duration": 3.0,
}  # fmt: skip
_STEMS = '[name]\ncharacter = "Anna"\nlang = "en"\n[developer]\ncharacter = "Bo"\nlang = "en"\n[script]\nlang = "en"\n'
_SONG = """
title = "Harbour {n}"
artist = "the band"
language = "en"
clip_seconds = 4
frame_rate = {fps}
performance_density = 0.5
style_preset = "dreamy"
lyrics = '''
[00:01.00]Lamp on the water
[00:04.00]Boat on the sea
'''
[animatic]
lyrics = true
[film]
transition = "dissolve"
transition_frames = 4
lut = "warm.cube"
[deliverables.mp4]
subtitles = "burned"
[characters.Ada]
is_primary = true
face = "freckles, grey eyes"
reference_image = "ada.png"
[[scenes]]
at = "0:01"
scene_type = "performance"
lip_sync = true
lip_sync_method = "post_process"
directive = "wave {n} rolls in"
"""
_CUBE = "LUT_3D_SIZE 2\n" + "\n".join(f"{r * 0.9} {g} {b * 0.8}" for b in (0, 1) for g in (0, 1) for r in (0, 1))


def build(root: Path, n: int, *, has_kokoro: bool) -> None:
    """Write, register and render everything."""
    _write_dialogue(root, n, has_kokoro=has_kokoro)
    _write_stems(root, n)
    _write_songs(root, n)
    _write_remixes(root, n)
    _render_all()
    _ask_takes(root)
    for song in open_studio().songs.records:  # what a report of costs tells
        open_studio().ledger.reserve(order(f"key-{song}", project=song, estimate_usd="0.10"))
    for recipe in FILM.opened(open_studio()):
        _render(recipe)
    _speak_live(n)


def edit(root: Path) -> None:
    """Change all that people write, so that hardly anything would be rendered the same; nothing is rendered."""
    (root / "cast.toml").write_text('[narrator]\nvoice = "espeak:fr"\nspeed = 1.3\nmouth = { fps = "30" }\n')
    (root / "lexicon.toml").write_text('[en]\nharbour = "docks"\n')
    (root / "mix.toml").write_text("target_lufs = -23\n[pauses]\nsentence = 2.0\n")
    _register_script("play.txt", "== other ==\nAnna: Nothing is left of it.\n")
    for path in open_studio().store.list(MIX_SPECS):
        open_studio().store.delete(path)
    (root / "stems.toml").write_text('[name]\nlang = "fr"\n')
    (root / "datasets" / "names.txt").write_text("Somebody\n")
    (root / "datasets" / "scripts.json").write_bytes(orjson.dumps([{"value": "script 0", "text": "Quite another."}]))
    own = root / "workflows" / "messages"
    own.mkdir(parents=True)
    (own / "double_anchor.json").write_text('{"gap_ms": 5, "parts": [{"stem": "developer"}]}')
    (root / "messages" / "all.csv").write_text("template,name,developer\n")
    (root / "live.toml").write_text('engine = "espeak"\nvoice = "fr"\nspeed = 2.0\n')
    (root / "prompts.toml").write_text('[presets.dreamy]\ntext = "Style: a dream in ink."\n')
    (root / "remix_styles.toml").write_text("[lofi]\ntarget_lufs = -20\nsteps = []\n")
    price = 'provider = "animatic"\nmodel = "animatic"\nusd_per_second = 0.02\nvalid_from = 2020-01-01\n'
    (root / "price_card.toml").write_text(f"[[prices]]\n{price}")
    inbox = root / "inbox" / "songs"
    for path in inbox.glob("*.toml"):
        text = re.sub(r"\[film\].*?\[deliverables.mp4\]", "[deliverables.square]", path.read_text(), flags=re.DOTALL)
        for old, new in (("Harbour", "Other"), ("[00:01.00]Lamp", "[00:02.00]Torch"), ("grey eyes", "one eye"),
                         (f"frame_rate = {FPS}", "frame_rate = 25"), ("post_process", "native"),
                         ('reference_image = "ada.png"\n', "")):  # fmt: skip
            text = text.replace(old, new)
        path.write_text(text)
    register_songs(open_studio().store, sorted(inbox.glob("*.flac")), inbox=inbox)
    for name in list(open_studio().songs.remixes):
        request = {"scene_id": "other", "target_style": "ambient", "duration_s": 9}
        _write_record(f"{REMIXES}/{name}.json", REMIX_SCHEMA, name, request=request)
    takes = open_studio().takes
    for scene in takes.listed()[::2]:
        takes.review(scene, {"take": "t01", "by": "eve", "user_score": 1})
        takes.choose(scene, "t01", by="eve")
        takes.ask(scene, lambda before: before.with_number(3))


def _write_dialogue(root: Path, n: int, *, has_kokoro: bool) -> None:
    (root / "cast.toml").write_text(_CAST)
    (root / "lexicon.toml").write_text('[en]\nharbour = "harbor"\n')
    (root / "mix.toml").write_text(_MIX)
    _write_tone(root / "beds" / "rain.wav", 2.0)
    rows = [f"== label{k} ==\nAnna: Line {k} of the harbour.\nBo: So it is, {k} times." for k in range(n)]
    rows += [f"== spoken ==\n{KOKORO}: The boat is late.\n{KOKORO}: Put out the lamp."] if has_kokoro else []
    _register_script("play.txt", "\n".join(rows))
    lines = list(open_studio().dialogue.cues)
    spec = {**_SPEC, "tracks": [{"line": lines[0]}, _SPEC["tracks"][1]]}
    _write_record(f"{MIX_SPECS}/trailer.json", MIX_SPEC_SCHEMA, "trailer",
                  spec=spec_record(resolved_paths(parse_mix_spec(spec, "trailer"), str(root))))  # fmt: skip


def _register_script(name: str, text: str) -> None:
    register(open_studio().store, [SourceFile(name, text.encode())], variables={}, default_lang="en")


def _write_stems(root: Path, n: int) -> None:
    (root / "stems.toml").write_text(_STEMS)
    (root / "datasets").mkdir()
    (root / "messages").mkdir()
    (root / "datasets" / "names.txt").write_text("\n".join(f"Name {_word(k)}" for k in range(n)))
    (root / "datasets" / "developers.txt").write_text("Lumbre\nFaro")
    (root / "datasets" / "scripts.json").write_bytes(orjson.dumps([{"value": "script 0", "text": "Thank you all."}]))
    book = open_studio().stems
    developers = book.of_kind("developer")
    rows = [f"double_anchor,{name},{developers[k % 2]}" for k, name in enumerate(book.of_kind("name"))]
    (root / "messages" / "all.csv").write_text("\n".join(["template,name,developer", *rows]))


def _write_songs(root: Path, n: int) -> None:
    inbox = root / "inbox" / "songs"
    inbox.mkdir(parents=True)
    (inbox / "warm.cube").write_text(_CUBE)
    cv2.imwrite(str(inbox / "ada.png"), np.full((64, 64, 3), 128, np.uint8))
    for k in range(n):
        made = songs.constant(bpm=100.0 + k, duration_s=SONG_S)
        soundfile.write(inbox / f"song{k}.flac", made.audio, made.sample_rate_hz)
        (inbox / f"song{k}.toml").write_text(_SONG.format(n=k, fps=FPS))
    done = register_songs(open_studio().store, sorted(inbox.glob("*.flac")), inbox=inbox)
    if done.problems or done.errors:
        raise RuntimeError("; ".join([*done.problems, *done.errors]))


def _write_remixes(root: Path, n: int) -> None:
    """Of songs, of a file that is no song, and composed ones."""
    _write_tone(root / "beds" / "track.wav", 6.0)
    for k in range(n):
        track = {0: f"song{k}", 1: "beds/track.wav"}.get(k % 3, "")
        style = ("lofi", "nightcore")[k % 2]
        request = {"scene_id": f"scene{k}", "target_style": style, "source_track": track, "seed": k, "duration_s": 5}
        _write_record(f"{REMIXES}/remix{k}.json", REMIX_SCHEMA, f"remix{k}",
                      request=request_record(parse_remix_request(request, "here")))  # fmt: skip


def _ask_takes(root: Path) -> None:
    """A remix, a clip of one's own, a review and a choice in some scenes."""
    studio = open_studio()
    takes, scenes = studio.takes, studio.songs.scene_partitions()
    clip = write_clip(root / "own.mp4", 60, RED, size=(320, 180), rate=Fraction(FPS))
    sha256 = hashlib.sha256(clip.read_bytes()).hexdigest()
    studio.store.write(f"{CLIPS}/{sha256}.mp4", clip.read_bytes())
    for scene in scenes[::3]:
        takes.ask(scene, lambda before: before.with_remix(RemixOrder("t01", "make it night")))
    for scene in scenes[1::3]:
        takes.ask(scene, lambda before: before.with_clip(AddedClip(sha256, ".mp4", "own.mp4", "by hand")))
    for scene in scenes[::2]:
        takes.review(scene, {"take": "t01", "by": "ana", "user_score": 4, "note": f"good {scene}"})
        takes.choose(scene, "t01", by="ana", note="the best")


def _speak_live(n: int) -> None:
    studio = open_studio()
    (studio.settings.root / "live.toml").write_text('engine = "espeak"\nvoice = "en-us"\nlanguage = "en"\n')
    studio = open_studio()
    studio.live.queue.add([NewMessage("ana", f"Hello number {k}", "mention", None) for k in range(n)], source="bench")
    recipe = MessageAudio(studio)
    _check(recipe, recipe.take_on(recipe.partitions()))


def _render_all() -> None:
    for pipeline in BACKFILLED:
        for recipe in pipeline.opened(open_studio()):
            _render(recipe)


def _render(recipe: Recipe) -> None:
    _check(recipe, recipe.partitions())


def _check(recipe: Recipe, partitions: Any) -> None:
    failed = [one for one in render(recipe, partitions, run_id="bench") if one.failure]
    if failed:
        raise RuntimeError(f"{recipe.asset} {failed[0].partition}: {failed[0].failure and failed[0].failure.reason}")


def _write_record(path: str, schema: str, name: str, **told: Any) -> None:
    open_studio().store.write(path, orjson.dumps({"schema": schema, "name": name, **told}))


def _write_tone(path: Path, seconds: float) -> None:
    path.parent.mkdir(exist_ok=True)
    t = np.arange(round(seconds * 44_100)) / 44_100
    noise = np.random.default_rng(1).normal(0, 0.05, len(t))
    soundfile.write(path, (0.2 * np.sin(2 * np.pi * 220 * t) + noise).astype(np.float32), 44_100)


def _word(number: int) -> str:
    """A word per number, which can be spoken."""
    digits = (number // 144, number // 12 % 12, number % 12)
    return "".join("bdfgklmnprst"[digit] + "aeiou"[digit % 5] for digit in digits)


def sampled(folders: list[str], at_most: int) -> Iterator[str]:
    """At most so many, spread evenly."""
    step = max(1.0, len(folders) / at_most)
    yield from (folders[int(k * step)] for k in range(min(at_most, len(folders))))
