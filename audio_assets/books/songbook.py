"""Today's songs: what is registered, written beside them and shipped for all, and what that asks of each.

Here: settings, lyrics, prices, prompt templates, remix requests, current storyboards. Not here: parsing and planning
(`domain`), rendering (the stages), registering (`song_registration`).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from audio_assets.domain.action import canonical, sha256_hex
from audio_assets.domain.budget import NoPrice
from audio_assets.domain.edit import Edit, EditError, edit_list
from audio_assets.domain.lineage import Origin
from audio_assets.domain.music.analysis import Lyrics
from audio_assets.domain.music.lyrics import LyricsError, parse_lyrics
from audio_assets.domain.price_card import (
    Price,
    PriceCard,
    PriceError,
    RetiredError,
    parse_price_card,
    price_of,
    price_record,
)
from audio_assets.domain.provider_settings import EMBEDDED
from audio_assets.domain.remix_spec import (
    RemixError,
    RemixRequest,
    Style,
    parse_remix_request,
    parse_styles,
    request_record,
    style_record,
)
from audio_assets.domain.rendering import NotWanted, PermanentError, Unavailable, UpstreamError
from audio_assets.domain.scene_key import parse_scene_key, scene_key
from audio_assets.domain.scene_prompt import Templates, parse_templates, prompt_inputs
from audio_assets.domain.schemas.records import RecordError, Sidecar, read_record
from audio_assets.domain.schemas.song import SongRecord
from audio_assets.domain.schemas.storyboard import from_bytes
from audio_assets.domain.song_settings import ANIMATIC, SongSettings, parse_song_settings, settings_record
from audio_assets.domain.storyboard import Scene, Storyboard
from audio_assets.domain.timebase import format_frame_rate
from resources.engines.storyboard_artifacts import STORYBOARD
from resources.store import SIDECAR, ArtifactStore, StoreError

SONGS, REMIXES = "songs", "remixes"
REMIX_SCHEMA = "remix_request.1"
PROMPTS, PRICES, STYLES = "prompts.toml", "price_card.toml", "remix_styles.toml"

Parsed = TypeVar("Parsed")


@dataclass(frozen=True, slots=True)
class Priced:
    """The price of a song's video provider today, or why there is none."""

    price: Price | None
    problem: str = ""


