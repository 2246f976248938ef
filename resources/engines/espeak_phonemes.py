"""Text to IPA by espeak-ng's rules: how a word outside the dictionary is said, in any of its languages.

Only text-to-phonemes: its voice is in `espeak.py`. The library keeps state and is used from this process alone, so
every call opens it, asks, and closes it again (about 10 ms): the answer depends on nothing that was asked before.
"""

import ctypes
import re
import threading
from functools import lru_cache

import espeakng_loader

from audio_assets.domain.phonemes import split_ipa

_RETRIEVAL = 1  # AUDIO_OUTPUT_RETRIEVAL: no sound device is opened
_NO_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT
_UTF8 = 1
_IPA = 0x02
_SEPARATOR = "_"
_LANGUAGE_MARK = re.compile(r"\([a-z-]+\)")  # "(en)shoo(fr)": a word read by another language
_LOCK = threading.Lock()


class UnknownLanguageError(ValueError):
    """espeak-ng has no voice for the language."""


@lru_cache(maxsize=4096)
def _phonemes(text: str, lang: str) -> tuple[tuple[str, ...], ...]:
    with _LOCK:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        try:
            library.espeak_Initialize(_RETRIEVAL, 0, espeakng_loader.get_data_path().encode(), _NO_EXIT)
            if library.espeak_SetVoiceByName(lang.encode()) != 0:
                raise UnknownLanguageError(
                    f"espeak-ng knows no language {lang!r}: give a BCP 47 tag such as 'en' or 'fr'"
                )
            said = _clauses(library, text)
        finally:
            library.espeak_Terminate()
            _close(library)
    words = (
        tuple(symbol for part in word.split(_SEPARATOR) for symbol in split_ipa(part))
        for word in " ".join(said).split()
    )
    return tuple(word for word in words if word)


def phonemes(text: str, lang: str) -> list[list[str]]:
    """The IPA symbols of `text`, one list per word as espeak-ng divides it (it may join or split words of the text).

    `lang` is an espeak-ng or BCP 47 name (`en`, `en-gb`, `fr`). Raises `UnknownLanguageError`.
    """
    return [list(word) for word in _phonemes(text, lang)]


def _clauses(library: ctypes.CDLL, text: str) -> list[str]:
    to_phonemes = library.espeak_TextToPhonemes
    to_phonemes.restype = ctypes.c_char_p
    to_phonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
    rest = ctypes.c_char_p(text.encode())
    said: list[str] = []
    while rest.value:
        clause = to_phonemes(ctypes.byref(rest), _UTF8, ord(_SEPARATOR) << 8 | _IPA)
        said.append(_LANGUAGE_MARK.sub("", (clause or b"").decode()))
    return said


def _close(library: ctypes.CDLL) -> None:
    dlclose = ctypes.CDLL(None).dlclose
    dlclose.argtypes = [ctypes.c_void_p]
    dlclose(library._handle)
