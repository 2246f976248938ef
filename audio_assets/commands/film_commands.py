"""What `audio-assets film` does, apart from printing: a song to its film, analysis included, without a daemon."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audio_assets.commands.music_commands import Analysed, analyze
from audio_assets.commands.opening import open_studio, where
from audio_assets.commands.running import RunReport
from audio_assets.commands.take_commands import run_film
from audio_assets.domain.money_text import dollars
from audio_assets.domain.scene_key import parse_scene_key, scene_key, song_of
from audio_assets.launch import FILM
from audio_assets.plan import plan
from audio_assets.stages.deliverables import exports
from audio_assets.studio import Studio

_PAID = {"scene_take": "takes", "lipsynced_take": "moved mouths"}
_LISTED = 10


@dataclass
class Filmed:
    """What one `film` did; `films` say of each song where its film, deliverables and pictures are."""

    analysed: Analysed | None
    run: RunReport
    films: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    estimate: str = ""

    @property
    def has_failures(self) -> bool:
        """Whether something needs attention."""
        is_analysed = self.analysed is None or not self.analysed.has_failures
        return bool(self.run.failed or self.run.is_blocked or self.waiting) or not is_analysed

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "analysis": self.analysed.as_json() if self.analysed else None,
            "films": self.films,
            "rendered": self.run.rendered,
            "cached": self.run.cached,
            "failed": self.run.failed,
            "waiting": self.waiting,
            "failed_checks": self.run.failed_checks,
            "notes": self.run.notes,
            "run_id": self.run.run_id,
        }

    def as_text(self) -> str:
        """A short report."""
        lines = self.analysed.as_text().splitlines()[:-1] if self.analysed else []
        lines += [self.estimate] if self.estimate else []
        lines += self.run.counts(FILM) or (["nothing to render: the film is up to date"] if self.films else [])
        lines += self.run.troubles()
        by_root = sorted(self.waiting, key=lambda sentence: ": waits for " in sentence)
        lines += [f"  waits: {sentence}" for sentence in by_root[:_LISTED]]
        n_more = len(self.waiting) - _LISTED
        lines += [f"  and {n_more} more; `audio-assets plan` names them"] if n_more > 0 else []
        for film in self.films:
            lines += [f"{film['song']}: {film['n_scenes']} scenes, {film['n_takes']} takes"]
            lines += [f"  {name}: {path}" for name, path in film["files"].items()]
        return "\n".join(lines)


def film(names: Sequence[str], *, retry_failed: bool, is_quiet: bool) -> Filmed:
    """Make the films of songs: registered ones by name, others by their files, which are analysed first.

    Raises:
        ValueError: a name is neither; one sentence.
    """
    studio = open_studio()
    songs = [name for name in names if name in studio.songs.records]
    paths = [Path(name) for name in names if name not in studio.songs.records]
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        known = ", ".join(studio.songs.records) or "none"
        raise ValueError(f"{missing[0]} is neither a file nor a registered song (there are {known})")
    again = [Path(studio.songs.records[song].path) for song in songs]
    there = [path for path in again if path.exists()]
    analysed = (
        analyze([*paths, *there], render=True, retry_failed=retry_failed, is_quiet=is_quiet) if paths or there else None
    )
    found = [report.song for report in analysed.registration.songs] if analysed else []
    wanted = list(dict.fromkeys([*songs, *found]))
    estimate = _estimate(open_studio(), wanted)
    run = run_film(wanted, retry_failed=retry_failed, is_quiet=is_quiet)
    studio = open_studio()
    left = plan(studio, FILM.opened(studio)).stuck
    mine = [one for one in left if song_of(one.partition) in wanted]
    run.n_waiting = 0  # those of the run are among those that are left
    run.remember(mine)
    waiting = [f"{one.asset} {one.partition}: {one.reason}" for one in mine if one.state == "waiting"]
    return Filmed(analysed, run, [_film(studio, song) for song in wanted], waiting, estimate)


def _estimate(studio: Studio, songs: Sequence[str]) -> str:
    """What will be paid, and for what, where somebody asks money for it."""
    found = plan(studio, FILM.opened(studio))
    paid = [one for one in found.stale if one.estimated_usd and song_of(one.partition) in songs]
    what = [name for asset, name in _PAID.items() if any(one.asset == asset for one in paid)]
    usd = sum(one.estimated_usd for one in paid)
    return f"estimate: {dollars(usd)} for the {' and '.join(what) or 'artifacts'} that are missing" if usd else ""


def _film(studio: Studio, song: str) -> dict[str, Any]:
    board = studio.songs.board(song)
    scenes = [scene_key(scene.id, song) for scene in board.scenes] if board else []
    files: dict[str, str] = {}
    for asset, name, label in (
        ("final_video", "film.mp4", "film"),
        ("contact_sheet", "contact_sheet.jpg", "contact sheet"),
    ):
        ref = studio.refs(asset).get(song)
        if ref is not None:
            files[label] = where(studio, f"{ref.object}/{name}")
    for partition in studio.songs.delivery_partitions():
        ref = studio.refs("deliverable").get(partition) if song_of(partition) == song else None
        sidecar = studio.store.find(ref.object) if ref else None
        if sidecar is not None:
            files[parse_scene_key(partition)[0]] = where(studio, next(iter(exports(partition, sidecar).values())))
    n_takes = sum(len(studio.takes.names(scene)) for scene in scenes)
    return {"song": song, "n_scenes": len(scenes), "n_takes": n_takes, "files": files}
