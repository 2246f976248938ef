"""A text as it is sent to a voice that takes no lexicon: with the lexicon's words written as they are to be said.

Which words those are is the lexicon's business (`lexicon.py`); what a vendor's notation looks like is the vendor's.
"""

import re
from collections.abc import Callable, Sequence

_APOSTROPHES = "'’‘ʼ"

Write = Callable[[str, str], str | None]
"""(the word as the text has it, its IPA without slashes) -> what to send; None where the voice can not be told IPA."""


def no_ipa(_word: str, _ipa: str) -> str | None:
    """For a voice that knows no notation for IPA."""
    return None


def pronounced(text: str, pronunciations: Sequence[tuple[str, str]], write_ipa: Write) -> tuple[str, tuple[str, ...]]:
    """`text` with its words as `pronunciations` say them, and the words that stay as they are spelled.

    A pronunciation is (word, respelling) or (word, "/IPA/"); whole words are replaced, in any case, each place once.
    """
    said = {_folded(word): spoken for word, spoken in pronunciations}
    if not said:
        return text, ()
    left: dict[str, None] = {}

    def written(match: re.Match[str]) -> str:
        word = match.group()
        spoken = said.get(_folded(word), word)  # "İ" matches an "i" that it is not the capital of
        if not spoken.startswith("/"):
            return spoken
        sent = write_ipa(word, spoken.strip("/"))
        if sent is None:
            left[word] = None
            return word
        return sent

    longest_first = sorted(said, key=len, reverse=True)
    replaced = re.sub("|".join(map(_pattern, longest_first)), written, text, flags=re.IGNORECASE)
    return replaced, tuple(left)


def _folded(word: str) -> str:
    return re.sub(f"[{_APOSTROPHES}]", "'", word).lower()


def _pattern(word: str) -> str:
    """Matches a folded word where it stands alone."""
    left = r"(?<!\w)" if word[0].isalnum() else ""
    right = r"(?!\w)" if word[-1].isalnum() else ""
    return left + re.escape(word).replace("'", f"[{_APOSTROPHES}]") + right
