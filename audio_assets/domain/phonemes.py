"""IPA, the alphabet of every stored phoneme, and its way to and from ARPAbet.

Conventions: a symbol carries no stress and no length mark; diphthongs and affricates are one symbol (`aɪ`, `tʃ`).
- `ARPABET_TO_IPA`: the 40 symbols of the CMU dictionary (with AX), exact.
- `nearest_arpabet`: any IPA symbol of any language to the closest English sound, for mouth shapes and timing.
- `split_ipa`: a string of IPA to its symbols.
"""

import unicodedata

ARPABET_TO_IPA: dict[str, str] = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "aʊ", "AX": "ə", "AY": "aɪ", "EH": "ɛ", "ER": "ɝ", "EY": "eɪ",
    "IH": "ɪ", "IY": "i", "OW": "oʊ", "OY": "ɔɪ", "UH": "ʊ", "UW": "u",
    "B": "b", "CH": "tʃ", "D": "d", "DH": "ð", "F": "f", "G": "ɡ", "HH": "h", "JH": "dʒ", "K": "k", "L": "l", "M": "m",
    "N": "n", "NG": "ŋ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t", "TH": "θ", "V": "v", "W": "w", "Y": "j",
    "Z": "z", "ZH": "ʒ",
}  # fmt: skip
IPA_TO_ARPABET: dict[str, str] = {ipa: arpabet for arpabet, ipa in ARPABET_TO_IPA.items()}

VOWELS = frozenset({"AA", "AE", "AH", "AO", "AW", "AX", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"})
"""The ARPAbet symbols that are vowels."""

# Sounds that English lacks, by the lips and jaw first and the ear second: what a mouth shows is what lip-sync needs.
_NEAREST: dict[str, str] = {
    "a": "AA", "ɐ": "AH", "ɒ": "AO", "ɑ̃": "AA", "ã": "AA", "ɛ̃": "AE", "æ̃": "AE", "ɔ̃": "AO", "õ": "OW", "œ̃": "ER",
    "ẽ": "EY", "ĩ": "IY", "ũ": "UW", "e": "EY", "o": "OW", "ø": "UW", "œ": "ER", "y": "UW", "ʏ": "UH", "ɨ": "IH",
    "ʉ": "UW", "ɯ": "UH", "ɤ": "UH", "ɘ": "AX", "ɵ": "UH", "ɜ": "ER", "ɚ": "ER", "ᵻ": "IH", "əʊ": "OW", "ɪə": "IH",
    "eə": "EH", "ʊə": "UH", "ɔː": "AO", "ɛɪ": "EY", "œy": "OY", "aː": "AA", "ɑʊ": "AW", "β": "V", "ɸ": "F", "ʋ": "V",
    "ɱ": "M", "ɥ": "W", "ʍ": "W", "ɣ": "G", "x": "K", "χ": "K", "ʁ": "R", "ʀ": "R", "r": "R", "ɾ": "D", "ɽ": "D",
    "ɻ": "R", "ʎ": "L", "ɫ": "L", "ɭ": "L", "ɬ": "L", "ɮ": "L", "ɲ": "N", "ɳ": "N", "ɴ": "NG", "c": "K", "ɟ": "G",
    "q": "K", "ɢ": "G", "ʔ": "HH", "ħ": "HH", "ɦ": "HH", "ʕ": "HH", "ʝ": "Y", "ç": "Y", "ɕ": "SH", "ʑ": "ZH",
    "ʂ": "SH", "ʐ": "ZH", "tɕ": "CH", "dʑ": "JH", "ʈ": "T", "ɖ": "D", "g": "G", "ɹ̩": "ER", "n̩": "N", "l̩": "L",
    "m̩": "M", "ʤ": "JH", "ʧ": "CH", "ʦ": "T", "ʣ": "D", "t̪": "T", "d̪": "D",
}  # fmt: skip

_MARKS = "ˈˌːˑ.‿|‖ˠˤʰʲʷ̩̯ʼ↓↑→↗↘' -_"
_KNOWN = {*IPA_TO_ARPABET, *_NEAREST}
_LONGEST = max(len(symbol) for symbol in _KNOWN)


def nearest_arpabet(ipa: str) -> str | None:
    """The ARPAbet symbol whose mouth is closest to `ipa`; None for what is no phoneme."""
    exact = IPA_TO_ARPABET.get(ipa) or _NEAREST.get(ipa)
    if exact is not None:
        return exact
    bare = "".join(c for c in unicodedata.normalize("NFD", ipa) if not unicodedata.combining(c) and c not in _MARKS)
    return IPA_TO_ARPABET.get(bare) or _NEAREST.get(bare) or (nearest_arpabet(bare[0]) if len(bare) > 1 else None)


def split_ipa(ipa: str) -> list[str]:
    """The phoneme symbols of a string of IPA, longest known symbol first; stress and length marks are dropped."""
    text = "".join(c for c in unicodedata.normalize("NFC", ipa) if c not in _MARKS)
    symbols: list[str] = []
    at = 0
    while at < len(text):
        for length in range(min(_LONGEST, len(text) - at), 0, -1):
            if length == 1 or text[at : at + length] in _KNOWN:
                break
        symbol = text[at : at + length]
        if unicodedata.combining(symbol[0]) and symbols:
            symbols[-1] += symbol
        else:
            symbols.append(symbol)
        at += length
    return symbols
