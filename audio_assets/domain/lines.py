"""Lines: what a script yields, and how each keeps its id while the script is edited.

Here: the records (`ScriptLine`, `Line`, `Problem`, `ParsedScript`), partition keys and slugs, and re-matching a parsed
script with its registered lines. Not here: reading a file (`scripts`), voices (`cast`), storing anything.

- `match_lines`: a new parse against what was registered before; ids are minted once and never used for another line.
- `match_translation`: a translation against its original; its lines carry the original's ids.
- `partition_key`, `parse_partition_key`, `script_slug`: names that are safe whatever a script or a path contains.
"""

import hashlib
import re
import unicodedata
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

NARRATOR = "narrator"
"""The character of narration, in every format."""

MAX_PART_LENGTH = 80
"""Longest part of a partition key, in characters."""

STRING_ALIAS = "string_"
"""How the alias of a menu's text begins: Ren'Py translates those by their text and gives them no id."""


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """One line to speak, as a parser yields it.

    `character` is the display name where the script gives one (`Sylvie`), else the name the script uses, and
    `narrator` for narration; `short_name` is the script's own name for it (`s`). `text` is speakable: NFC, tags
    removed, interpolation resolved. `lang` is a lower-case BCP 47 tag, "" for the script's default. `kind` is
    `dialogue` or `menu_choice`. `source_line` counts from 1. `aliases` are the ids that the engine or the author gave,
    `author_id` the one that the author wrote ("" for none).
    """

    label: str
    character: str
    text: str
    lang: str
    style: str
    seed: int
    kind: str
    source_line: int
    aliases: tuple[str, ...]
    author_id: str = ""
    short_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line(ScriptLine):
    """A registered line: a `ScriptLine` with our own id.

    `past_aliases` are ids it had before, `order` counts from 0 in file order.
    """

    line_id: str
    past_aliases: tuple[str, ...] = ()
    order: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing in a file that its author should look at; the rest of the file goes on without it."""

    path: str
    line: int
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class ParsedScript:
    """What is in one file.

    `characters` maps the script's short names to display names. `translates` says that the file is a translation: its
    lines carry aliases of the original's lines, and `language` is its BCP 47 tag ("" for an original).
    """

    lines: tuple[ScriptLine, ...]
    problems: tuple[Problem, ...] = ()
    characters: Mapping[str, str] = field(default_factory=dict)
    translates: bool = False
    language: str = ""


@dataclass(frozen=True, slots=True)
class Matching:
    """A parsed script with its ids.

    `lines` are in file order. The tuples of ids: `unchanged` (what is heard is the same), `changed` (text, character,
    style, seed, language or kind differ), `new` (minted now), `returned` (was retired, is back), `retired` (gone now),
    `moved` (changed its place among the others). Every line is in exactly one of the first four.
    `retired_lines` holds everything retired now or before and still away: give it to the next `match_lines`.
    """

    lines: tuple[Line, ...]
    unchanged: tuple[str, ...]
    changed: tuple[str, ...]
    new: tuple[str, ...]
    returned: tuple[str, ...]
    retired: tuple[str, ...]
    moved: tuple[str, ...]
    retired_lines: tuple[Line, ...]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class TranslationMatching:
    """A translation with the original's ids.

    `missing` are ids of original lines that have no translation; `outdated` of those whose translation was made for an
    earlier wording.
    """

    lines: tuple[Line, ...]
    problems: tuple[Problem, ...]
    missing: tuple[str, ...]
    outdated: tuple[str, ...]


# Names -------------------------------------------------------------------------------------------------------------

_PART = re.compile(r"[a-z0-9][a-z0-9_-]*")
_SHORT_PART = rf"[a-z0-9][a-z0-9_-]{{0,{MAX_PART_LENGTH - 1}}}"
_KEY = re.compile(rf"{_SHORT_PART}\.{_SHORT_PART}\.{_SHORT_PART}")
_UNFOLDED = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"})
_SCRIPT_SUFFIX = re.compile(r"\.(?:rpy|csv|jsonl|txt)$", re.IGNORECASE)


def partition_key(script: str, line_id: str, lang: str) -> str:
    """`<script>.<line id>.<lang>`, for instance `the_question-script.start-3fa9c1.en`.

    Raises:
        ValueError: a part is empty, too long, or holds more than `a-z 0-9 _ -`.
    """
    key = f"{script}.{line_id}.{lang}"
    if not _KEY.fullmatch(key):
        for what, part in (("script", script), ("line id", line_id), ("language", lang)):
            _check_part(what, part)
    return key


def parse_partition_key(key: str) -> tuple[str, str, str]:
    """The (script, line id, language) of a partition key; the inverse of `partition_key`.

    Raises:
        ValueError: `key` is not of that form.
    """
    parts = key.split(".")
    if len(parts) != 3:
        raise ValueError(f"the partition key {key!r} is not of the form <script>.<line id>.<language>")
    script, line_id, lang = parts
    partition_key(script, line_id, lang)
    return script, line_id, lang


def _check_part(what: str, part: str) -> None:
    if not _PART.fullmatch(part):
        raise ValueError(
            f"the {what} {part!r} can not be in a partition key; use a-z, 0-9, _ and -, begin with a letter or digit"
        )
    if len(part) > MAX_PART_LENGTH:
        raise ValueError(f"the {what} {part!r} is {len(part)} long; a partition key takes at most {MAX_PART_LENGTH}")


def script_slug(relative_path: str) -> str:
    """The script's part of a partition key: `the_question/script.rpy` -> `the_question-script`.

    A translation (`.../tl/<language>/...`) has the slug of its original. Different paths may share a slug
    (`a/b.rpy`, `a-b.rpy`, `a/b.csv`): who registers scripts refuses the second.
    """
    folders = [
        part for part in re.split(r"[/\\]+", unicodedata.normalize("NFC", relative_path)) if part not in {"", ".", ".."}
    ]
    kept: list[str] = []
    at = 0
    while at < len(folders):
        is_translation = folders[at].lower() == "tl" and at + 2 < len(folders)
        if not is_translation:
            kept.append(folders[at])
        at += 2 if is_translation else 1
    if kept:
        kept[-1] = _SCRIPT_SUFFIX.sub("", kept[-1])
    return _slug("-".join(kept), MAX_PART_LENGTH, "script")


def _slug(text: str, max_length: int, fallback: str) -> str:
    """`text` in `[a-z0-9][a-z0-9_-]*`: accents folded, the rest to hyphens.

    What can not be said in these letters, or is too long, ends with 8 hex digits of its sha256, so that it stays apart.
    """
    folded = unicodedata.normalize("NFKD", text.casefold().translate(_UNFOLDED))
    ascii_text = "".join(c for c in folded if not unicodedata.combining(c))
    slug = re.sub(r"[^a-z0-9_]+", "-", ascii_text).strip("-_")
    is_lossy = any(c.isalnum() and not c.isascii() for c in ascii_text) or not slug
    if not is_lossy and len(slug) <= max_length:
        return slug
    return f"{(slug or fallback)[: max_length - 9].rstrip('-_')}-{_hex(text)[:8]}"


def _hex(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


# Matching ----------------------------------------------------------------------------------------------------------

_WINDOW = 32  # how far, in leftover lines, a changed line is looked for when there are too many to compare all
_ALL_PAIRS = 250_000  # up to here all leftovers are compared with all: about 0.3 s
_MAX_PAST_ALIASES = 32
_NO_ALIASES: tuple[str, ...] = ()


def match_lines(
    previous: Sequence[Line], parsed: Sequence[ScriptLine], *, retired: Sequence[Line] = (), path: str = ""
) -> Matching:
    """Give every parsed line the id it had, or a new one.

    In this order: the same author's id; the same text (repeated texts by their neighbours); a retired line with the
    same text; the same engine id; similar text, where the same character and the same neighbours allow for more
    change. Two different author's ids never match. Languages are matched apart, and may share an author's id.

    `previous` is in file order, `retired` the `retired_lines` of the matching before. `path` is for problems.
    """
    partners: list[Line | None] = [None] * len(parsed)
    before = _languages_before(previous, parsed)
    for lang in sorted({line.lang for line in parsed}):
        new_at = [at for at, line in enumerate(parsed) if line.lang == lang]
        old = [line for line in previous if line.lang == before.get(lang, lang)]
        away = [line for line in retired if line.lang == before.get(lang, lang)]
        found = _pair(old, [parsed[at] for at in new_at], away)
        for at, partner in zip(new_at, found, strict=True):
            partners[at] = partner
    return _matching(previous, parsed, partners, retired, path)


def _languages_before(previous: Sequence[ScriptLine], parsed: Sequence[ScriptLine]) -> dict[str, str]:
    """The new name of a language -> its old one, when exactly one was renamed (`en` to `en-gb`, say)."""
    old, new = {line.lang for line in previous}, {line.lang for line in parsed}
    gone, come = old - new, new - old
    return {come.pop(): gone.pop()} if len(gone) == 1 == len(come) else {}


def _matching(
    previous: Sequence[Line],
    parsed: Sequence[ScriptLine],
    partners: Sequence[Line | None],
    retired: Sequence[Line],
    path: str,
) -> Matching:
    ids = _Ids([*previous, *retired])
    place = {_key(line): at for at, line in enumerate(previous)}
    lines: list[Line] = []
    groups: dict[str, list[str]] = {"unchanged": [], "changed": [], "new": [], "returned": []}
    problems: list[Problem] = []
    for order, (line, partner) in enumerate(zip(parsed, partners, strict=True)):
        if partner is None:
            line_id, problem = ids.mint(line, path)
            problems += [problem] if problem else []
            group, past = "new", _NO_ALIASES
        else:
            line_id, past = partner.line_id, _past_aliases(partner, line)
            is_same = _heard(partner) == _heard(line)
            group = "returned" if _key(partner) not in place else "unchanged" if is_same else "changed"
        lines.append(_registered(line, line_id, past, order))
        groups[group].append(line_id)
    kept = {_key(partner) for partner in partners if partner is not None}
    places = [(place[_key(p)], p.line_id) for p in partners if p is not None and _key(p) in place]
    gone = [line for line in previous if _key(line) not in kept]
    return Matching(
        lines=tuple(lines),
        **{name: tuple(members) for name, members in groups.items()},
        retired=tuple(line.line_id for line in gone),
        moved=tuple(_out_of_order(places)),
        retired_lines=(*(line for line in retired if _key(line) not in kept), *gone),
        problems=tuple(problems),
    )


def _key(line: Line) -> tuple[str, str]:
    return line.line_id, line.lang


def _heard(line: ScriptLine) -> tuple[Hashable, ...]:
    """What a listener could notice."""
    return line.text, line.character, line.style, line.seed, line.lang, line.kind


def _past_aliases(before: Line, now: ScriptLine) -> tuple[str, ...]:
    seen = dict.fromkeys((*before.past_aliases, *before.aliases))
    return tuple(alias for alias in seen if alias not in now.aliases)[-_MAX_PAST_ALIASES:]


def _registered(line: ScriptLine, line_id: str, past_aliases: tuple[str, ...], order: int) -> Line:
    own = {f.name: getattr(line, f.name) for f in fields(ScriptLine)}
    return Line(**own, line_id=line_id, past_aliases=past_aliases, order=order)


def _out_of_order(places: Sequence[tuple[int, str]]) -> Iterator[str]:
    """The ids outside the longest run of lines that kept their order among each other."""
    tails: list[int] = []
    tail_at: list[int] = []
    before: list[int] = []
    for at, (place, _) in enumerate(places):
        length = bisect_left(tails, place)
        before.append(tail_at[length - 1] if length else -1)
        tails[length : length + 1] = [place]
        tail_at[length : length + 1] = [at]
    stayed = set()
    at = tail_at[-1] if tail_at else -1
    while at >= 0:
        stayed.add(at)
        at = before[at]
    return (line_id for at, (_, line_id) in enumerate(places) if at not in stayed)


class _Ids:
    """Mints ids, none of which was ever another line's."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._owners: dict[str, tuple[str, set[str]]] = {}  # id -> (author's id, languages)
        self._occurrences: Counter[tuple[str, str, str, str]] = Counter()
        for line in lines:
            self._claim(line.line_id, line.author_id, line.lang)

    def mint(self, line: ScriptLine, path: str) -> tuple[str, Problem | None]:
        """A new id for `line`; and what to tell its author when the id is not the one that they wrote."""
        wanted = _slug(line.author_id, MAX_PART_LENGTH, "id") if line.author_id else ""
        problem = None
        line_id = wanted if wanted else self._from_content(line)
        if wanted and not self._is_free(wanted, line.author_id, line.lang):
            line_id = next(name for name in _numbered(wanted) if self._is_free(name, line.author_id, line.lang))
            problem = Problem(
                path,
                line.source_line,
                f"the id '{line.author_id}' becomes '{wanted}', another line's id, so this one is '{line_id}'",
                "write an id that differs in its letters and digits",
            )
        self._claim(line_id, line.author_id, line.lang)
        return line_id, problem

    def _from_content(self, line: ScriptLine) -> str:
        content = (line.lang, line.label, line.character, line.text)
        occurrence = self._occurrences[content]
        self._occurrences[content] += 1
        digest = _hex(*content[1:], str(occurrence))
        label = _slug(line.label, 60, "label") if line.label else "line"
        names = (f"{label}-{digest[:length]}" for length in (6, 8, 10, 12, 16))
        free = next((name for name in names if self._is_free(name, None, line.lang)), None)
        return free or next(n for n in _numbered(f"{label}-{digest[:16]}") if self._is_free(n, None, line.lang))

    def _is_free(self, line_id: str, author_id: str | None, lang: str) -> bool:
        owner, langs = self._owners.get(line_id, (None, set()))
        return not langs or (author_id is not None and owner == author_id and lang not in langs)

    def _claim(self, line_id: str, author_id: str, lang: str) -> None:
        self._owners.setdefault(line_id, (author_id, set()))[1].add(lang)


