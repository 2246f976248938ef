"""How a character looks, read from the words of its bible: hair, beard, eyes, skin, clothes.

What the words do not say is chosen by the character's name, never by the take's seed, so that one character is the
same in every take and every shot. Drawing is in `portrait`.
"""

import re
from dataclasses import dataclass

import numpy as np

from audio_assets.domain.action import sha256_hex
from audio_assets.domain.animatic.planes import Rgb
from audio_assets.domain.shot import GuideCharacter

COLOURS: dict[str, Rgb] = {
    "black": (30, 29, 33), "white": (238, 236, 230), "grey": (140, 143, 148), "gray": (140, 143, 148),
    "silver": (192, 196, 203), "red": (200, 48, 46), "crimson": (164, 26, 44), "scarlet": (212, 44, 36),
    "burgundy": (108, 26, 42), "orange": (230, 126, 42), "copper": (176, 88, 44), "auburn": (132, 58, 34),
    "ginger": (196, 100, 44), "yellow": (236, 196, 62), "mustard": (204, 156, 48), "gold": (214, 170, 74),
    "golden": (214, 170, 74), "blond": (222, 188, 122), "blonde": (222, 188, 122), "green": (62, 130, 84),
    "olive": (108, 112, 62), "emerald": (24, 130, 96), "teal": (30, 124, 128), "turquoise": (60, 176, 176),
    "blue": (52, 98, 176), "navy": (34, 50, 88), "denim": (70, 98, 142), "purple": (112, 66, 142),
    "violet": (128, 84, 170), "lilac": (178, 152, 206), "pink": (232, 138, 168), "brown": (106, 70, 46),
    "chestnut": (112, 62, 38), "tan": (192, 152, 108), "beige": (216, 198, 168), "cream": (240, 228, 204),
    "hazel": (140, 104, 58), "dark": (46, 38, 36), "light": (214, 190, 150),
}  # fmt: skip
_SKINS: dict[str, Rgb] = {
    "pale": (244, 212, 190), "fair": (240, 202, 174), "freckled": (238, 196, 164), "tanned": (206, 152, 110),
    "olive": (204, 160, 116), "brown": (150, 100, 68), "dark": (104, 68, 48), "black": (88, 58, 42),
    "weathered": (214, 160, 124), "ruddy": (228, 166, 138),
}  # fmt: skip
_USUAL_SKINS: tuple[Rgb, ...] = ((238, 198, 170), (222, 176, 142), (196, 144, 106), (148, 100, 70), (112, 74, 54))
_USUAL_HAIR = ("black", "brown", "chestnut", "auburn", "blond", "dark")
_USUAL_CLOTHES = ("navy", "teal", "burgundy", "mustard", "olive", "grey", "denim", "purple")
_OPEN = (
    "coat",
    "jacket",
    "blazer",
    "suit",
    "parka",
    "oilskin",
    "oilskins",
    "uniform",
    "cardigan",
    "raincoat",
    "trenchcoat",
)
_ROUND = ("dress", "shirt", "tee", "t-shirt", "blouse", "top", "vest", "gown", "overalls", "dungarees")
_HIGH = ("sweater", "jumper", "pullover", "turtleneck", "hoodie", "cloak", "cape", "robe", "sweatshirt")
_HATS = ("hat", "cap", "beanie", "hood", "sou'wester", "bonnet", "beret", "fedora")
_NOT_HAIR = frozenset(("eyes", "eyed", "skin", "skinned", *_OPEN, *_ROUND, *_HIGH, *_HATS, "scarf", "beard"))


@dataclass(frozen=True, slots=True)
class Look:
    """`hair_style` is short, long, braid, bun, curly or bald; `collar` open, round or high; None: there is none."""

    name: str
    skin: Rgb
    hair: Rgb
    hair_style: str
    eyes: Rgb
    beard: Rgb | None
    has_moustache: bool
    has_glasses: bool
    clothes: Rgb
    collar: str
    under: Rgb
    scarf: Rgb | None
    hat: Rgb | None
    hat_kind: str
    is_older: bool


