"""Word error rate: how far what was heard is from what was written, for English.

`comparable_words` brings both to one spelling first (figures, contractions and interjections are the same words
however they are written); `word_errors` counts, `word_error_rate` divides.
"""

import re
from collections.abc import Iterable

from rapidfuzz.distance import Levenshtein

from audio_assets.domain.spoken_text import spoken_words

_SAME = {
    "ok": "okay", "alright": "all right", "gonna": "going to", "wanna": "want to", "gotta": "got to",
    "kinda": "kind of", "umm": "um", "uhh": "uh", "hm": "hmm", "hmmm": "hmm", "mm": "hmm", "ah": "uh",
    "ahh": "uh", "mister": "mr",
    "missus": "mrs", "cannot": "can not", "oh": "o", "ooh": "o",
    "yeah": "yes", "yep": "yes", "grey": "gray", "till": "until",
    "cause": "because",
    "ugh": "uh", "huh": "uh", "eh": "uh",
}  # fmt: skip
_CONTRACTIONS = (
    (r"won't\b", "will not"), (r"can't\b", "can not"), (r"n't\b", " not"), (r"'re\b", " are"), (r"'ve\b", " have"),
    (r"'ll\b", " will"), (r"'m\b", " am"), (r"\blet's\b", "let us"),
    (r"'s\b", " is"), (r"'d\b", " would"),  # possessives too: both sides are read alike
)  # fmt: skip


def comparable_words(text: str) -> list[str]:
    """Return the words of English `text` in lower case, figures spelled out, contractions resolved, no marks."""
    said = " ".join(word.said for word in spoken_words(text, "en")).lower()
    for pattern, full in _CONTRACTIONS:
        said = re.sub(pattern, full, said)
    said = re.sub(r"[^a-z0-9' ]", " ", said).replace("'", "")
    return " ".join(_SAME.get(word, word) for word in said.split()).split()


def word_errors(reference: str, heard: str) -> tuple[int, int]:
    """Return (errors, words of the reference): substitutions, insertions and deletions.

    A word written as two (`any one`, `anyone`) is no error.
    """
    expected, actual = comparable_words(reference), comparable_words(heard)
    if "".join(expected) == "".join(actual):
        return 0, len(expected)
    return int(Levenshtein.distance(expected, actual)), len(expected)


def word_error_rate(pairs: Iterable[tuple[str, str]]) -> float:
    """Return the errors of all (reference, heard) pairs by the references' words; 0.0 when there is no word."""
    counts = [word_errors(reference, heard) for reference, heard in pairs]
    n_words = sum(n for _, n in counts)
    return sum(errors for errors, _ in counts) / n_words if n_words else 0.0
