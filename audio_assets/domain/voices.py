"""Voice mixes: the small language in which a cast names a voice.

Here: reading `af_heart`, `am_adam50_am_michael50`, `jared50_lex30_martha20`. Not here: which character has which voice
(`cast`), and what voices an engine has (the engine says).

A mix is voice names joined by `_`, each followed by its percentage. Voice names hold underscores and digits themselves,
so a mix is read against the known names: every way to cut it is tried, and the one that adds up to 100 is meant.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Self

from rapidfuzz import process

Mix = tuple[tuple[str, float], ...]
"""(voice name, weight) pairs; the weights sum to 1."""


class VoiceError(ValueError):
    """A voice that can not be had; the message names what to write instead."""


class VoiceIds(frozenset[str]):
    """Voices of which there are more than can be listed: those `listed`, and every name of a form.

    `means` says in words what such a name is; names of the form are in it, but are not listed.
    """

    means: str
    _form: re.Pattern[str]

    def __new__(cls, form: str, means: str, listed: Iterable[str] = ()) -> Self:
        """`form` is a regular expression for whole names."""
        made = super().__new__(cls, listed)
        made._form, made.means = re.compile(form), means
        return made

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or self._form.fullmatch(str(name)) is not None


def parse_voice_mix(spec: str, known: Collection[str], friendly: Mapping[str, str]) -> Mix:
    """The voices of `spec` with their weights, in the order they are written.

    `known` are the engine's voice names, `friendly` maps a cast's own names to a known voice or a mix of them.
    `known` answers for variants (`en-us+f3`) itself.

    Raises:
        VoiceError: an unknown name (the three nearest are named), or percentages that do not sum to 100.
    """
    mix = spec.strip()
    own = {name.strip(): target for name, target in friendly.items()}
    if not mix:
        raise VoiceError(f"the voice is empty; name one, such as {_some(known)}")
    if mix in own:
        return _friendly(mix, own[mix], known)
    if mix in known:
        return ((mix, 1.0),)
    readings = list(_readings(mix.split("_"), {*known, *own}))
    if not readings:
        raise VoiceError(_unknown(mix, known, own))
    whole = [reading for reading in readings if sum(percent for _, percent in reading) == 100]
    if not whole:
        total = sum(percent for _, percent in readings[0])
        raise VoiceError(f"the percentages of voice '{mix}' sum to {total}, not 100; change them to sum to 100")
    if len(whole) > 1:
        raise VoiceError(
            f"the voice '{mix}' can be read in {len(whole)} ways; give one of its names another friendly name"
        )
    return _merged(
        (name, weight * percent / 100)
        for part, percent in whole[0]
        for name, weight in (_friendly(part, own[part], known) if part in own else ((part, 1.0),))
    )


def _friendly(name: str, target: str, known: Collection[str]) -> Mix:
    try:
        return parse_voice_mix(target, known, {})
    except VoiceError as error:
        raise VoiceError(f"the friendly name '{name}' stands for '{target}': {error}") from error


def _merged(parts: Iterator[tuple[str, float]]) -> Mix:
    weights: dict[str, float] = {}
    for name, weight in parts:
        weights[name] = weights.get(name, 0.0) + weight
    return tuple(weights.items())


def _readings(pieces: list[str], names: Collection[str]) -> Iterator[tuple[tuple[str, int], ...]]:
    """Every way to read `pieces` (a mix cut at its underscores) as known names with percentages of 1 to 100."""
    if not pieces:
        yield ()
    for end in range(1, len(pieces) + 1):
        for name, percent in _shares("_".join(pieces[:end]), names):
            for rest in _readings(pieces[end:], names):
                yield ((name, percent), *rest)


def _shares(part: str, names: Collection[str]) -> Iterator[tuple[str, int]]:
    for n_digits in (1, 2, 3):
        name, digits = part[:-n_digits], part[-n_digits:]
        if name in names and digits.isascii() and digits.isdigit() and digits[0] != "0" and int(digits) <= 100:
            yield name, int(digits)


def _unknown(mix: str, known: Collection[str], friendly: Mapping[str, str]) -> str:
    names = {*known, *friendly}
    if isinstance(known, VoiceIds):
        return f"the voice '{mix}' is not known; a voice of this engine is {known.means}"
    if not known:
        return (
            f"the voice '{mix}' can not be checked: the engine lists no voices; look at the engine's name in the cast"
        )
    for part in re.split(r"(?<=[0-9])_", mix):
        bare = part.rstrip("0123456789")
        if bare in names and bare != part:
            continue
        if part in names and mix != part:
            return f"'{part}' in voice '{mix}' has no percentage; write it as '{part}50', all summing to 100"
        wanted = part if "+" in part else bare or part
        return f"the voice '{wanted}' is not known; the nearest are {_nearest(wanted, names)}"
    return f"the voice '{mix}' has a percentage outside 1 to 100; change them to sum to 100"


def _nearest(name: str, names: Collection[str]) -> str:
    return ", ".join(match for match, _, _ in process.extract(name, sorted(names), limit=3))


def _some(names: Collection[str]) -> str:
    if isinstance(names, VoiceIds):
        return names.means
    return ", ".join(sorted(names)[:3]) or "af_heart"