def _numbered(name: str) -> Iterator[str]:
    number = 2
    while True:
        ending = f"-{number}"
        yield name[: MAX_PART_LENGTH - len(ending)] + ending
        number += 1


def _pair(old: Sequence[Line], new: Sequence[ScriptLine], away: Sequence[Line]) -> list[Line | None]:
    """For each line of `new` the one of `old`, or of the retired `away`, that it is; None for a new line."""
    pairing = _Pairing(old, new)
    pairing.link_author_ids()
    for key in (_text_and_character, _text_and_kind):
        pairing.link_same(key)
    back = _returned(away, new, pairing)
    pairing.link_engine_ids()
    pairing.link_similar()
    return [old[partner] if partner >= 0 else back.get(at) for at, partner in enumerate(pairing.old_of)]


def _text_and_character(line: ScriptLine) -> Hashable:
    return line.text, line.character, line.kind


def _text_and_kind(line: ScriptLine) -> Hashable:
    return line.text, line.kind


def _may_be(old: ScriptLine, new: ScriptLine) -> bool:
    """Whether the author's ids allow that they are one line."""
    return not (old.author_id and new.author_id) or old.author_id == new.author_id


def _returned(away: Sequence[Line], new: Sequence[ScriptLine], pairing: "_Pairing") -> dict[int, Line]:
    """The unmatched lines of `new` that were retired: the same author's id, or the same character and text."""
    by_author = {line.author_id: line for line in away if line.author_id}
    by_text: dict[Hashable, list[Line]] = defaultdict(list)
    for other in away:
        by_text[_text_and_character(other)].append(other)
    back: dict[int, Line] = {}
    taken: set[str] = set()
    for at in [at for at, partner in enumerate(pairing.old_of) if partner == _NONE]:
        line = new[at]
        same = [other for other in by_text[_text_and_character(line)] if _may_be(other, line)]
        candidates = [by_author[line.author_id]] if line.author_id in by_author else same
        free = [other for other in candidates if other.line_id not in taken]
        if free:
            back[at] = next((other for other in reversed(free) if other.label == line.label), free[-1])
            taken.add(back[at].line_id)
            pairing.old_of[at] = _AWAY
    return back


