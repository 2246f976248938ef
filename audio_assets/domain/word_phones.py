"""The sounds of words whose times are known, where nobody has timed the sounds: spread as they usually last.

How a word is said comes from `resources/engines/word_phones.py`; singing divides a word otherwise
(`music/sung_phones.py`).
- `usual_s`: how long a sound lasts in unhurried speech
- `spread`: words and their sounds to a timeline
"""

from collections.abc import Sequence

import numpy as np

from audio_assets.domain.phonemes import VOWELS, nearest_arpabet
from audio_assets.domain.timeline import Phone, Timeline, Word

_VOWEL_S, _CONSONANT_S = 0.11, 0.07


def usual_s(ipa: str) -> float:
    """How many seconds a sound takes in unhurried speech."""
    return _VOWEL_S if nearest_arpabet(ipa) in VOWELS else _CONSONANT_S


def spread(words: Sequence[Word], sounds: Sequence[Sequence[str]], duration_s: float) -> Timeline:
    """The words with the IPA of each, `sounds`, filling its time; a word of no known sound keeps its time only."""
    phones: list[Phone] = []
    for word, said in zip(words, sounds, strict=True):
        lengths = np.cumsum([0.0, *map(usual_s, said)])
        if len(said):
            edges = word.t_start + lengths * ((word.t_end - word.t_start) / lengths[-1])
            edges[-1] = word.t_end
            phones += [
                Phone(ipa, a, b) for ipa, a, b in zip(said, edges[:-1].tolist(), edges[1:].tolist(), strict=True)
            ]
    return Timeline(tuple(phones), tuple(words), duration_s)
