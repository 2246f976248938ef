"""Enhanced LRC, what music players read: a stamp before every word. How it is written is in `domain/music/lyrics.py`.

Text that would be read as a stamp ("[00:01.00]") gets an invisible word joiner (U+2060) after its bracket.
"""

import re
from collections.abc import Sequence

from audio_assets.domain.music.analysis import LyricLine, Lyrics, LyricWord
from audio_assets.domain.music.lyrics import lrc_text
from audio_assets.domain.subtitles.cues import Cue, CueWord
from audio_assets.domain.subtitles.notation import JOINER

_BRACKET = re.compile(r"[<\[](?=\s*\d)")


def enhanced_lrc_text(cues: Sequence[Cue], language: str = "") -> str:
    """Return the cues as a file in which every word has its time; those of guessed words too.

    A line begins with its first word, not with its cue, for players show lines ahead anyway.
    """
    return lrc_text(Lyrics(tuple(_line(cue) for cue in cues if cue.words), "enhanced_lrc", language))


def _line(cue: Cue) -> LyricLine:
    words: list[CueWord] = []
    for word in cue.words:
        if word.is_glued and words:
            whole = words.pop()
            words.append(CueWord(whole.text + word.text, whole.start_ms, word.end_ms))
        else:
            words.append(word)
    timed = tuple(LyricWord(_shown(word.text), word.start_ms / 1000, word.end_ms / 1000, 1.0) for word in words)
    return LyricLine(_shown(cue.text), timed, timed[0].start_time, timed[-1].end_time)


def _shown(text: str) -> str:
    return _BRACKET.sub(lambda bracket: bracket[0] + JOINER, text)
