"""What happens in a scene, frame by frame: the `Guide` for engines that draw it, from storyboard and analysis.

Times of the song become frames of the scene, counted from its first. Nothing is drawn here.
"""

from collections.abc import Sequence

import numpy as np

from audio_assets.domain.music.analysis import BeatGrid, Lyrics
from audio_assets.domain.music.energy import EnergyPoint
from audio_assets.domain.shot import Guide, GuideBeat, GuideCharacter, GuideWord
from audio_assets.domain.song_settings import Character, SongSettings
from audio_assets.domain.storyboard import Scene, Storyboard
from audio_assets.domain.timebase import nearest_frame

_SAME_S = 1e-4  # a downbeat is one of the beats; both are stored to a microsecond


def scene_guide(
    board: Storyboard,
    scene: Scene,
    settings: SongSettings,
    grid: BeatGrid,
    energy: Sequence[EnergyPoint],
    lyrics: Lyrics | None,
) -> Guide:
    """The guide of one scene: all of it decides what an engine that draws shows."""
    return Guide(
        title=board.title,
        artist=board.artist,
        scene_id=scene.id,
        scene_type=scene.scene_type,
        section=scene.section,
        section_type=scene.section_type,
        mood=scene.mood,
        style_preset=scene.style_preset,
        bpm=round(grid.bpm, 2),
        energy=_energy(energy, scene),
        beats=_beats(grid, scene),
        words=_words(lyrics, scene) if settings.film.shows_lyrics else (),
        characters=tuple(_character(one) for one in settings.characters if one.name in scene.characters),
        prompt_hint=scene.directive or scene.prompt_override,
        shows_card=settings.film.shows_card,
        shows_lyrics=settings.film.shows_lyrics,
    )


def _energy(curve: Sequence[EnergyPoint], scene: Scene) -> tuple[float, ...]:
    """The energy at the middle of each frame, to a hundredth: finer steps can not be seen."""
    if not curve:
        return (scene.energy,) * scene.n_frames
    rate = float(scene.frame_rate)
    middles_s = (np.arange(scene.start_frame, scene.end_frame) + 0.5) / rate
    values = np.interp(middles_s, [point.time for point in curve], [point.energy for point in curve])
    return tuple(round(float(value), 2) for value in values)


def _beats(grid: BeatGrid, scene: Scene) -> tuple[GuideBeat, ...]:
    downbeats = np.asarray(grid.downbeats)
    found: dict[int, GuideBeat] = {}
    for beat in grid.beats:
        frame = nearest_frame(beat.time, scene.frame_rate) - scene.start_frame
        if 0 <= frame < scene.n_frames and frame not in found:
            is_downbeat = bool(downbeats.size) and float(np.abs(downbeats - beat.time).min()) < _SAME_S
            found[frame] = GuideBeat(frame, round(beat.strength, 2), is_downbeat)
    return tuple(found.values())


def _words(lyrics: Lyrics | None, scene: Scene) -> tuple[GuideWord, ...]:
    found: list[GuideWord] = []
    for number, line in enumerate(lyrics.lines if lyrics else ()):
        for word in line.words:
            if word.start_time is None or word.end_time is None:
                continue
            start = max(0, nearest_frame(word.start_time, scene.frame_rate) - scene.start_frame)
            end = min(scene.n_frames, nearest_frame(word.end_time, scene.frame_rate) - scene.start_frame)
            if start < end:
                found.append(GuideWord(word.text, start, end, number))
    first = found[0].line if found else 0
    return tuple(GuideWord(w.text, w.start_frame, w.end_frame, w.line - first) for w in found)


def _character(who: Character) -> GuideCharacter:
    return GuideCharacter(
        who.name, who.description, who.face, who.signature, who.wardrobe_lock, is_primary=who.is_primary
    )