def look_of(character: GuideCharacter) -> Look:
    """Read a character's words; see the module."""
    text = " ".join((character.description, character.face, character.signature, character.wardrobe_lock)).lower()
    words = re.findall(r"[a-z'-]+", text)
    rng = np.random.default_rng(int(sha256_hex(character.name.strip().lower().encode())[:12], 16))
    is_older = bool({"old", "elderly", "grandfather", "grandmother", "aged", "weathered", "wrinkled"} & set(words))
    usual_hair = "silver" if is_older else str(rng.choice(_USUAL_HAIR))
    usual_skin = _USUAL_SKINS[int(rng.integers(len(_USUAL_SKINS)))]
    usual_clothes = [str(c) for c in rng.permutation(_USUAL_CLOTHES)[:2]]
    usual_style = str(rng.choice(("short", "long", "bun", "curly", "short")))
    beard = _before(words, ("beard", "bearded", "stubble"), COLOURS)
    has_beard = bool({"beard", "bearded", "stubble"} & set(words))
    hair = _before(
        words, ("hair", "haired", "braid", "braids", "curls", "bun", "ponytail", "locks"), COLOURS, stop=_NOT_HAIR
    )
    hair_colour = COLOURS[hair or beard or usual_hair]
    garment, collar = _garment(words)
    clothes = _before(words, (garment,), COLOURS) if garment else None
    scarf_words = {"scarf", "shawl", "bandana", "neckerchief"} & set(words)
    hats = [word for word in words if word in _HATS]
    hat_colour = _before(words, tuple(hats[:1]), COLOURS) if hats else None
    return Look(
        name=character.name,
        skin=_skin(words) or usual_skin,
        hair=hair_colour,
        hair_style=_hair_style(words, usual_style if not has_beard else "short"),
        eyes=COLOURS[_before(words, ("eyes", "eyed"), COLOURS) or "hazel"],
        beard=(COLOURS[beard] if beard else hair_colour) if has_beard else None,
        has_moustache=has_beard or bool({"moustache", "mustache"} & set(words)),
        has_glasses=bool({"glasses", "spectacles", "sunglasses"} & set(words)),
        clothes=COLOURS[clothes or usual_clothes[0]],
        collar=collar or ("open" if rng.random() < 0.5 else "round"),
        under=COLOURS["cream" if clothes in (None, "navy", "black", "burgundy") else usual_clothes[1]],
        scarf=COLOURS[_before(words, tuple(scarf_words), COLOURS) or "red"] if scarf_words else None,
        hat=COLOURS[hat_colour or clothes or usual_clothes[0]] if hats else None,
        hat_kind=hats[0] if hats else "",
        is_older=is_older,
    )


def _before(
    words: list[str], nouns: tuple[str, ...], colours: dict[str, Rgb], *, stop: frozenset[str] = frozenset()
) -> str | None:
    """The colour said at most four words before one of the nouns ("grey hair in a long braid": also before)."""
    for at, word in enumerate(words):
        if word not in nouns:
            continue
        for before in reversed(words[max(0, at - 4) : at]):
            parts = [part for part in before.split("-") if part in colours]
            if parts:
                return parts[0]
            if before in stop:
                break
    return None


def _garment(words: list[str]) -> tuple[str, str]:
    for word in words:
        for nouns, collar in ((_OPEN, "open"), (_HIGH, "high"), (_ROUND, "round")):
            if word in nouns:
                after = words.index(word) + 1
                named = words[after] if after < len(words) and words[after] in _OPEN else word
                return named, collar
    return "", ""


def _skin(words: list[str]) -> Rgb | None:
    for at, word in enumerate(words):
        head, _, tail = word.partition("-")
        if tail == "skinned" and head in _SKINS:
            return _SKINS[head]
        if word in ("skin", "face", "complexion", "woman", "man", "girl", "boy") and words[max(0, at - 1)] in _SKINS:
            return _SKINS[words[max(0, at - 1)]]
        if word in ("freckled", "freckles", "weathered", "ruddy", "tanned"):
            return _SKINS.get(word, _SKINS["freckled"])
    return None


def _hair_style(words: list[str], usual: str) -> str:
    known = {
        "braid": "braid", "braids": "braid", "plait": "braid", "bun": "bun", "curly": "curly", "curls": "curly",
        "afro": "curly", "bald": "bald", "shaved": "bald", "ponytail": "bun", "bob": "long", "cropped": "short",
    }  # fmt: skip
    for word in words:
        if word in known:
            return known[word]
    if "hair" in words:
        near = words[max(0, words.index("hair") - 4) : words.index("hair")]
        if "short" in near:
            return "short"
        if "long" in near or "loose" in near:
            return "long"
    return usual
