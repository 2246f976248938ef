"""Times that a vendor tells of its own speech, as a timeline of the text's own words and our phonemes.

A vendor times what it has read: tokens with their marks, respelled words, numbers written out, single characters. Here
they become the words as they stand in the text (`alignment_text.text_words`), in order, inside the audio, never
overlapping. Times are seconds.
- `words_of_tokens`, `words_of_characters`: to the words of a text
- `phones_of_symbols`: IPA strings to phones
"""

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from rapidfuzz.distance import Levenshtein

from audio_assets.domain.alignment_text import text_words
from audio_assets.domain.phonemes import nearest_arpabet, split_ipa
from audio_assets.domain.timeline import Phone, Word

_LATE_S = 0.25
"""By how much times may reach past the audio: vendors round, and cut the silence at the end."""
_BACK_S = 0.05
_SHORTEST_S = 0.001  # stored times are rounded to 0.1 ms
_LEAST_TIMED = 0.5
_LEAST_ALIKE, _ENOUGH_LETTERS = 0.6, 20
"""Of the letters of a text so many are said as they are written; of 90 pairs of other sentences at most a half happen
to be the same. A short text may be one respelled word and little more."""

Entry = TypeVar("Entry", Word, Phone)


class WordTimesError(ValueError):
    """The times do not belong to the text or the audio; the message says in one sentence why."""


class CutOffError(WordTimesError):
    """The times go on after the audio's end: it did not come whole."""


@dataclass(frozen=True, slots=True)
class _Letter:
    """A letter at `[t_start, t_end)`, which token number `first` (to `last`) says; `is_alike`: as this very letter."""

    letter: str
    is_alike: bool
    first: int
    last: int
    t_start: float
    t_end: float


def words_of_tokens(text: str, lang: str, tokens: Sequence[Word], duration_s: float) -> tuple[Word, ...]:
    """The words of `text` with the times of `tokens`; words that were not said are left out.

    Letters are matched, so that marks, case, accents and splitting do not matter; where other letters were said (a
    respelling, a number in words) the words share the time of what stands in their place.

    Raises:
        CutOffError: times after the audio's end.
        WordTimesError: times that fall, or tokens of another text.
    """
    _check([(token.word, token.t_start, token.t_end) for token in tokens if _plain(token.word)], duration_s)
    words = text_words(text, lang)
    letters = _letters_of([word.word for word in words], tokens)
    if words and (len(letters) < _LEAST_TIMED * len(words) or _is_of_another(letters.values())):
        heard = " ".join(token.word for token in tokens)
        raise WordTimesError(f"the words that came with the audio are not those of the text: {heard[:60]!r}")
    n_words_of = Counter(n for own in letters.values() for n in range(own[0].first, own[-1].last + 1))
    timed: list[Word] = []
    for index, own in letters.items():
        first, last = own[0], own[-1]
        # A token that no other word has is the word's from end to end, whatever letters of it matched.
        start = tokens[first.first].t_start if n_words_of[first.first] == 1 else first.t_start
        end = tokens[last.last].t_end if n_words_of[last.last] == 1 else last.t_end
        timed.append(Word(words[index].word, start, end))
    return tuple(_rising(timed, duration_s))


def words_of_characters(
    text: str, lang: str, characters: Sequence[str], starts: Sequence[float], ends: Sequence[float], duration_s: float
) -> tuple[Word, ...]:
    """The words of `text` by the times of single characters: exact where they are the text's own.

    Raises:
        WordTimesError: as `words_of_tokens`, and lists of different lengths.
    """
    if not len(characters) == len(starts) == len(ends):
        raise WordTimesError(
            f"the times do not fit the {len(characters)} characters: {len(starts)} starts, {len(ends)} ends"
        )
    timed = [Word(*entry) for entry in zip(characters, starts, ends, strict=True)]
    if "".join(characters) != text:
        tokens = (list(group) for is_space, group in groupby(timed, lambda c: c.word.isspace()) if not is_space)
        joined = [Word("".join(c.word for c in token), token[0].t_start, token[-1].t_end) for token in tokens]
        return words_of_tokens(text, lang, joined, duration_s)
    _check([(c.word, c.t_start, c.t_end) for c in timed if not c.word.isspace()], duration_s)
    of_place = [c for c in timed for _ in c.word]
    found = [Word(w.word, of_place[w.start].t_start, of_place[w.end - 1].t_end) for w in text_words(text, lang)]
    return tuple(_rising(found, duration_s))


