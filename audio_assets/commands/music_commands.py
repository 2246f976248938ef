"""What the sub-commands for songs and remixes do, apart from printing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import orjson

from audio_assets.books.song_registration import SongRegistration, find_songs, register_songs
from audio_assets.books.songbook import REMIX_SCHEMA, REMIXES
from audio_assets.commands.opening import open_studio, remarks, text_of, where
from audio_assets.commands.running import RunReport, run_here
from audio_assets.domain.lines import script_slug
from audio_assets.domain.remix_spec import RemixError, RemixRequest, parse_remix_request, request_record
from audio_assets.domain.rendering import PermanentError
from audio_assets.domain.scene_key import song_of
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.domain.toml_tables import parse_toml
from audio_assets.instance import open_instance
from audio_assets.launch import MUSIC, Order, order, sync
from audio_assets.plan import plan
from audio_assets.studio import Studio
from resources.engines.song_artifacts import BEAT_GRID, ENERGY, LYRICS, ONSETS, SECTIONS, SONG, SPECTRAL, VOICE
from resources.engines.storyboard_artifacts import STORYBOARD

_RECORDS = {
    "song_audio": SONG, "beat_grid": BEAT_GRID, "onsets": ONSETS, "energy_curve": ENERGY, "sections": SECTIONS,
    "spectral_features": SPECTRAL, "vocals": VOICE, "lyric_alignment": LYRICS, "storyboard": STORYBOARD,
}  # fmt: skip


@dataclass
class Analysed:
    """What one `analyze` did; `songs` holds the records of each song's analysis."""

    registration: SongRegistration
    run: RunReport = field(default_factory=RunReport)
    songs: list[dict[str, Any]] = field(default_factory=list)
    where: str = ""

    @property
    def has_failures(self) -> bool:
        """Whether a song or a render needs somebody's attention."""
        return bool(self.run.failed or self.run.is_blocked or self.registration.errors or self.registration.problems)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "songs": self.songs,
            "errors": self.registration.errors,
            "problems": self.registration.problems,
            "rendered": self.run.rendered,
            "cached": self.run.cached,
            "failed": self.run.failed,
            "failed_checks": self.run.failed_checks,
            "notes": self.run.notes,
            "where": self.where,
            "run_id": self.run.run_id,
        }

    def as_text(self) -> str:
        """A short report."""
        lines = [f"  left out: {error}" for error in self.registration.errors]
        lines += [f"  look at {problem}" for problem in self.registration.problems]
        nothing = "nothing rendered" if self.run.failed else "nothing to render: everything is up to date"
        lines += self.run.counts(MUSIC) or ([nothing] if self.songs else [])
        lines += self.run.troubles()
        lines += [f"  note on {one['asset']} {one['partition']}: {one['note']}" for one in self.run.notes[:10]]
        for song in self.songs:
            lines += _song_text(song)
        return "\n".join([*lines, f"artifacts: {self.where}"])


def _song_text(song: dict[str, Any]) -> list[str]:
    grid, board, lyrics = (song.get(name) or {} for name in ("beat_grid", "storyboard", "lyric_alignment"))
    lines = [f"{song['song']}:"]
    if grid:
        n_beats, n_bars = len(grid["beats"]), len(grid["downbeats"])
        lines.append(f"  {grid['bpm']:.1f} bpm, {n_beats} beats, {n_bars} bars, confidence {grid['confidence']:.2f}")
    if song.get("sections"):
        lines.append(f"  {', '.join(section['name'] for section in song['sections'])}")
    words = [word for line in lyrics.get("lyrics", {}).get("lines", ()) for word in line["words"]]
    if words:
        n_aligned = sum(word["start_time"] is not None for word in words)
        lines.append(f"  {n_aligned} of {len(words)} words of the lyrics have times")
    if board:
        lines.append(f"  {len(board['scenes'])} scenes: {song['artifacts']['storyboard']}")
    return lines


def analyze(paths: Sequence[Path], *, render: bool, retry_failed: bool, is_quiet: bool) -> Analysed:
    """Register the songs at `paths` and run the music job here for what of them is stale."""
    studio = open_studio()
    found, errors = find_songs(paths)
    if not found:
        raise ValueError("; ".join(errors))
    registration = register_songs(studio.store, found, inbox=studio.settings.song_inbox)
    registration.errors = [*errors, *registration.errors]
    done = Analysed(registration, where=studio.settings.store_url)
    names = {report.song for report in registration.songs}
    with open_instance(studio.settings) as instance:
        studio = open_studio()
        sync(instance, studio)
        if render and names:
            wanted = _wanted(instance, studio, names, retry_failed=retry_failed)
            done.run = run_here(instance, MUSIC, wanted, is_quiet=is_quiet)
            studio = open_studio()
            left = plan(studio, MUSIC.opened(studio), retry_failed=retry_failed)
            done.run.n_waiting = 0  # those of the run are among those that are left
            done.run.remember(one for one in left.stuck if song_of(one.partition) in names)
    done.songs = [_records(studio, song) for song in sorted(names)]
    return done


