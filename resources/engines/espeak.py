"""espeak-ng through its library: speech with exact phoneme times for some hundred languages, and IPA for their words.

Every utterance gets the library freshly loaded, because its generator carries state (noise, wave phase, flutter) from
one utterance to the next, and only a reload clears it: 2.3 ms of CPU against 2 ms for a line's synthesis. On loading
it seeds its noise, which breathy and whispering variants use, from the clock: so the seed is set to the request's.
"""

import _ctypes
import ctypes
import functools
import importlib.metadata
import os
import re
import shutil
import tempfile
import threading
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.util import Finalize
from pathlib import Path

import espeakng_loader
import numpy as np

from audio_assets.domain.phonemes import split_ipa
from audio_assets.domain.speech import Speech, SpeechError, SpeechRequest
from audio_assets.domain.spoken_text import SpokenWord, spoken_words
from audio_assets.domain.timeline import Phone, Timeline, Word

_CODE_VERSION = "1"
# Options: phoneme events, their names in IPA, no exit() when the data is missing.
_SYNCHRONOUS, _BUFFER_MS, _OPTIONS = 2, 500, 0x8003
_UTF8, _IPA_WITH_TIES = 1, 0x02 | 0x80 | (ord("^") << 8)
_RATE, _RATE_AT_1_WPM = 1, 175
_WORD_EVENT, _PHONEME_EVENT = 1, 7
_SLOWEST, _FASTEST = 0.5, 2.5
_LANGUAGES = {"en": "en-us", "fr": "fr-fr", "pt": "pt", "zh": "cmn", "es-419": "es-419", "pt-br": "pt-br"}

_lock = threading.Lock()


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))


def speak(request: SpeechRequest) -> Speech:
    """Speak `request`: int16 at 22050 Hz, the same bytes for the same request, whatever was spoken before.

    A voice is a language of `voices()`, alone or with a variant (`en-us+f3`, `fr+whisper`).

    Raises:
        SpeechError: nothing to speak, an unknown voice or language, a mix of voices, or a speed out of range.
    """
    language, variant = _voice(request)
    if not _SLOWEST <= request.speed <= _FASTEST:
        raise SpeechError(f"espeak speaks at speeds from {_SLOWEST} to {_FASTEST}, not at {request.speed}")
    respelled = {word: said for word, said in request.pronunciations if not said.startswith("/")}
    words = spoken_words(request.text, request.lang, respellings=respelled)
    if not words:
        raise SpeechError(f"there is nothing to speak in {request.text!r}")
    notes = [f"espeak can not be told IPA: {word!r} is spoken as it is spelled" for word, said in request.pronunciations
             if said.startswith("/")]  # fmt: skip
    text, starts = _text(words)
    with _library() as library:
        _set_voice(library, language, variant)
        library.lib.espeak_ng_SetRandSeed(ctypes.c_long(request.seed))
        library.lib.espeak_SetParameter(_RATE, round(_RATE_AT_1_WPM * request.speed), 0)
        pcm, events = library.synthesise(text)
    timeline = _timeline(events, [word.word for word in words], starts, len(pcm), library.sample_rate_hz)
    return Speech(pcm, library.sample_rate_hz, timeline, tuple(notes))


@functools.cache
def voices() -> tuple[str, ...]:
    """Return the languages, as espeak-ng's own language files name them; each may be followed by `+` and a variant."""
    files = (Path(espeakng_loader.get_data_path()) / "lang").rglob("*")
    named = re.compile(r"^language\s+(\S+)", re.MULTILINE)
    return tuple(
        sorted({name.lower() for path in files if path.is_file() for name in named.findall(path.read_text("utf-8"))})
    )


@functools.cache
def variants() -> tuple[str, ...]:
    """Return the names of the voice variants."""
    folder = Path(espeakng_loader.get_data_path()) / "voices" / "!v"
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_file()))


def identity() -> dict[str, str]:
    """Return everything that can change the bytes for a request."""
    return {
        "engine": "espeak-ng",
        "package": f"espeakng-loader {importlib.metadata.version('espeakng-loader')}",
        "code": _CODE_VERSION,
    }


def ipa_of_clauses(clauses: Sequence[str], lang: str) -> list[list[str]]:
    """Return the IPA of each clause as espeak's groups, in `lang`: stress marked, `^` ties the parts of one phoneme.

    A group is what espeak speaks as one: mostly a word, sometimes two (`of the`).

    Raises:
        SpeechError: espeak does not know the language.
    """
    with _library() as library:
        _set_voice(library, _language(lang), "")
        return [library.ipa(clause).split() for clause in clauses]