class SongBook:
    """A snapshot: what it has read once it keeps, so make a new one for each run, plan or tick."""

    def __init__(
        self, store: ArtifactStore, root: Path, workflows: Path, default_video: tuple[str, str] = (ANIMATIC, ANIMATIC)
    ) -> None:
        self.store = store
        self._default_video = default_video
        self.root = root
        self.workflows = workflows
        self._settings: dict[str, SongSettings] = {}
        self._sha256s: dict[str, str] = {}
        self._boards: dict[str, Storyboard | None] = {}

    # registered songs

    @cached_property
    def records(self) -> Mapping[str, SongRecord]:
        """Every registered song by its slug, sorted.

        Raises:
            RecordError: a record is damaged; the message names it.
        """
        found: dict[str, SongRecord] = {}
        for name, data in sorted(self.store.read_all(SONGS)):
            try:
                found[name] = SongRecord.from_bytes(data)
            except RecordError as error:
                raise RecordError(f"{SONGS}/{name}.json: {error}; analyse the song again") from error
        return found

    def record(self, song: str) -> SongRecord:
        """One registered song.

        Raises:
            NotWanted: there is none of that name now.
        """
        found = self.records.get(song)
        if found is None:
            raise NotWanted(f"{song} is no registered song (retired, or never dropped)")
        return found

    def known_songs(self, at_most: int = 12) -> str:
        """The registered songs as a person reads them, the first few where there are many."""
        names = list(self.records)
        more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
        return (", ".join(names[:at_most]) or "none") + more

    def settings(self, song: str) -> SongSettings:
        """What the TOML file beside a song says; defaults where there is none.

        Raises:
            PermanentError: it can not be read; the message says where.
        """
        if song not in self._settings:
            record = self.record(song)
            try:
                self._settings[song] = parse_song_settings(
                    record.settings.encode(), record.settings_path, default_video=self._default_video
                )
            except ValueError as error:
                raise PermanentError(str(error)) from error
        return self._settings[song]

    def lyrics(self, song: str) -> Lyrics | None:
        """The lyrics as they were written, None where there are none.

        Raises:
            PermanentError: they can not be read; the message says where.
        """
        record = self.record(song)
        try:
            settings = parse_song_settings(record.settings.encode(), record.settings_path)
            text, path = (
                (record.lyrics, record.lyrics_path) if record.lyrics else (settings.lyrics, record.settings_path)
            )
            return parse_lyrics(text, path) if text.strip() else None
        except (LyricsError, ValueError) as error:
            raise PermanentError(str(error)) from error

    def language(self, song: str) -> str:
        """The language of a song's lyrics as a BCP 47 tag, "" where nobody says."""
        lyrics = self.lyrics(song)
        return self.settings(song).language or (lyrics.language if lyrics else "")

    # what is shipped, and what the studio adds to it

    @cached_property
    def prices(self) -> PriceCard:
        """The shipped price card with the data root's own rows."""
        return self._layered(PRICES, lambda data, path, base: parse_price_card(data, path, base=base))

    @cached_property
    def templates(self) -> Templates:
        """The shipped prompt templates with the data root's own presets and wording."""
        return self._layered(PROMPTS, lambda data, path, base: parse_templates(data, path, base=base))

    @cached_property
    def styles(self) -> Mapping[str, Style]:
        """The shipped remix styles with the data root's own."""
        return self._layered(STYLES, lambda data, path, base: parse_styles(data, path, base=base or {}))

    def _layered(self, name: str, parse: Callable[[bytes, str, Any], Parsed]) -> Parsed:
        """The file `name` of the workflows folder, and over it the one of the data root.

        Raises:
            PermanentError: one of them can not be read; the message says where.
        """
        shipped, own = self.workflows / name, self.root / name
        try:
            data = shipped.read_bytes()
            found = parse(data, str(shipped), None)
            if own.is_file():
                data = own.read_bytes()
                found = parse(data, str(own), found)
            self._sha256s[name] = sha256_hex(data)
        except OSError as error:
            raise PermanentError(f"{error.filename} can not be read ({error.strerror})") from error
        except ValueError as error:
            raise PermanentError(str(error)) from error
        else:
            return found

    def priced(self, song: str) -> Priced:
        """The price of the video provider and model that the song's settings name, today.

        Raises:
            PermanentError: settings or price card can not be read.
        """
        settings = self.settings(song)
        return self.price_today(settings.video_provider, settings.video_model)

    def price_today(self, provider: str, model: str) -> Priced:
        """The price of a provider's model today.

        Raises:
            PermanentError: the price card can not be read.
        """
        try:
            return Priced(price_of(self.prices, provider, model, datetime.now(UTC).date()))
        except PriceError as error:
            return Priced(None, str(error))

    def price_or_refuse(self, provider: str, model: str) -> Price:
        """The price of a provider's model today, for somebody who is about to order.

        Raises:
            Unavailable: it is retired.
            NoPrice: it has none, or the price card can not be read.
        """
        try:
            return price_of(self.prices, provider, model, datetime.now(UTC).date())
        except RetiredError as error:
            raise Unavailable(str(error)) from error
        except PriceError as error:
            raise NoPrice(f"nothing is ordered: {error}") from error

    def is_free(self, song: str) -> bool:
        """Whether the song's takes are known to cost nothing: those of its settings, and of its current storyboard.

        The two differ until the storyboard is planned anew.
        """
        board = self.board(song)
        try:
            asked = [self.priced(song)]
            asked += [self.price_today(board.video_provider, board.video_model)] if board else []
        except PermanentError:
            return False
        return all(priced.price is not None and priced.price.usd == 0 for priced in asked)

    # storyboards

    def board(self, song: str) -> Storyboard | None:
        """The current storyboard of a song, None where there is none, or it is damaged."""
        if song not in self._boards:
            self._boards[song] = self._read_board(song)
        return self._boards[song]

    def forget(self, song: str) -> None:
        """Look anew at the storyboard of a song."""
        self._boards.pop(song, None)

    def ready_board(self, song: str) -> Storyboard:
        """The current storyboard of a song.

        Raises:
            UpstreamError: there is none.
        """
        board = self.board(song)
        if board is None:
            raise UpstreamError("its storyboard is not rendered, or can not be read")
        return board

    def grade(self, song: str) -> bytes | None:
        """The look-up table that a song's settings name, None where they name none.

        Raises:
            PermanentError: it can not be read, or is not the one that was registered.
        """
        sha256 = self._grade_sha256(song)
        if not sha256:
            return None
        path = self._grade_path(song)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise PermanentError(f"{path}, the grade, can not be read ({error.strerror}): put it back") from error
        if sha256_hex(data) != sha256:
            raise PermanentError(f"{path}, the grade, was changed: run `audio-assets analyze` on the song again")
        return data

    def _grade_path(self, song: str) -> Path:
        return Path(self.record(song).path).parent / self.settings(song).film.lut

    def _grade_sha256(self, song: str) -> str:
        """The content of the look-up table as it was registered, "" where the settings name none.

        Raises:
            PermanentError: they name one that is not there.
        """
        name, files = self.settings(song).film.lut, self.record(song).files
        if name and name not in files:
            raise PermanentError(f"{self._grade_path(song)}, the grade, is no file beside the song: put it there")
        return files[name] if name else ""

    def _read_board(self, song: str) -> Storyboard | None:
        ref = self.store.refs("storyboard").get(song)
        data = None if ref is None else self.store.read(f"{ref.object}/{SIDECAR}")
        if ref is None or data is None:
            return None
        try:
            return from_bytes(self.store.read_file(ref.object, STORYBOARD, Sidecar.from_bytes(data)))
        except (StoreError, RecordError):
            return None

    @cached_property
    def unreadable(self) -> str:
        """Why a song's formats or scenes can not be read, "" where all can: they would seem to be retired."""
        for song in self.records:
            try:
                self.settings(song)
            except PermanentError as error:
                return str(error)
            if self.board(song) is None and self.store.refs("storyboard").get(song) is not None:
                return f"the storyboard of {song} is gone or damaged; analyse the song again"
        return ""

    def scene(self, partition: str) -> tuple[Storyboard, Scene]:
        """The scene of a partition and the storyboard that it stands in.

        Raises:
            NotWanted: the song's storyboard has no such scene now.
            PermanentError: there is no storyboard.
        """
        scene, song = parse_scene_key(partition)
        board = self.board(song)
        found = next((one for one in board.scenes if one.id == scene), None) if board else None
        if board is None:
            raise PermanentError(f"the storyboard of {song} is not there, or can not be read")
        if found is None:
            raise NotWanted(f"the storyboard of {song} has no scene {scene} now")
        return board, found

    def scene_partitions(self) -> list[str]:
        """Every scene of every current storyboard."""
        boards = ((song, self.board(song)) for song in self.records)
        return [scene_key(scene.id, song) for song, board in boards if board is not None for scene in board.scenes]

    def brief(self, partition: str) -> dict[str, Any]:
        """All that the prompt of a scene is built from.

        Raises:
            PermanentError: there is no such scene, or its preset or a character is not known.
        """
        board, scene = self.scene(partition)
        characters = self.settings(parse_scene_key(partition)[1]).characters
        try:
            return prompt_inputs(board, scene, characters, self.templates)
        except ValueError as error:
            raise PermanentError(str(error)) from error

    # film

    def span(self, partition: str) -> dict[str, Any]:
        """Where a scene lies.

        Raises:
            PermanentError: there is no such scene.
        """
        _, scene = self.scene(partition)
        rate = format_frame_rate(scene.frame_rate)
        return {"start_frame": scene.start_frame, "end_frame": scene.end_frame, "frame_rate": rate}

    def edits(self, song: str) -> tuple[Edit, ...]:
        """How a song's scenes are joined, in order.

        Raises:
            PermanentError: there is no storyboard, or the settings do not fit it.
        """
        board = self.ready_board(song)
        try:
            return edit_list(board.scenes, self.settings(song).film.joins, board.n_frames)
        except EditError as error:
            raise PermanentError(str(error)) from error

    def treatment(self, partition: str) -> dict[str, Any]:
        """How a scene goes into the film.

        Raises:
            PermanentError: there is no such scene, or its song's settings can not be read.
        """
        board, scene = self.scene(partition)
        song = parse_scene_key(partition)[1]
        film = self.settings(song).film
        edit = self.edits(song)[scene.order - 1]
        method, mover = scene.lip_sync_method if scene.lip_sync_enabled else None, self.settings(song).lip_sync_provider
        return {
            **self.span(partition),
            "size": board.size,
            "fit": film.fit,
            "lip_sync_method": method,
            **({"lip_sync_provider": mover} if mover and method == "post_process" else {}),
            "transition_in": asdict(edit.transition_in),
            "transition_out": asdict(edit.transition_out),
            "before": edit.before_id,
            "before_n_frames": edit.before_n_frames,
            "grade": self._grade_sha256(song),
        }

    def delivery_partitions(self) -> list[str]:
        """Every format that every song's settings name; of a song whose settings can not be read, none."""
        found: list[str] = []
        for song in self.records:
            with suppress(PermanentError):
                found += [scene_key(name, song) for name in self.settings(song).film.deliverables]
        return found

    def delivery_record(self, partition: str) -> dict[str, Any]:
        """What the settings say of one format.

        Raises:
            NotWanted: they do not name it.
            PermanentError: they can not be read.
        """
        name, song = parse_scene_key(partition)
        found = self.settings(song).film.deliverables.get(name)
        if found is None:
            raise NotWanted(f"the settings of {song} do not ask for {name}")
        return asdict(found)

    # remixes

    @cached_property
    def remixes(self) -> Mapping[str, bytes]:
        """The stored request of every remix, by partition."""
        return dict(sorted(self.store.read_all(REMIXES)))

    def remix(self, partition: str) -> RemixRequest:
        """The request of a remix partition.

        Raises:
            NotWanted: there is none.
            PermanentError: its record is damaged.
        """
        data = self.remixes.get(partition)
        if data is None:
            raise NotWanted(f"{partition} is no registered remix")
        try:
            return parse_remix_request(read_record(data, REMIX_SCHEMA)["request"], partition)
        except (RecordError, RemixError, KeyError) as error:
            raise PermanentError(f"{error}; give the request to `audio-assets remix` again") from error

    def style(self, request: RemixRequest) -> Style:
        """The style that a remix asks for.

        Raises:
            PermanentError: there is none of that name.
        """
        found = self.styles.get(request.target_style)
        if found is None:
            raise PermanentError(
                f"there is no remix style '{request.target_style}'; there are {', '.join(sorted(self.styles))}, "
                f"and {self.root / STYLES} may add more"
            )
        return found

    # origins, for lineage

    def song_origin(self, song: str) -> Origin:
        """The audio file that was dropped."""
        record = self.record(song)
        return Origin("song file", record.name, sha256=record.sha256)

    def lyrics_origin(self, song: str) -> Origin | None:
        """Where the lyrics are written, None where there are none."""
        record = self.record(song)
        if record.lyrics:
            beside = Path(record.name).with_name(Path(record.lyrics_path).name)
            return Origin("lyrics", beside.name, str(beside), sha256=sha256_hex(record.lyrics.encode()))
        return self.settings_origin(song, "lyrics", kind="lyrics") if self.settings(song).lyrics else None

    def settings_origin(self, song: str, part: str, said: str = "", kind: str = "song settings") -> Origin | None:
        """What the TOML file beside a song says in one part, None where there is no file."""
        record = self.record(song)
        if not record.settings:
            return None
        file = Path(record.name).with_name(Path(record.settings_path).name)
        return Origin(kind, part, str(file), sha256=sha256_hex(record.settings.encode()), said=said)

    def shipped_origin(self, kind: str, name: str, file: str, said: str = "") -> Origin:
        """An entry of a file that is shipped, or of the data root's own over it, which wins."""
        return Origin(kind, name, file, sha256=self._sha256s.get(file, ""), said=said)

    def price_origin(self, song: str) -> Origin:
        """The price that scenes are estimated with."""
        settings, priced = self.settings(song), self.priced(song)
        said = priced.problem if priced.price is None else priced.price.text
        return self.shipped_origin("price", f"{settings.video_provider} {settings.video_model}", PRICES, said)

    def prompt_origins(self, partition: str) -> Iterator[Origin]:
        """The preset, the characters and what a person set, for the prompt of a scene."""
        _, scene = self.scene(partition)
        song = parse_scene_key(partition)[1]
        self.templates  # noqa: B018 - reads the file
        if scene.style_preset:
            yield self.shipped_origin("prompt preset", scene.style_preset, PROMPTS)
        told = [("character", f"[characters.{name}]", "") for name in scene.characters]
        told += [("set by hand", scene.id, ", ".join(scene.overridden))] if scene.overridden else []
        for kind, name, said in told:
            found = self.settings_origin(song, name, said, kind)
            if found is not None:
                yield found

    def remix_origins(self, partition: str) -> Iterator[Origin]:
        """The request of a remix, its style, and the track where that is no registered song."""
        request = self.remix(partition)
        asked = ", ".join(part for part in (request.target_style, request.source_track, request.provider) if part)
        yield Origin("remix request", partition, sha256=sha256_hex(self.remixes[partition]), said=asked)
        self.style(request)
        yield self.shipped_origin("remix style", request.target_style, STYLES)

    # versions, for the sources of the graph

    def lyrics_version(self, song: str) -> str:
        """Over the lyrics and their language."""
        return version_of(lambda: [self.record(song).lyrics or self.settings(song).lyrics, self.language(song)])

    def plan_version(self, song: str) -> str:
        """Over everything that the storyboard takes from the settings, with the price of today."""
        return version_of(lambda: self.plan_record(song))

    def plan_record(self, song: str) -> dict[str, Any]:
        """The settings that scenes are planned from; lyrics, bibles, takes and film have stages of their own.

        Raises:
            PermanentError: settings or price card can not be read.
        """
        record = settings_record(self.settings(song))
        for name in ("lyrics", "lyrics_file", "film", "video_fallback", "lip_sync_provider", "lip_sync_fallback"):
            record.pop(name, None)
        cast = [{"name": who.name, "is_primary": who.is_primary} for who in self.settings(song).characters]
        priced = self.priced(song)
        price = None if priced.price is None else price_record(priced.price)
        return {**record, "characters": cast, "price": price, "price_problem": priced.problem}

    def brief_version(self, partition: str) -> str:
        """Over all that the prompt of a scene is built from."""
        return version_of(lambda: self.brief(partition))

    def remix_version(self, partition: str, default_provider: str) -> str:
        """Over the request, the steps of its style, and the source that it names; over who makes it and the words for
        it too, where that is not the remixer on this machine.
        """  # noqa: D205

        def record() -> list[Any]:
            request, style = self.remix(partition), self.style(self.remix(partition))
            source, maker = self.records.get(request.source_track), request.provider or default_provider
            words = [] if maker == EMBEDDED["music"] else [maker, style.prompt]
            return [request_record(request), style_record(style), source.sha256 if source else "", *words]

        return version_of(record)


def version_of(read: Callable[[], Any]) -> str:
    """The version of what `read` answers; what can not be resolved has a version of its own, that of its error."""
    try:
        return sha256_hex(canonical(read()))
    except (PermanentError, UpstreamError) as error:
        return sha256_hex(str(error).encode())