_NONE = -1  # not linked yet
_AWAY = -2  # is a retired line


class _Pairing:
    """Which old line each new line is, filled in step by step; indices, `_NONE` for not yet."""

    def __init__(self, old: Sequence[ScriptLine], new: Sequence[ScriptLine]) -> None:
        self.old, self.new = old, new
        self.old_of = [_NONE] * len(new)
        self.new_of = [_NONE] * len(old)

    def link(self, o: int, n: int) -> None:
        self.old_of[n], self.new_of[o] = o, n

    def _is_open(self, o: int, n: int) -> bool:
        in_range = 0 <= o < len(self.old) and 0 <= n < len(self.new)
        return in_range and self.new_of[o] == _NONE == self.old_of[n] and _may_be(self.old[o], self.new[n])

    def _open_old(self) -> list[int]:
        return [o for o, n in enumerate(self.new_of) if n == _NONE]

    def _open_new(self) -> list[int]:
        return [n for n, o in enumerate(self.old_of) if o == _NONE]

    def link_author_ids(self) -> None:
        by_id = {line.author_id: o for o, line in enumerate(self.old) if line.author_id}
        for n, line in enumerate(self.new):
            o = by_id.get(line.author_id, _NONE)
            if o >= 0 and self._is_open(o, n):
                self.link(o, n)

    def link_same(self, key: Callable[[ScriptLine], Hashable]) -> None:
        """Lines of the same key: the unique ones, then outward from those, then the nearest (P. Heckel, 1978)."""
        old_keys, new_keys = [key(line) for line in self.old], [key(line) for line in self.new]
        old_places, new_places = _places(old_keys, self._open_old()), _places(new_keys, self._open_new())
        for k, places in new_places.items():
            if len(places) == 1 == len(old_places.get(k, ())):
                self._link_if_open(old_places[k][0], places[0])
        self._grow(old_keys, new_keys)
        self._link_nearest(old_keys, new_keys)

    def _link_if_open(self, o: int, n: int) -> None:
        if self._is_open(o, n):
            self.link(o, n)

    def _grow(self, old_keys: Sequence[Hashable], new_keys: Sequence[Hashable]) -> None:
        """From every linked pair, and from both ends of the file, to the same neighbours."""
        n_old, n_new = len(self.old), len(self.new)
        for step, start, end, o_start in ((1, 0, n_new, -1), (-1, n_new - 1, -1, n_old)):
            o = o_start
            for n in range(start, end, step):
                if o != _NONE or n == start:
                    beside = o + step
                    if self._is_open(beside, n) and old_keys[beside] == new_keys[n]:
                        self.link(beside, n)
                o = self.old_of[n] if self.old_of[n] >= 0 else _NONE

    def _link_nearest(self, old_keys: Sequence[Hashable], new_keys: Sequence[Hashable]) -> None:
        """Repeated lines whose neighbours decided nothing: the same label first, then the nearest place."""
        old_places, new_places = _places(old_keys, self._open_old()), _places(new_keys, self._open_new())
        expected = self._expected_places() if new_places.keys() & old_places.keys() else []
        for k in new_places.keys() & old_places.keys():
            olds, news = old_places[k], new_places[k]
            if len(olds) * len(news) > 10_000:  # hundreds of "..." in a row: their order is as good as their places
                pairs: Iterable[tuple[int, int]] = list(zip(olds, news, strict=False))
            else:
                pairs = sorted(
                    ((o, n) for n in news for o in olds),
                    key=lambda p: (
                        self.old[p[0]].label != self.new[p[1]].label,
                        abs(p[0] - expected[p[1]]),
                        p[1],
                        p[0],
                    ),
                )
            for o, n in pairs:
                self._link_if_open(o, n)

    def _expected_places(self) -> list[int]:
        """For each new line the place in `old` that its nearest linked neighbour points to."""
        before = list(_carried(self.old_of, 1))
        after = list(_carried(self.old_of[::-1], -1))[::-1]
        return [b[0] if b[1] <= a[1] else a[0] for b, a in zip(before, after, strict=True)]

    def link_engine_ids(self) -> None:
        """The same engine id with another text: an interpolated value changed."""
        old_ids = _places_of_aliases(self.old, self._open_old())
        new_ids = _places_of_aliases(self.new, self._open_new())
        for alias, places in new_ids.items():
            if len(places) == 1 == len(old_ids.get(alias, ())):
                self._link_if_open(old_ids[alias][0], places[0])

    def link_similar(self) -> None:
        open_old, open_new = self._open_old(), self._open_new()
        if not open_old or not open_new:
            return
        gaps_old, gaps_new = _gaps(self.new_of), _gaps(self.old_of)
        n_old_in, n_new_in = Counter(gaps_old[o] for o in open_old), Counter(gaps_new[n] for n in open_new)
        old_texts = {o: self.old[o].text.casefold() for o in open_old}
        scored: list[tuple[float, int, int, int]] = []
        expected = self._expected_places()
        for n in open_new:
            text = self.new[n].text.casefold()
            gap = gaps_new[n]
            # The same gap seen from the other side: its borders, each as the line it is linked to.
            there = (self._old_border(gap[0]), self._old_border(gap[1]))
            for o in self._near(open_old, len(open_new), expected[n]):
                n_sides = (gaps_old[o][0] == there[0]) + (gaps_old[o][1] == there[1])
                is_alone = n_sides == 2 and n_old_in[gaps_old[o]] == 1 == n_new_in[gap]
                is_same_voice = self.old[o].character == self.new[n].character
                need = _needed_similarity(n_sides, is_alone=is_alone, is_same_voice=is_same_voice)
                likeness = fuzz.ratio(old_texts[o], text, score_cutoff=100 * need) / 100
                if likeness == 0.0 and is_alone and is_same_voice and Levenshtein.distance(old_texts[o], text) <= 2:
                    likeness = need  # "No." -> "Yo!": too short for a ratio
                if likeness >= need and _may_be(self.old[o], self.new[n]):
                    score = likeness + 0.1 * n_sides + 0.1 * is_same_voice
                    scored.append((-score, abs(o - expected[n]), n, o))
        for _, _, n, o in sorted(scored):
            self._link_if_open(o, n)

    def _old_border(self, n: int) -> int:
        return n if n in (_START, _END) else self.old_of[n]

    def _near(self, open_old: Sequence[int], n_new: int, place: int) -> Sequence[int]:
        if len(open_old) * n_new <= _ALL_PAIRS:
            return open_old
        middle = bisect_left(open_old, place)
        return open_old[max(0, middle - _WINDOW) : middle + _WINDOW]


