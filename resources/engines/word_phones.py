"""The sounds of words whose times are known: how each is said, its sounds spread over its time, then listened for.

For voices that time their words and not their sounds, in any language. No Dagster here: this module is loaded in worker
processes. The usual lengths are `domain/word_phones.py`, the listening is `pocketsphinx.refine`.

Measured (`tests/bench/word_phones.py`), the starts of phones, spread and listened for: given true words 19 and 19 ms
against labels by hand, 15 and 6 ms against Kokoro's refined times of English, 14 to 25 and 5 to 10 ms of French,
Italian and Spanish; with words that are 50 ms off 38 and 25, 38 and 15, 32 to 43 and 14 to 22 ms. The English aligner,
which needs no word times, is 18 ms from the labels by hand: no better than this, so a voice's own words are used in
every language. Lengths by classes of sounds gained in English what they lost in the others, so there are two.
"""

import importlib.metadata

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.phonemes import nearest_arpabet, split_ipa
from audio_assets.domain.schemas.spoken import Spoken
from audio_assets.domain.timeline import Timeline
from audio_assets.domain.word_phones import spread
from resources.engines import lyric_aligner, pocketsphinx

RECIPE = "1"
"""Raise when the same words get other sounds or times."""


def identity() -> dict[str, str]:
    """Return what the sounds and their times depend on, beside audio, text and words."""
    return {
        "engine": "word_phones",
        "recipe": RECIPE,
        "espeakng-loader": importlib.metadata.version("espeakng-loader"),
        "listener": f"pocketsphinx {importlib.metadata.version('pocketsphinx')} recipe {pocketsphinx.RECIPE}",
    }


def with_phones(pcm: NDArray[np.int16], sample_rate_hz: int, spoken: Spoken) -> Timeline:
    """Return the words of `spoken` with their sounds; `pcm` is int16, mono, shape (n_samples,).

    The lexicon's pronunciations come first, then the CMU dictionary (English), then espeak-ng. A word that nothing can
    say keeps its time and has no sounds.
    """
    words = spoken.timeline.words if spoken.timeline is not None else ()
    given = {word.casefold(): said for word, said in spoken.pronunciations}
    sounds = [_sounds(given.get(word.word.casefold(), word.word), spoken.lang) for word in words]
    return pocketsphinx.refine(pcm, sample_rate_hz, spread(words, sounds, len(pcm) / sample_rate_hz))


def _sounds(said: str, lang: str) -> list[str]:
    if said.startswith("/"):
        return [sound for sound in split_ipa(said.strip("/")) if nearest_arpabet(sound)]
    ways = lyric_aligner.pronunciations(said, lang)
    return [ipa for _, ipa in ways[0]] if ways else []
