"""Stage `song`: an audio file becomes its beats, onsets, energy, sections, voice and timed lyrics."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from audio_assets import partitions
from audio_assets.domain.action import Action
from audio_assets.domain.lineage import Origin
from audio_assets.domain.music.lyrics import lyrics_from_record, lyrics_record
from audio_assets.stage import rendered_asset
from audio_assets.stages import song_sources
from audio_assets.stages.brought_files import brought
from audio_assets.stages.music_recipes import THE_SONG, OfSong
from resources.engines import song_artifacts as engine
from resources.pool import Call


class SongAudio(OfSong):
    """Takes a song's bytes into the store and says what they are."""

    asset = "song_audio"
    code_version = "1"
    folder = "audio/song_audio"
    source = song_sources.SongFile
    identity = staticmethod(engine.decoders)

    def describe(self, partition: str) -> Action:
        """The file's own bytes, and who decodes them."""
        record = self.studio.songs.record(partition)
        params = {"container": Path(record.name).suffix.lower()}
        return Action(self.asset, self.code_version, self.identity(), params, {"song": record.sha256})

    def sources(self, partition: str, action: Action) -> Mapping[str, str]:
        """Where the file was found."""
        return {"song": self.studio.songs.record(partition).name}

    def origins(self, partition: str) -> Iterator[Origin]:
        """The file that was dropped."""
        yield self.studio.songs.song_origin(partition)

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """Copy, verify, decode once."""
        sha256, kept = action.inputs["song"], self.folder_of(action.key)
        path = brought(self.studio, sources["song"], sha256, song=partition, kept=kept)
        return Call(engine.song_audio, (path, sha256, self.studio.scratch_file(action.params["container"])))

    def estimate_s(self, partition: str) -> float:
        """By the file's size: 4 MB of ogg decode and measure in about a second."""
        return self.studio.songs.record(partition).size / 4e6


class SpectralFeatures(OfSong):
    """Measures the song's frames once, for everything that listens to it."""

    asset = "spectral_features"
    code_version = "1"
    folder = "audio/spectral_features"
    files = {"song_audio": THE_SONG}
    render = staticmethod(engine.spectral_features)


class BeatGrid(OfSong):
    """Finds beats, bars and tempo."""

    asset = "beat_grid"
    code_version = "2"
    folder = "audio/beat_grid"
    files = {"spectral_features": engine.FEATURES}
    render = staticmethod(engine.beat_grid)


class Onsets(OfSong):
    """Finds where notes and hits begin."""

    asset = "onsets"
    code_version = "1"
    folder = "audio/onsets"
    files = {"spectral_features": engine.FEATURES}
    render = staticmethod(engine.onsets)


class EnergyCurve(OfSong):
    """Follows how loud and full the song is."""

    asset = "energy_curve"
    code_version = "1"
    folder = "audio/energy_curve"
    files = {"spectral_features": engine.FEATURES}
    render = staticmethod(engine.energy_curve)


class Vocals(OfSong):
    """Takes the voice out of the mix, and says where one is heard."""

    asset = "vocals"
    code_version = "1"
    folder = "audio/vocals"
    files = {"song_audio": THE_SONG}

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The extractor's call."""
        return Call(engine.vocals, (*self.paths(sources).values(), self.studio.scratch_file(".flac")))


class LyricAlignment(OfSong):
    """Says when each line and word is sung: as written where times came along, else found in the voice."""

    asset = "lyric_alignment"
    code_version = "1"
    folder = "audio/lyric_alignment"
    source = song_sources.SongLyrics
    files = {"vocals": engine.VOCALS}
    identity = staticmethod(engine.lyric_aligners)

    def params(self, partition: str) -> dict[str, Any]:
        """The lyrics as they were written."""
        lyrics = self.studio.songs.lyrics(partition)
        written = lyrics_record(lyrics) if lyrics else None
        return {"lyrics": written, "language": self.studio.songs.language(partition)}

    def origins(self, partition: str) -> Iterator[Origin]:
        """The lyrics."""
        found = self.studio.songs.lyrics_origin(partition)
        return iter(()) if found is None else iter((found,))

    def call(self, partition: str, action: Action, sources: Mapping[str, str]) -> Call:
        """The aligner's call."""
        written = action.params["lyrics"]
        lyrics = None if written is None else lyrics_from_record(written)
        return Call(engine.lyric_alignment, (lyrics, action.params["language"], *self.paths(sources).values()))


class Sections(OfSong):
    """Parts the song where the music changes, and labels what repeats."""

    asset = "sections"
    code_version = "1"
    folder = "audio/sections"
    files = {
        "spectral_features": engine.FEATURES,
        "beat_grid": engine.BEAT_GRID,
        "vocals": engine.VOICE,
        "lyric_alignment": engine.LYRICS,
    }
    render = staticmethod(engine.sections)


_asset = partial(rendered_asset, partitions_def=partitions.songs, group="song")

song_audio = _asset(
    SongAudio,
    "The song's own bytes, with rate, channels, exact length and loudness.",
    kind="audio",
    deps=SongAudio.files,
)
spectral_features = _asset(
    SpectralFeatures, "Mel bands, chroma, onset strength and more, 86 times a second.", deps=SpectralFeatures.files
)
beat_grid = _asset(
    BeatGrid,
    "Every beat with its strength, the downbeats, tempo and tempo curve, and a confidence.",
    deps=BeatGrid.files,
)
onsets = _asset(Onsets, "Where notes and hits begin, with their strength.", deps=Onsets.files)
energy_curve = _asset(EnergyCurve, "How loud and full the song is over time, 0 to 1.", deps=EnergyCurve.files)
vocals = _asset(
    Vocals, "The voice taken out of the mix, sample for sample, and where one is heard.", kind="flac", deps=Vocals.files
)
lyric_alignment = _asset(
    LyricAlignment, "When each line and word is sung, with a confidence per word.", deps=LyricAlignment.files
)
sections = _asset(
    Sections, "Sections on bar lines; equal labels sound alike, types have a confidence.", deps=Sections.files
)