_START, _END = -10, -11


def _needed_similarity(n_sides: int, *, is_alone: bool, is_same_voice: bool) -> float:
    """How alike, 0 to 1, two texts must be to be one line, given its place.

    Measured on 849 pairs of different lines of one character in a visual novel: median 0.27 to 0.38, 95 % below 0.46,
    99 % below 0.56. So a line alone between its old neighbours may be half rewritten; one that also moved may not.
    """
    if is_alone and is_same_voice:
        return 0.45
    return (0.75, 0.65, 0.55)[n_sides] + (0.0 if is_same_voice else 0.15)


def _places(keys: Sequence[Hashable], at: Iterable[int]) -> dict[Hashable, list[int]]:
    places: dict[Hashable, list[int]] = {}
    for index in at:
        places.setdefault(keys[index], []).append(index)
    return places


def _places_of_aliases(lines: Sequence[ScriptLine], at: Iterable[int]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for index in at:
        for alias in lines[index].aliases:
            places.setdefault(alias, []).append(index)
    return places


def _carried(partners: Sequence[int], step: int) -> Iterator[tuple[int, int]]:
    """For each place (expected partner, distance) from the last linked place before it; far where there is none."""
    last, distance = (0 if step > 0 else -1), 1_000_000
    for partner in partners:
        last, distance = (partner, 0) if partner >= 0 else (last + step, distance + 1)
        yield last, distance


def _gaps(partners: Sequence[int]) -> list[tuple[int, int]]:
    """For each place the nearest linked places before and after it."""
    before, after = [], []
    last = _START
    for at, partner in enumerate(partners):
        before.append(last)
        last = at if partner >= 0 else last
    last = _END
    for at in range(len(partners) - 1, -1, -1):
        after.append(last)
        last = at if partners[at] >= 0 else last
    return list(zip(before, reversed(after), strict=True))


# Translations ------------------------------------------------------------------------------------------------------


def match_translation(base: Sequence[Line], parsed: Sequence[ScriptLine], path: str = "") -> TranslationMatching:
    """The lines of a translation with the ids of their originals, in the original's order.

    A translation is found by the engine's or author's ids of the original line, also by those it had before (then it is
    `outdated`: made for an earlier wording). The character and style stay the original's. Strings of a menu are
    translated wherever they occur. `path` is for problems: translations of lines that the original does not have.
    """
    by_alias: dict[str, int] = {}
    for at, line in enumerate(parsed):
        for alias in line.aliases:
            by_alias.setdefault(alias, at)
    current = {alias for line in base for alias in line.aliases}
    used: set[int] = set()
    lines: list[Line] = []
    missing: list[str] = []
    outdated: list[str] = []
    for original in base:
        is_current = any(alias in by_alias for alias in original.aliases)
        past = [alias for alias in reversed(original.past_aliases) if alias not in current]
        found = [by_alias[alias] for alias in (*original.aliases, *past) if alias in by_alias]
        if not found:
            missing.append(original.line_id)
            continue
        used.add(found[0])
        outdated += [] if is_current else [original.line_id]
        lines.append(_translated(original, parsed[found[0]]))
    return TranslationMatching(
        lines=tuple(lines),
        problems=tuple(_orphans(parsed, used, path)),
        missing=tuple(missing),
        outdated=tuple(outdated),
    )


def _translated(original: Line, translation: ScriptLine) -> Line:
    return replace(original, text=translation.text, lang=translation.lang, source_line=translation.source_line)


def _orphans(parsed: Sequence[ScriptLine], used: set[int], path: str) -> Iterator[Problem]:
    known = {alias for at in used for alias in parsed[at].aliases}
    for at, line in enumerate(parsed):
        if at in used or any(alias.startswith(STRING_ALIAS) for alias in line.aliases):
            continue
        name = line.aliases[0] if line.aliases else "a line without an id"
        if name in known:
            yield Problem(path, line.source_line, f"a second translation of '{name}'", "keep one of the two")
        else:
            what = f"a translation of '{name}', which the original does not have"
            yield Problem(path, line.source_line, what, "generate the translations anew, or remove this one")