def _wanted(instance: dg.DagsterInstance, studio: Studio, songs: set[str], *, retry_failed: bool) -> Order:
    wanted = order(instance, studio, plan(studio, MUSIC.opened(studio), retry_failed=retry_failed), MUSIC)
    mine = {asset: [key for key in keys if song_of(key) in songs] for asset, keys in wanted.items()}
    return {asset: keys for asset, keys in mine.items() if keys}


def _records(studio: Studio, song: str) -> dict[str, Any]:
    """The records of a song's analysis by asset, with the folder of each artifact."""
    found: dict[str, Any] = {"song": song, "artifacts": {}}
    for asset, name in _RECORDS.items():
        ref = studio.refs(asset).get(song)
        data = studio.store.read(f"{ref.object}/{name}") if ref else None
        if ref is None or data is None:
            continue
        found["artifacts"][asset] = where(studio, f"{ref.object}/{name}")
        record = orjson.loads(data)
        record.pop("schema")
        found[asset] = record[asset] if set(record) == {asset} else record
    return found


def read_request(spec: Path) -> dict[str, Any]:
    """The table of a remix request's file, JSON or TOML.

    Raises:
        ValueError: it is no such file; the message says what is wrong.
    """
    if spec.suffix.lower() not in (".json", ".toml"):
        raise ValueError(f"{spec}: a remix request ends in .json or .toml")
    text = text_of(spec)
    try:
        value = orjson.loads(text) if spec.suffix.lower() == ".json" else parse_toml(text.encode(), str(spec))
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{spec} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise RemixError(f'{spec} holds no object; write {{"scene_id": ..., "target_style": ...}}')
    return value


def remix(value: dict[str, Any], name: str | None, said_in: str) -> dict[str, Any]:
    """Register a remix request as a partition and render it."""
    studio = open_studio()
    request = parse_remix_request(value, said_in)
    track = request.source_track
    if track and track not in studio.songs.records:
        value = {**value, "source_track": _found_track(studio, track)}
        request = parse_remix_request(value, said_in)
    studio.songs.style(request)
    for maker in filter(None, (request.provider, request.fallback)):
        studio.music(maker)
    partition = script_slug(name or _named(request))
    before = studio.store.read(f"{REMIXES}/{partition}.json")
    record = orjson.dumps({"schema": REMIX_SCHEMA, "name": partition, "request": request_record(request)})
    studio.store.write(f"{REMIXES}/{partition}.json", record)
    try:
        return _remixed(partition)
    except PermanentError:
        if before is None and not _may_be_ordered(partition, request):
            studio.store.delete(f"{REMIXES}/{partition}.json")
        raise


def _may_be_ordered(partition: str, request: RemixRequest) -> bool:
    """Whether somebody elsewhere was asked: what may be ordered stays registered, so that the next run goes on."""
    studio = open_studio()
    failure = studio.store.failure("music_remix", partition)
    return studio.music(request.provider).renderer() is None and failure is not None and bool(failure.action_key)


def _found_track(studio: Studio, track: str) -> str:
    found = Path(track).expanduser()
    if not found.is_file():
        known = studio.songs.known_songs()
        raise ValueError(f"{track} is neither a file nor a registered song (there are {known}); correct source_track")
    return str(found.resolve())


def _named(request: RemixRequest) -> str:
    """Scene and style, with the seed where one is given: takes of one request stand side by side."""
    seed = f"-{request.seed}" if request.seed else ""
    return f"{request.scene_id}-{request.target_style}{seed}".replace("/", "-").replace(".", "-")


def _remixed(partition: str) -> dict[str, Any]:
    studio = open_studio()
    with open_instance(studio.settings) as instance:
        sync(instance, studio)
        wanted = order(instance, studio, plan(studio, MUSIC.opened(studio), retry_failed=True), MUSIC)
        song = studio.songs.remix(partition).source_track
        mine = {
            asset: [key for key in keys if key in (partition, song)]
            for asset, keys in wanted.items()
            if asset in ("song_file", "song_audio", "spectral_features", "beat_grid", "remix_request", "music_remix")
        }
        run = run_here(instance, MUSIC, {asset: keys for asset, keys in mine.items() if keys}, is_quiet=False)
    if run.failed:
        raise PermanentError("; ".join(one["reason"] for one in run.failed))
    studio = open_studio()
    ref = studio.refs("music_remix").get(partition)
    sidecar: Sidecar | None = studio.store.find(ref.object) if ref else None
    if ref is None or sidecar is None:
        stuck = [one.reason for one in plan(studio, MUSIC.opened(studio)).stuck if one.partition == partition]
        raise PermanentError(stuck[0] if stuck else f"the remix {partition} was not rendered; see the run in the UI")
    return {
        "artifact": where(studio, f"{ref.object}/remix.wav"),
        "sidecar": where(studio, f"{ref.object}/sidecar.json"),
        "partition": partition,
        "cache_key": ref.action_key,
        "cached": not run.rendered.get("music_remix"),
        **sidecar.facts,
        **remarks(sidecar),
    }
