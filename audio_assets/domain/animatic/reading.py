"""What the words of a shot ask for: a place, its light, the weather, who is seen. Nothing is drawn here.

The scene's own directive counts most, then the prompt, then what is sung. What a prompt says about style is left to
the preset: all from "Style:" on is not read, for a preset's own words (wet streets, candles) name places too.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from audio_assets.domain.animatic.palettes import Light
from audio_assets.domain.shot import Guide, GuideCharacter, Shot

PLACES: Mapping[str, frozenset[str]] = {
    "lighthouse": frozenset(("lighthouse", "beacon", "lighthouses", "foghorn")),
    "sea": frozenset((
        "sea", "ocean", "harbour", "harbor", "boat", "boats", "ship", "ships", "shore", "beach", "tide", "tides",
        "sail",
        "sails", "sailing", "coast", "waves", "water", "lake", "river", "island", "pier", "anchor", "quay", "swim",
    )),
    "city": frozenset((
        "city", "street", "streets", "skyline", "neon", "traffic", "rooftop", "rooftops", "alley", "town", "subway",
        "downtown", "sidewalk", "skyscraper", "taxi", "crossing", "buildings", "pavement", "lamppost",
    )),
    "road": frozenset((
        "road", "roads", "highway", "drive", "driving", "car", "cars", "train", "rails", "track", "miles", "motorway",
        "lane", "asphalt", "wheels", "motorbike", "bus", "runaway", "roadside",
    )),
    "forest": frozenset(("forest", "forests", "tree", "trees", "woods", "leaves", "garden", "park", "branches",
    "pines", "jungle")),
    "mountains": frozenset((
        "mountain", "mountains", "hill", "hills", "valley", "desert", "dune", "dunes", "cliff", "cliffs", "canyon",
        "field", "fields", "meadow", "plain", "plains", "summit", "ridge", "sand",
    )),
    "stage": frozenset(("stage", "concert", "crowd", "band", "club", "spotlight", "spotlights", "festival",
    "audience", "microphone", "arena", "disco")),
    "room": frozenset((
        "room", "kitchen", "bedroom", "window", "house", "home", "interior", "bar", "hotel", "hall", "studio", "door",
        "bed", "sofa", "office", "attic", "corridor", "diner", "cafe",
    )),
    "cathedral": frozenset(("cathedral", "church", "chapel", "castle", "ruin", "ruins", "arches", "crypt",
    "monastery", "graveyard", "altar", "tomb", "candle", "candles")),
    "sky": frozenset(("sky", "clouds", "cloud", "fly", "flying", "birds", "bird", "wings", "heaven", "balloon",
    "angel", "kite", "sunrise", "horizon")),
    "abstract": frozenset(("abstract", "shapes", "geometric", "kaleidoscope", "patterns", "void",
    "visualizer", "spiral")),
}  # fmt: skip
_LIGHTS: Mapping[Light, frozenset[str]] = {
    "night": frozenset(("night", "nights", "midnight", "moon", "moonlight", "moonlit", "stars", "dark", "darkness",
    "nocturnal")),
    "dusk": frozenset(("dusk", "dawn", "sunset", "sunrise", "golden", "evening", "twilight", "sundown")),
    "day": frozenset(("daylight", "sunny", "noon", "morning", "afternoon", "midday", "sunshine", "sunlit")),
}  # fmt: skip
_WEATHER: Mapping[str, frozenset[str]] = {
    "rain": frozenset(("rain", "rains", "raining", "rainy", "storm", "stormy", "downpour", "drizzle")),
    "snow": frozenset(("snow", "snowing", "winter", "blizzard", "snowfall", "frost", "icy")),
    "embers": frozenset(("fire", "flames", "embers", "burning", "sparks", "ashes", "ash")),
    "smoke": frozenset(("fog", "foggy", "mist", "misty", "smoke", "haze")),
    "bokeh": frozenset(("petals", "fireflies", "lanterns", "glitter", "confetti")),
}  # fmt: skip
_HINT, _PROMPT, _SUNG, _MOOD = 3.0, 1.0, 1.0, 0.5
_SPECIFIC = {"lighthouse": 1.6}  # it has the sea around it
_BIBLE = 0.3  # a lighthouse keeper is not always at the lighthouse


@dataclass(frozen=True, slots=True)
class Wishes:
    """`places` from the one most asked for, with their weights; "" and None where no word asks for anything."""

    places: tuple[tuple[str, float], ...]
    light: Light | None
    weather: str
    words: frozenset[str]


def wishes_of(shot: Shot) -> Wishes:
    """Read all words of a shot."""
    weights = _weights(shot)
    places = {
        name: _SPECIFIC.get(name, 1.0) * sum(weights.get(word, 0.0) for word in words) for name, words in PLACES.items()
    }
    order = sorted(((name, weight) for name, weight in places.items() if weight), key=lambda entry: -entry[1])
    lights: dict[Light, float] = {
        light: sum(weights.get(word, 0.0) for word in words) for light, words in _LIGHTS.items()
    }
    weather = {kind: sum(weights.get(word, 0.0) for word in words) for kind, words in _WEATHER.items()}
    return Wishes(
        places=tuple(order),
        light=max(lights.items(), key=lambda entry: entry[1])[0] if any(lights.values()) else None,
        weather=max(weather.items(), key=lambda entry: entry[1])[0] if any(weather.values()) else "",
        words=frozenset(weights),
    )


def seen_with(guide: Guide | None, limit: int = 3) -> tuple[GuideCharacter, ...]:
    """Who is seen in the scene, the singer first."""
    if guide is None:
        return ()
    return tuple(sorted(guide.characters, key=lambda character: not character.is_primary)[:limit])


def _weights(shot: Shot) -> dict[str, float]:
    """What each word counts; a word counts once per text, however often it stands there."""
    guide = shot.guide
    texts = [(shot.prompt.partition("Style:")[0], _PROMPT)]
    if guide:
        sung = " ".join(word.text for word in guide.words)
        texts += [(guide.prompt_hint, _HINT), (sung, _SUNG), (f"{guide.mood} {guide.title}", _MOOD)]
    people = guide.characters if guide else ()
    bible = " ".join(f"{c.name} {c.description} {c.face} {c.signature} {c.wardrobe_lock}" for c in people)
    told = frozenset(_words(bible))
    weights: dict[str, float] = {}
    for text, weight in texts:
        for word in dict.fromkeys(_words(text)):
            counted = _BIBLE if weight == _PROMPT and word in told else weight
            weights[word] = weights.get(word, 0.0) + counted
    return weights


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())
