"""What each sound looks like: tables from ARPAbet to mouth shapes, viseme ids, jaw and lips.

Tables and the rules of one phoneme belong here; how mouths move from one to the next is in `mouth_shapes`.
- Mouth shapes are Rhubarb's nine (https://github.com/DanielSWolf/rhubarb-lip-sync): A closed, B teeth together, C open,
  D wide open, E slightly round, F puckered, G teeth on lip, H tongue up, X at rest. A to F are the basic ones.
- `AZURE_VISEME`: the 22 viseme ids of SAPI and Azure speech, 0 is silence.
- `OCULUS_VISEME`: the 15 names of Oculus Lipsync (which VRChat and Ready Player Me took over), "sil" is silence.
- `OPENING`: how far the jaw is down and the lips are together.
"""

from audio_assets.domain.phonemes import nearest_arpabet

SHAPES = "ABCDEFGHX"
BASIC_SHAPES = "ABCDEF"
ANY_SHAPE = SHAPES
"""The shapes of a sound that does not care."""

BASIC_FALLBACK = {"G": "A", "H": "C", "X": "A"}
"""The basic shape that stands for each extended one."""

BILABIALS = frozenset({"P", "B", "M"})

AZURE_VISEME: dict[str, int] = {
    "AE": 1, "AX": 1, "AH": 1, "AA": 2, "AO": 3, "EY": 4, "EH": 4, "UH": 4, "ER": 5, "Y": 6, "IY": 6, "IH": 6,
    "W": 7, "UW": 7, "OW": 8, "AW": 9, "OY": 10, "AY": 11, "HH": 12, "R": 13, "L": 14, "S": 15, "Z": 15,
    "SH": 16, "CH": 16, "JH": 16, "ZH": 16, "TH": 17, "DH": 17, "F": 18, "V": 18, "D": 19, "T": 19, "N": 19,
    "K": 20, "G": 20, "NG": 20, "P": 21, "B": 21, "M": 21,
}  # fmt: skip
AZURE_SILENCE = 0

OCULUS_VISEMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou")
"""The 15 names in Oculus's own order."""

# Oculus names a few example sounds only; vowels it leaves out go to the mouth nearest by Rhubarb's shape.
OCULUS_VISEME: dict[str, str] = {
    "P": "PP", "B": "PP", "M": "PP", "F": "FF", "V": "FF", "TH": "TH", "DH": "TH", "T": "DD", "D": "DD",
    "K": "kk", "G": "kk", "NG": "kk", "CH": "CH", "JH": "CH", "SH": "CH", "ZH": "CH", "S": "SS", "Z": "SS",
    "N": "nn", "L": "nn", "R": "RR", "ER": "RR", "AA": "aa", "AH": "aa", "AY": "aa", "AW": "aa",
    "AE": "E", "EH": "E", "EY": "E", "AX": "E", "HH": "E", "IH": "ih", "IY": "ih", "Y": "ih",
    "AO": "oh", "OW": "oh", "OY": "oh", "UH": "ou", "UW": "ou", "W": "ou",
}  # fmt: skip
OCULUS_SILENCE = "sil"

# (jaw, lips): jaw 0 shut to 1 wide; lips 0 relaxed or spread, 0.8 puckered, 1 sealed. Diphthongs have two parts.
OPENING: dict[str, tuple[tuple[float, float], ...]] = {
    "AA": ((1.0, 0.0),), "AE": ((0.75, 0.0),), "AH": ((0.65, 0.0),), "AO": ((0.7, 0.4),), "AX": ((0.35, 0.0),),
    "EH": ((0.6, 0.0),), "ER": ((0.35, 0.4),), "IH": ((0.3, 0.0),), "IY": ((0.2, 0.0),), "UH": ((0.3, 0.6),),
    "UW": ((0.2, 0.8),), "AY": ((0.9, 0.0), (0.3, 0.0)), "EY": ((0.55, 0.0), (0.25, 0.0)),
    "AW": ((0.9, 0.0), (0.35, 0.6)), "OW": ((0.55, 0.5), (0.25, 0.8)), "OY": ((0.6, 0.5), (0.25, 0.0)),
    "P": ((0.0, 1.0),), "B": ((0.0, 1.0),), "M": ((0.0, 1.0),), "F": ((0.1, 0.5),), "V": ((0.1, 0.5),),
    "W": ((0.15, 0.8),), "R": ((0.2, 0.4),), "L": ((0.3, 0.0),), "Y": ((0.2, 0.0),), "HH": ((0.4, 0.0),),
    "T": ((0.15, 0.0),), "D": ((0.15, 0.0),), "N": ((0.2, 0.0),), "S": ((0.08, 0.0),), "Z": ((0.08, 0.0),),
    "TH": ((0.15, 0.0),), "DH": ((0.15, 0.0),), "SH": ((0.1, 0.35),), "ZH": ((0.1, 0.35),), "CH": ((0.1, 0.35),),
    "JH": ((0.1, 0.35),), "K": ((0.25, 0.0),), "G": ((0.25, 0.0),), "NG": ((0.25, 0.0),),
}  # fmt: skip

DIPHTHONG_SPLIT = 0.6
"""How much of a diphthong its first part takes."""

_SINGLE_SETS: dict[str, str] = {
    "AO": "E", "AA": "D", "IY": "B", "IH": "B", "UW": "F", "UH": "F", "W": "F", "EH": "C", "AE": "C", "AX": "BC",
    "F": "G", "V": "G", "M": "A", "T": "BF", "D": "BF", "S": "BF", "Z": "BF", "SH": "BF", "ZH": "BF", "TH": "BF",
    "DH": "BF", "CH": "BF", "JH": "BF", "K": "BCEFH", "G": "BCEFH", "N": "BCFH", "NG": "BCEF", "R": "BEF", "Y": "BCF",
    "HH": ANY_SHAPE, "P": ANY_SHAPE, "B": ANY_SHAPE,
}  # fmt: skip
_DIPHTHONG_SETS: dict[str, tuple[str, str]] = {"EY": ("C", "B"), "OW": ("E", "F"), "OY": ("E", "B")}
# (short, long, seconds from which it is long)
_BY_DURATION: dict[str, tuple[tuple[str, ...], tuple[str, ...], float]] = {
    "AH": (("C",), ("D",), 0.2),
    "AY": (("C", "B"), ("D", "B"), 0.2),
    "AW": (("C", "E"), ("D", "E"), 0.3),
    "ER": (("BC",), ("E",), 0.07),
    "L": (("BEFH",), ("H",), 0.2),
}


def allowed_shapes(arpabet: str, duration_s: float) -> tuple[str, ...]:
    """Return the shapes that Rhubarb's rules allow in a phoneme: one set, or two for a diphthong (`DIPHTHONG_SPLIT`).

    P and B allow any shape here: their closed lips lie before the release, see `mouth_shapes`.
    """
    if arpabet in _BY_DURATION:
        short, long, from_s = _BY_DURATION[arpabet]
        return short if duration_s < from_s else long
    return _DIPHTHONG_SETS.get(arpabet) or (_SINGLE_SETS[arpabet],)


def azure_viseme(ipa: str) -> int:
    """Return the Azure viseme id of a phoneme; silence for what is no phoneme."""
    return AZURE_VISEME.get(nearest_arpabet(ipa) or "", AZURE_SILENCE)


def oculus_viseme(ipa: str) -> str:
    """Return the Oculus viseme of a phoneme; "sil" for what is no phoneme."""
    return OCULUS_VISEME.get(nearest_arpabet(ipa) or "", OCULUS_SILENCE)