class _Library:
    """One freshly loaded espeak-ng."""

    def __init__(self) -> None:
        self.lib = ctypes.CDLL(_own_copy())
        data = espeakng_loader.get_data_path().encode()
        self.sample_rate_hz: int = self.lib.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, data, _OPTIONS)
        if self.sample_rate_hz <= 0:
            raise RuntimeError(f"espeak-ng could not read its data at {data.decode()}")
        self.lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._samples: list[bytes] = []
        self._events: list[tuple[int, int, int, str]] = []
        self._callback = _Callback(self._receive)
        self.lib.espeak_SetSynthCallback(self._callback)

    def synthesise(
        self, text: str
    ) -> tuple[np.ndarray[tuple[int], np.dtype[np.int16]], list[tuple[int, int, int, str]]]:
        """Return the samples and the events: (type, first sample, position in the text, phoneme)."""
        data = text.encode() + b"\0"
        status = self.lib.espeak_Synth(data, len(data), 0, 1, 0, _UTF8, None, None)
        if status != 0:
            raise RuntimeError(f"espeak-ng failed with status {status}")
        return np.frombuffer(b"".join(self._samples), np.int16), self._events

    def ipa(self, text: str) -> str:
        rest = ctypes.c_char_p(text.encode())
        found: list[str] = []
        while rest.value:
            said = self.lib.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _IPA_WITH_TIES)
            found.append((said or b"").decode())
        return re.sub(r"\([a-z-]+\)", "", " ".join(found))  # "(en)" marks a foreign word

    def _receive(self, samples: int | None, n_samples: int, events: "ctypes._Pointer[_Event]") -> int:
        if samples and n_samples:
            self._samples.append(ctypes.string_at(samples, 2 * n_samples))
        at = 0
        while events[at].type != 0:
            event = events[at]
            name = event.id.string.decode(errors="ignore") if event.type == _PHONEME_EVENT else ""
            self._events.append((event.type, event.sample, event.text_position - 1, name))
            at += 1
        return 0


@functools.cache
def _own_copy() -> str:
    """Return the path of a copy of the library that nothing else in this process loads, so that unloading unloads."""
    folder = tempfile.mkdtemp(prefix="espeak-")
    # not `atexit`: worker processes skip that
    Finalize(None, shutil.rmtree, (folder,), {"ignore_errors": True}, exitpriority=0)
    return shutil.copy(espeakng_loader.get_library_path(), folder)


@contextmanager
def _library() -> Iterator[_Library]:
    with _lock:
        library = _Library()
        try:
            yield library
        finally:
            library.lib.espeak_Terminate()
            _unload(library.lib._handle)


def _unload(handle: int) -> None:
    if os.name == "nt":
        _ctypes.FreeLibrary(handle)  # type: ignore[attr-defined, unused-ignore]
    else:
        _ctypes.dlclose(handle)


def _voice(request: SpeechRequest) -> tuple[str, str]:
    names = [name for name, weight in request.voice if weight > 0]
    if len(names) != 1:
        raise SpeechError(f"espeak can not mix voices: give one of them, not {', '.join(names) or 'none'}")
    language, _, variant = names[0].partition("+")
    if language not in voices():
        raise SpeechError(f"espeak has no voice {language!r}: a voice is a language such as en-us, fr or de")
    if variant and variant not in variants():
        raise SpeechError(f"espeak has no variant {variant!r}: there are {', '.join(variants())}")
    return language, variant


def _language(lang: str) -> str:
    return _LANGUAGES.get(lang.lower(), lang.lower())


def _set_voice(library: _Library, language: str, variant: str) -> None:
    suffix = f"+{variant}" if variant else ""
    for name in dict.fromkeys([language, language.split("-")[0]]):
        if library.lib.espeak_SetVoiceByName(f"{name}{suffix}".encode()) == 0:
            return
    raise SpeechError(f"espeak does not know the language {language!r}")


def _text(words: Sequence[SpokenWord]) -> tuple[str, list[int]]:
    """Return the text to speak and where each word starts in it."""
    text, starts = "", []
    for word in words:
        starts.append(len(text))
        text += f"{word.before}{word.said}{word.after} "
    return text, starts


def _timeline(
    events: Sequence[tuple[int, int, int, str]], words: Sequence[str], starts: Sequence[int], n_samples: int, rate: int
) -> Timeline:
    phones: list[Phone] = []
    groups: dict[int, list[Phone]] = {}  # by the word whose event came last
    current = 0
    timed = [e for e in events if e[0] in (_WORD_EVENT, _PHONEME_EVENT)]
    ends = [*(sample for kind, sample, _, _ in timed if kind == _PHONEME_EVENT), n_samples]
    n_phonemes = 0
    for kind, sample, position, name in timed:
        if kind == _WORD_EVENT:
            current = max(bisect_right(starts, position) - 1, 0)
            continue
        n_phonemes += 1
        end, symbols = ends[n_phonemes], split_ipa(name)
        if not symbols or end <= sample:
            continue
        edges = np.linspace(sample / rate, end / rate, len(symbols) + 1).tolist()
        found = [Phone(s, a, b) for s, a, b in zip(symbols, edges, edges[1:], strict=False)]
        phones += found
        groups.setdefault(current, []).extend(found)
    return Timeline(tuple(phones), tuple(_words(groups, words)), n_samples / rate)


def _words(groups: Mapping[int, Sequence[Phone]], words: Sequence[str]) -> Iterator[Word]:
    """Yield every word's time; words that espeak speaks as one share its phones by their letters."""
    present = sorted(groups)
    for at, following in zip(present, [*present[1:], len(words)], strict=True):
        first = 0 if at == present[0] else at
        members, phones = words[first:following], groups[at]
        letters = np.cumsum([0, *(len(word) for word in members)])
        cuts = np.rint(letters / letters[-1] * len(phones)).astype(int)
        for word, begin, end in zip(members, cuts, cuts[1:], strict=False):
            if end > begin:
                yield Word(word, phones[begin].t_start, phones[end - 1].t_end)
