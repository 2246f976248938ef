"""What mood words do to music: how bright (valence) and how driven (energy), each from -1 to 1.

Valence decides major or minor, energy tempo and density; see `compose`. A word that is not known changes nothing, and
the cue says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mood:
    """A place between dark and bright, still and driven."""

    valence: float = 0.0
    energy: float = 0.0


MOODS: dict[str, Mood] = {
    "action": Mood(-0.2, 0.9), "aggressive": Mood(-0.6, 0.9), "angry": Mood(-0.7, 0.9), "anxious": Mood(-0.6, 0.4),
    "bittersweet": Mood(-0.3, -0.2), "bright": Mood(0.7, 0.3), "calm": Mood(0.2, -0.7), "cheerful": Mood(0.8, 0.5),
    "cold": Mood(-0.4, -0.4), "cozy": Mood(0.5, -0.4), "dark": Mood(-0.8, 0.0), "dramatic": Mood(-0.4, 0.5),
    "dreamy": Mood(0.2, -0.5), "eerie": Mood(-0.9, -0.3), "energetic": Mood(0.4, 0.9), "epic": Mood(-0.1, 0.8),
    "excited": Mood(0.6, 0.9), "fast": Mood(0.0, 0.8), "gentle": Mood(0.3, -0.6), "gloomy": Mood(-0.7, -0.5),
    "happy": Mood(0.8, 0.5), "heroic": Mood(0.5, 0.7), "hopeful": Mood(0.6, 0.1), "intense": Mood(-0.3, 0.9),
    "joyful": Mood(0.9, 0.6), "light": Mood(0.5, 0.0), "lonely": Mood(-0.6, -0.5), "melancholic": Mood(-0.6, -0.4),
    "melancholy": Mood(-0.6, -0.4), "moody": Mood(-0.5, -0.2), "mysterious": Mood(-0.5, -0.2),
    "night": Mood(-0.2, -0.4),
    "nostalgic": Mood(-0.2, -0.3), "peaceful": Mood(0.4, -0.8), "playful": Mood(0.7, 0.5), "rain": Mood(-0.3, -0.4),
    "relaxed": Mood(0.4, -0.6), "romantic": Mood(0.5, -0.3), "sad": Mood(-0.7, -0.5), "scary": Mood(-0.9, 0.3),
    "serious": Mood(-0.4, 0.0), "sleepy": Mood(0.1, -0.9), "slow": Mood(0.0, -0.8), "soft": Mood(0.2, -0.6),
    "solemn": Mood(-0.4, -0.5), "spooky": Mood(-0.8, 0.0), "suspense": Mood(-0.6, 0.3), "sweet": Mood(0.6, -0.3),
    "tender": Mood(0.4, -0.5), "tense": Mood(-0.6, 0.5), "tragic": Mood(-0.8, -0.3), "triumphant": Mood(0.7, 0.7),
    "upbeat": Mood(0.6, 0.7), "uplifting": Mood(0.8, 0.4), "urgent": Mood(-0.3, 0.8), "warm": Mood(0.5, -0.2),
    "wistful": Mood(-0.3, -0.4),
}  # fmt: skip
"""Every mood word that is understood, in lower case."""


def mood_of(tags: Sequence[str]) -> tuple[Mood, tuple[str, ...]]:
    """The mean of the known tags' moods, and the tags that are not known."""
    known = [MOODS[tag.strip().lower()] for tag in tags if tag.strip().lower() in MOODS]
    unknown = tuple(tag for tag in tags if tag.strip().lower() not in MOODS)
    if not known:
        return Mood(), unknown
    n = len(known)
    return Mood(sum(mood.valence for mood in known) / n, sum(mood.energy for mood in known) / n), unknown
