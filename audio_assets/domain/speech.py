"""What is asked of a speech engine, and what it answers.

No engine lives here: `resources/engines` holds them, and any of them can be given any request.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_assets.domain.timeline import Timeline


class SpeechError(ValueError):
    """The request can not be spoken as it stands; the message says what, and what to do."""


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """One line to speak.

    `text` is plain (no markup, no interpolation). `lang` is a lower-case BCP 47 tag such as `en`, `en-gb`, `fr`.
    `voice` is a mix: (voice name, weight) pairs whose weights sum to 1. `pronunciations` holds only the lexicon
    words that occur in `text`: (word, respelling) or (word, "/IPA/").
    """

    text: str
    lang: str
    voice: tuple[tuple[str, float], ...]
    speed: float = 1.0
    style: str = ""
    seed: int = 0
    pronunciations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Speech:
    """Spoken audio: `pcm` is int16, mono, shape (n_samples,) at `sample_rate_hz`.

    `timeline` is the engine's own timing, None when it has none. `notes` say what was unusual ("split at 2
    sentences", "word 'xyzzy' spelled by espeak"), one sentence each.
    """

    pcm: NDArray[np.int16]
    sample_rate_hz: int
    timeline: Timeline | None
    notes: tuple[str, ...] = ()
