"""Makes the demo's song, `data/examples/songs/harbour_light.ogg`: composed by our composer, spoken by Kokoro.

Run it again (`python -m tests.demo_song`) after a change that should be heard in it; it needs the model `kokoro`. The
words are those of the settings beside the song, four lines in each verse and chorus, one line every two bars.
"""

from itertools import chain
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from audio_assets.domain.dsp.loudness import measure_loudness
from audio_assets.domain.music.compose import BEATS_PER_BAR, Cue, compose_cue
from audio_assets.domain.music.lyrics import parse_lyrics
from audio_assets.domain.remix_spec import parse_styles
from audio_assets.domain.song_settings import parse_song_settings
from audio_assets.domain.speech import SpeechRequest
from audio_assets.settings import current
from resources.speech import KokoroSpeech

_REPOSITORY = Path(__file__).resolve().parent.parent
SONG = _REPOSITORY / "data" / "examples" / "songs" / "harbour_light.ogg"

_SUNG = ("verse", "chorus")
_LINES, _BARS_A_LINE = 4, 2
_VOICE_OVER_MUSIC_DB = 3.0  # of RMS where the voice sounds
_LOUDNESS_LUFS = -14.0
_DURATION_S = 125.0  # from 110 s on verses and choruses have eight bars


def main() -> None:
    """Compose, speak, mix, write."""
    settings = SONG.with_suffix(".toml")
    words = parse_lyrics(parse_song_settings(settings.read_bytes(), str(settings)).lyrics, str(settings))
    styles = parse_styles((_REPOSITORY / "workflows" / "remix_styles.toml").read_bytes(), "remix_styles.toml")
    cue = compose_cue(styles["plain"], ("bright", "driving"), 7, _DURATION_S)
    voice = _voice(cue, [line.text for line in words.lines])
    mix = cue.audio + voice[:, None]
    loudness = measure_loudness(mix, 44_100).integrated_lufs
    if loudness is None:
        raise RuntimeError("the song is silent")
    mix *= 10 ** ((_LOUDNESS_LUFS - loudness) / 20)
    mix = np.tanh(mix * 0.9) / 0.9  # a soft limit: the loudest strokes stand 3 dB over full scale
    mix *= min(1.0, 0.89 / np.abs(mix).max())
    with soundfile.SoundFile(SONG, "w", 44_100, 2, format="OGG", subtype="VORBIS", compression_level=0.75) as out:
        for block in np.array_split(mix.astype(np.float32), 64):  # libsndfile overflows its stack on one long write
            out.write(block)
    print(f"{SONG}: {len(mix) / 44_100:.1f} s, {SONG.stat().st_size / 1e6:.2f} MB, {cue.bpm:.2f} bpm, {cue.key}")


def _voice(cue: Cue, lines: list[str]) -> NDArray[np.float32]:
    """The spoken lines on their bars, as long as the cue, mono."""
    speak = KokoroSpeech(cache=str(current().cache)).speaker()
    sung = [(start_s, end_s) for name, start_s, end_s in cue.sections if name in _SUNG]
    bar_s = BEATS_PER_BAR * 60 / cue.bpm
    if any(end_s - start_s < (_LINES * _BARS_A_LINE - 0.5) * bar_s for start_s, end_s in sung):
        raise RuntimeError("a verse or chorus is too short for its lines")
    places = list(chain.from_iterable(_places(start_s, bar_s) for start_s, _ in sung))
    if len(places) != len(lines):
        raise RuntimeError(f"the song has room for {len(places)} lines, there are {len(lines)}")
    voice = np.zeros(len(cue.audio), np.float32)
    for place_s, text in zip(places, lines, strict=True):
        spoken = speak(SpeechRequest(text, "en", (("af_heart", 1.0),)))
        samples = soxr.resample(spoken.pcm.astype(np.float32) / 32768, spoken.sample_rate_hz, 44_100)
        heard = np.flatnonzero(np.abs(samples) > 0.01)[0]  # the voice itself, not the breath before it, is on the beat
        start = max(0, round(place_s * 44_100) - int(heard))
        music = cue.audio[start : start + len(samples)]
        gain = 10 ** (_VOICE_OVER_MUSIC_DB / 20) * np.sqrt(np.mean(music**2) / np.mean(samples**2))
        voice[start : start + len(samples)] += (gain * samples).astype(np.float32)[: len(voice) - start]
    return voice


def _places(start_s: float, bar_s: float) -> list[float]:
    return [start_s + number * _BARS_A_LINE * bar_s for number in range(_LINES)]


if __name__ == "__main__":
    main()
