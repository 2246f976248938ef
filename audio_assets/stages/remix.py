"""Stage `remix`: a source track in another style, or a cue composed for a scene, made here or ordered elsewhere."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import dagster as dg

from audio_assets import ordering, partitions
from audio_assets.books.providerbook import named_first
from audio_assets.domain.action import Action
from audio_assets.domain.lineage import Origin
from audio_assets.domain.music.analysis import BeatGrid
from audio_assets.domain.music_ask import DEFAULT_S, MusicAsk, MusicCapabilities, check_length, check_request, music_ask
from audio_assets.domain.remix_spec import (
    RemixRequest,
    parse_remix_request,
    request_record,
    style_from_record,
    style_record,
    without_maker,
)
from audio_assets.domain.rendering import PermanentError, UpstreamError
from audio_assets.domain.schemas.song_analysis import beat_grid_from_bytes
from audio_assets.recipe import Recipe, StandIn
from audio_assets.stage import rendered_asset
from audio_assets.stages import song_sources
from audio_assets.stages.brought_files import brought
from resources.engines import song_artifacts as analysis
from resources.engines.bought_music import bought_music, is_music
from resources.music import MusicProvider
from resources.ordered import Remote
from resources.pool import Call
from resources.published import sha256_of
from resources.song_files import SongReader


@dataclass(frozen=True)
class _Job:
    """A request and who is to make it; `request` holds nothing that does not decide what is made."""

    request: RemixRequest
    provider: MusicProvider
    model: str

    @property
    def is_local(self) -> bool:
        """Whether it is made on this machine."""
        return self.provider.renderer() is not None

    @property
    def can(self) -> MusicCapabilities:
        """What the model can be asked for."""
        return self.provider.capabilities(self.model)


class MusicRemix(Recipe):
    """Makes what a remix request asks for."""

    asset = "music_remix"
    pool = "music"
    code_version = "1"
    folder = "exports/music"
    source = song_sources.RemixRequest
    fan_in = ("song_audio", "beat_grid")

    def partitions(self) -> Sequence[str]:
        """Every registered remix."""
        return list(self.studio.songs.remixes)

    def project(self, partition: str) -> str:
        """The song, where the source track is a registered one."""
        song = self.studio.songs.remix(partition).source_track
        return song if song in self.studio.songs.records else partition

    def needs(self, partition: str) -> Sequence[tuple[str, str]]:
        """The song and its beats, where the source track is a registered song."""
        song = self.studio.songs.remix(partition).source_track
        return [(asset, song) for asset in self.fan_in] if song in self.studio.songs.records else []

    def describe(self, partition: str) -> Action:
        """Who makes it, and from what: the request with the steps of its style, or with what is sent elsewhere."""
        with _one_sentence():
            return self._action(partition, self._job(partition))

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The remixer's call, or the order."""
        with _one_sentence():
            request = parse_remix_request(action.params["request"], partition)
            name, model = self._who(partition, action)
            job = _Job(request, self.studio.music(name), model)
            track, out = self._source(action, sources), self.studio.scratch_file(".wav")
            render = job.provider.renderer()
            if render is None:
                return self._order(partition, action, job, track, out)
            style = style_from_record(action.params["style"])
            return Call(render, (track, self._grid(sources.get("beat_grid", "")), request, style, out))

    def made_by(self, partition: str, action: Action, sources: Mapping[str, str]) -> Mapping[str, Any]:
        """Whoever makes it, with its model."""
        name, model = self._who(partition, action)
        return self.studio.music(name).identity(model)

    def stand_in(self, partition: str, action: Action) -> StandIn | None:
        """The provider that the request, or the studio, names for that: what it can not do is left out."""
        request = self.studio.songs.remix(partition)
        job, name = self._job(partition), request.fallback or self.studio.providers.fallback("music")
        if not name or name == job.provider.name or job.is_local:
            return None
        with _one_sentence():
            provider = self.studio.music(name)
            instead = _within(_Job(job.request, provider, _first(provider)))
            return StandIn(name, self._action(partition, instead, stands_in_for=job.provider.name))

    def remote(self, partition: str) -> Remote | None:
        """Where the music is ordered."""
        return self._remote(self._job(partition))

    def estimate_usd(self, partition: str) -> float:
        """The price of music that is ordered, 0 where it can not be."""
        request = self.studio.songs.remix(partition)
        job, source_s = self._job(partition), None
        if job.is_local:
            return 0.0
        with suppress(PermanentError, UpstreamError):
            source_s = self._known(partition, request)[1]
        seconds = request.duration_s or source_s or DEFAULT_S
        return ordering.estimate_usd(self.studio, lambda: self._remote(job), seconds=seconds)

    def sources(self, partition: str, action: Action) -> Mapping[str, str]:
        """The song's and its beats' objects, or the track's path."""
        track = self.studio.songs.remix(partition).source_track
        return super().sources(partition, action) or ({"track": track} if track else {})

    def origins(self, partition: str) -> Iterator[Origin]:
        """The request, its style, and the track where that is no registered song."""
        yield from self.studio.songs.remix_origins(partition)
        track = self.studio.songs.remix(partition).source_track
        if track and track not in self.studio.songs.records:
            yield Origin("sound", Path(track).name, track, sha256=sha256_of(self._track(track)))

    # --- Who makes it ------------------------------------------------------------------------------------------

    def _job(self, partition: str) -> _Job:
        """Who makes a remix: the request's provider and model, else the studio's, else the provider's first model."""
        request = self.studio.songs.remix(partition)
        provider = self.studio.music(request.provider)
        is_studios = provider.name == self.studio.providers.use("music")
        model = request.model or (self.studio.providers.model("music") if is_studios else "")
        return _Job(without_maker(request), provider, model or _first(provider))

    def _remote(self, job: _Job) -> Remote | None:
        """Where music is ordered.

        Raises:
            Unavailable: its provider can not be asked as things stand, or its model is retired.
        """
        found = job.provider.remote(job.model, self.studio.kept_answers)
        if found is not None:
            self.studio.price(found.provider, found.model)
        return found

    # --- What is made ------------------------------------------------------------------------------------------

    def _action(self, partition: str, job: _Job, **more: str) -> Action:
        request, provider = job.request, job.provider
        check_request(request, provider.name, job.can)
        record = {"request": request_record(request)}
        inputs = {asset: self.upstream(asset, key).content for asset, key in self.needs(partition)}
        if request.source_track and not inputs:
            inputs["track"] = sha256_of(self._track(request.source_track))
        params: dict[str, Any]
        if job.is_local:
            params = {**record, "style": style_record(self.studio.songs.style(request)), **more}
        else:
            params = {**record, "sent": dict(provider.request(job.model, self._ask(partition, job))), **more}
            inputs.pop("beat_grid", None)  # what is told of the beats is in what is sent
        return Action(self.asset, self.code_version, provider.identity(job.model), params, inputs)

    def _ask(self, partition: str, job: _Job) -> MusicAsk:
        grid, source_s = self._known(partition, job.request)
        check_length(job.request, job.provider.name, job.can, source_s)
        return music_ask(job.request, self.studio.songs.style(job.request), grid=grid, source_s=source_s)

    def _order(self, partition: str, action: Action, job: _Job, track: Path | None, out: Path) -> Call:
        remote = self._remote(job)
        if remote is None:
            raise PermanentError(f"{job.provider.name} neither makes music here nor takes orders")
        ask, project = self._ask(partition, job), self.project(partition)
        is_song = project in self.studio.songs.records
        order = ordering.order(
            self.studio, remote, action, project, action.params["sent"],
            cap_usd=self.studio.songs.settings(project).budget_cap_usd if is_song else None, seconds=ask.duration_s,
        )  # fmt: skip
        record = {
            "scene_id": job.request.scene_id, "style": job.request.target_style, "provider": job.provider.name,
            "model": job.model, **action.params,
        }  # fmt: skip
        make = partial(bought_music, ask=ask, record=record, source=track, out=out)
        files = {} if track is None else {"source": track}
        return ordering.call(self.studio, remote, order, files, self.studio.scratch_file(".answer"), make, is_music)

    # --- What it is made from ----------------------------------------------------------------------------------

    def _source(self, action: Action, sources: Mapping[str, str]) -> Path | None:
        """A local path with the source track, None where there is none."""
        if "song_audio" in sources:
            song = sources["song_audio"]
            return self.local_file(song, analysis.song_file_name(self.sidecar(song).files))
        return brought(self.studio, sources["track"], action.inputs["track"]) if "track" in sources else None

    def _who(self, partition: str, action: Action) -> tuple[str, str]:
        """The (provider, model) of an action: of several that are alike, those that the request or the studio name.

        Raises:
            PermanentError: nobody of that kind is here any more.
        """
        alike = self.studio.providers.alike("music", action.provider, lambda one, model: one.identity(model))
        if not alike:
            raise PermanentError(f"{action.provider.get('engine')} made it, and is no music provider here any more")

        def named() -> list[tuple[str, str]]:
            job = self._job(partition)
            return [(job.provider.name, job.model)]

        return named_first(alike, named)

    def _known(self, partition: str, request: RemixRequest) -> tuple[BeatGrid | None, float | None]:
        """The beats and the length in seconds of the source track, as far as they are known."""
        song = dict(self.needs(partition)).get("song_audio")
        if song is not None:
            beats, tune = self.upstream("beat_grid", song).object, self.upstream("song_audio", song).object
            return self._grid(beats), float(self.sidecar(tune).facts["duration_s"])
        if not request.source_track:
            return None, None
        track = self._track(request.source_track)
        with _one_sentence():
            return None, _length_s(track, track.stat().st_mtime_ns)

    def _grid(self, folder: str) -> BeatGrid | None:
        """The beats of the source track, where it is a registered song."""
        return beat_grid_from_bytes(self.read_one(folder, analysis.BEAT_GRID)) if folder else None

    def _track(self, path: str) -> Path:
        found = self.studio.settings.root / path  # an absolute path stays as it is
        if not found.is_file():
            known = self.studio.songs.known_songs()
            raise PermanentError(f"source_track {path} is neither a file nor a registered song (there are {known})")
        return found


@contextmanager
def _one_sentence() -> Iterator[None]:
    """Within: a request that can not be made as it stands is a failure that a retry does not mend."""
    try:
        yield
    except PermanentError:
        raise
    except ValueError as error:
        raise PermanentError(str(error)) from error


def _first(provider: MusicProvider) -> str:
    return next(iter(provider.models()), "")


def _within(job: _Job) -> _Job:
    """The job without what its provider can not do, for one that stands in."""
    request = job.request
    if not job.can.takes_lyrics:
        request = replace(request, lyrics="")
    if not job.can.takes_source_share:
        request = replace(request, source_share=None)
    return replace(job, request=request)


@lru_cache(maxsize=64)
def _length_s(path: Path, _mtime_ns: int) -> float:
    """How long a track is; some have to be decoded for that, so each is looked at once."""
    with SongReader(path) as song:
        return song.facts.duration_s


music_remix = rendered_asset(
    MusicRemix,
    "A source track in another style, or a composed cue: `exports/music/<cache_key>/remix.wav`.",
    partitions_def=partitions.remixes,
    group="remix",
    kind="wav",
    deps=[dg.AssetDep(name, partition_mapping=dg.AllPartitionMapping()) for name in MusicRemix.fan_in],
)