def phones_of_symbols(
    symbols: Sequence[str], starts: Sequence[float], ends: Sequence[float], duration_s: float
) -> tuple[Phone, ...]:
    """Phones of IPA strings; one that holds several sounds is shared among them, one that holds none is silence.

    Raises:
        CutOffError: times after the audio's end.
        WordTimesError: times that fall, or lists of different lengths.
    """
    if not len(symbols) == len(starts) == len(ends):
        raise WordTimesError(
            f"the times do not fit the {len(symbols)} phonemes: {len(starts)} starts, {len(ends)} ends"
        )
    entries = list(zip(symbols, starts, ends, strict=True))
    _check(entries, duration_s)
    phones: list[Phone] = []
    for symbol, start, end in entries:
        sounds = [sound for sound in split_ipa(symbol) if nearest_arpabet(sound)]
        if symbol.isascii() and len(symbol) > 2:  # "sil", "spn", "<eps>": no IPA of so many letters is a phoneme
            continue
        step = (end - start) / max(len(sounds), 1)
        phones += [Phone(sound, start + n * step, start + (n + 1) * step) for n, sound in enumerate(sounds)]
    return tuple(_rising(phones, duration_s))


def _check(entries: Sequence[tuple[str, float, float]], duration_s: float) -> None:
    """Refuse times that can not be: a listener would see a mouth that moves beside its voice."""
    latest = 0.0
    for name, start, end in entries:
        if not (math.isfinite(start) and math.isfinite(end)) or start < -_BACK_S or end < start - _BACK_S:
            raise WordTimesError(f"'{name}' is timed from {start} s to {end} s, which is no time in the audio")
        if start < latest - _BACK_S:
            raise WordTimesError(f"'{name}' is timed at {start:.3f} s, before what stands in front of it")
        latest = max(latest, start)
    end_s = max((end for _, _, end in entries), default=0.0)
    if end_s > duration_s + _LATE_S:
        raise CutOffError(f"the audio is cut off: it lasts {duration_s:.2f} s, and its last word ends at {end_s:.2f} s")


def _letters_of(words: Sequence[str], tokens: Sequence[Word]) -> dict[int, list[_Letter]]:
    """What was said for the letters of each word that was said, by the word's number."""
    wanted = [(letter, index) for index, word in enumerate(words) for letter in _letters(word)]
    signs = {word for word in words if not _plain(word)}
    heard = [letter for number, token in enumerate(tokens) for letter in _spelled(number, token, signs)]
    found: dict[int, list[_Letter]] = {}
    for (_, index), letter in zip(wanted, _matched([c for c, _ in wanted], heard), strict=True):
        if letter is not None:
            found.setdefault(index, []).append(letter)
    # A word that was not said may still share a letter with what was.
    return {n: own for n, own in found.items() if len(own) >= _LEAST_TIMED * len(_letters(words[n]))}


def _is_of_another(found: Iterable[Sequence[_Letter]]) -> bool:
    """Whether too few letters are alike for it to be the same text; numbers are said in other letters anyway."""
    letters = [letter.is_alike for own in found for letter in own if letter.letter.isalpha()]
    return len(letters) >= _ENOUGH_LETTERS and sum(letters) < _LEAST_ALIKE * len(letters)


def _letters(word: str) -> str:
    return _plain(word) or word


def _plain(text: str) -> str:
    """Letters and digits without case and accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", text).casefold() if c.isalnum())


def _spelled(number: int, token: Word, signs: Iterable[str]) -> Iterator[_Letter]:
    """The token's letters, each with its share of the time; a sign counts where the text has it as a word."""
    letters = _plain(token.word) or (token.word.strip() if token.word.strip() in signs else "")
    step = (token.t_end - token.t_start) / max(len(letters), 1)
    for n, letter in enumerate(letters):
        yield _Letter(letter, True, number, number, token.t_start + n * step, token.t_start + (n + 1) * step)


def _matched(wanted: Sequence[str], heard: Sequence[_Letter]) -> list[_Letter | None]:
    """What was said for each wanted letter, with its time; None for one in whose place nothing was said."""
    found: list[_Letter | None] = [None] * len(wanted)
    edits = Levenshtein.opcodes("".join(wanted), "".join(letter.letter for letter in heard))
    for is_equal, group in groupby(edits, lambda edit: edit.tag == "equal"):
        run = list(group)
        first, last = run[0], run[-1]
        if is_equal:
            for n in range(first.src_start, last.src_end):
                found[n] = heard[first.dest_start + n - first.src_start]
        elif first.dest_start < last.dest_end and first.src_start < last.src_end:
            said = heard[first.dest_start : last.dest_end]
            n_wanted = last.src_end - first.src_start
            step = (said[-1].t_end - said[0].t_start) / n_wanted
            for n in range(n_wanted):
                start = said[0].t_start + n * step
                share = said[n * len(said) // n_wanted], said[max((n + 1) * len(said) - 1, 0) // n_wanted]
                found[first.src_start + n] = _Letter(
                    wanted[first.src_start + n], False, share[0].first, share[1].last, start, start + step
                )
    return found


def _rising(entries: Sequence[Entry], duration_s: float) -> Iterator[Entry]:
    """The entries inside the audio, each beginning no earlier than the one before it ends."""
    at = 0.0
    for entry in entries:
        start, end = max(entry.t_start, at), min(entry.t_end, duration_s)
        if end - start >= _SHORTEST_S:
            yield type(entry)(entry.word if isinstance(entry, Word) else entry.phoneme, start, end)
            at = end
