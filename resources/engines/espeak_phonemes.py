"""Text to IPA symbols by espeak-ng's rules: how a word outside the dictionary is said, in any of its languages.

The library itself is opened in `espeak.py`; here its groups become the symbols of `domain/phonemes.py`.
"""

import re
from functools import lru_cache

from audio_assets.domain.phonemes import split_ipa
from resources.engines import espeak

_LANGUAGE = re.compile(r"\([a-z-]+\)")


def phonemes(text: str, lang: str) -> list[list[str]]:
    """Return the IPA symbols of `text`, a list per word as espeak-ng divides it (it may join or split words).

    `lang` is a BCP 47 tag (`en`, `en-gb`, `fr`).

    Raises:
        SpeechError: espeak-ng does not know the language.

    """
    return [list(word) for word in _phonemes(text, lang)]


@lru_cache(maxsize=4096)
def _phonemes(text: str, lang: str) -> tuple[tuple[str, ...], ...]:
    # "^" ties the parts of one phoneme; `split_ipa` knows those that are one symbol. "(en)" only says that the word is
    # read as English, "(de)" that it is German again.
    groups = (_LANGUAGE.sub("", group.replace("^", "")) for group in espeak.ipa_of_clauses([text], lang)[0])
    words = (tuple(split_ipa(group)) for group in groups)
    return tuple(word for word in words if word)
