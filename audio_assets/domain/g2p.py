"""English words to phonemes: a lexicon, the endings -s -ed -ing, and the words around.

Conventions: phonemes are in the alphabet of the misaki lexicon and of Kokoro (`A I O Q W Y` are diphthongs, `ˈ ˌ`
stress). The lexicon's two tables are given by the caller: no file is read here. Words outside it are the caller's
`fallback`'s. What is said for figures and signs is settled before, in `spoken_text`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Entry = str | Mapping[str, str | None]
"""Phonemes, or phonemes by part of speech (`DEFAULT`, `VERB`, `NOUN`, `None` before a pause ...)."""

VOWELS = frozenset("AIOQWYaiuæɑɒɔəɛɜɪʊʌᵻɐ")
_CONSONANTS = frozenset("bdfhjklmnpstvwzðŋɡɹɾʃʒʤʧθT")
_TAPPED_AFTER = frozenset("AIOWYiuæɑəɛɪɹʊʌ")
"""After these an American t between vowels is a tap."""

_EXTRA: dict[str, str] = {
    "hmm": "həm", "hm": "həm", "mm": "əm", "mmm": "əm", "mhm": "əmhˈʌm",
    "umm": "ˈʌm", "uhh": "ˈʌ", "ugh": "ˈʌɡ", "shh": "ʃˈ", "sh": "ʃ",
    "psst": "pst", "tsk": "tɪsk", "argh": "ˈɑɹɡ", "aargh": "ˈɑɹɡ", "grr": "ɡɹˈɜɹ", "eh": "ˈA", "wuh": "wə",
    "whuh": "wə", "heh": "hˈɛ", "hehe": "hˈɛhˌɛ", "ahh": "ˈɑ", "aww": "ˈɔ", "ooh": "ˈu", "oof": "ˈuf", "eek": "ˈik",
    "'til": "tˈɪl", "'em": "əm", "o'clock": "əklˈɑk", "gimme": "ɡˈɪmi", "kinda": "kˈIndə", "sorta": "sˈɔɹɾə",
}  # fmt: skip
"""Interjections and slips of the tongue that the lexicon lacks or has as they are spelled."""

_BEFORE_VERB = frozenset(
    [
        "to",
        "will",
        "would",
        "shall",
        "should",
        "can",
        "could",
        "may",
        "might",
        "must",
        "do",
        "does",
        "did",
        "don't",
        "doesn't",
        "didn't",
        "can't",
        "won't",
        "wouldn't",
        "couldn't",
        "shouldn't",
        "i",
        "you",
        "we",
        "they",
        "who",
        "let's",
        "let",
        "please",
        "not",
        "never",
        "always",
        "both",
        "i'll",
        "you'll",
        "we'll",
        "they'll",
        "he'll",
        "she'll",
        "it'll",
        "i'd",
        "you'd",
        "we'd",
        "they'd",
        "gonna",
        "wanna",
        "gotta",
        "cannot",
        "all",
        "just",
        "people",
    ]
)
_BEFORE_NOUN = frozenset(
    [
        "the",
        "a",
        "an",
        "my",
        "your",
        "his",
        "her",
        "its",
        "our",
        "their",
        "this",
        "that",
        "these",
        "those",
        "some",
        "any",
        "no",
        "every",
        "each",
        "of",
        "in",
        "on",
        "at",
        "for",
        "with",
        "by",
        "from",
        "another",
        "one",
        "own",
        "more",
        "what",
        "which",
        "whose",
    ]
)
_BEFORE_PARTICIPLE = frozenset(
    [
        "have",
        "has",
        "had",
        "having",
        "i've",
        "you've",
        "we've",
        "they've",
        "he's",
        "she's",
        "it's",
        "been",
        "was",
        "were",
        "is",
        "are",
        "be",
        "being",
        "'m",
        "i'm",
        "you're",
        "we're",
        "haven't",
        "hasn't",
        "hadn't",
    ]
)
_NOUN_NEXT = frozenset(
    [
        "music",
        "show",
        "shows",
        "concert",
        "band",
        "stream",
        "broadcast",
        "audience",
        "performance",
        "recording",
        "coverage",
        "event",
        "wire",
        "ammo",
        "tv",
        "feed",
    ]
)


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The misaki tables of one accent: `gold` was checked by people, `silver` was not."""

    gold: Mapping[str, Entry]
    silver: Mapping[str, Entry]
    is_british: bool = False

    def entry(self, word: str) -> Entry | None:
        """Return what stands for `word`, or for it with a capital or without, else None."""
        spellings = (word, word.lower(), word.capitalize())
        for table in (self.gold, self.silver):
            for spelling in spellings:
                if spelling in table:
                    return table[spelling]
        return None

    def __contains__(self, word: str) -> bool:
        return self.entry(word) is not None


def phonemes(
    words: Sequence[str],
    is_before_pause: Sequence[bool],
    lexicon: Lexicon,
    *,
    fallback: Callable[[str], str],
    is_emphasised: Sequence[bool] = (),
) -> list[str]:
    """Return the phonemes of each of `words`, which are spoken in this order.

    `fallback` gives the phonemes of a word that neither the lexicon nor the rules know. What follows a word decides
    its form: `the` before a vowel, `have` before a pause.
    """
    loud = is_emphasised or [False] * len(words)
    found: list[str] = [""] * len(words)
    next_sound = ""
    for at in range(len(words) - 1, -1, -1):
        if is_before_pause[at]:
            next_sound = ""
        previous = words[at - 1].lower() if at > 0 and not is_before_pause[at - 1] else ""
        following = words[at + 1].lower() if at + 1 < len(words) and not is_before_pause[at] else ""
        context = _Context(previous, following, next_sound)
        said = _word(words[at], context, lexicon)
        if said is None:
            said = fallback(words[at])
        found[at] = _louder(said) if loud[at] else said
        next_sound = next((c for c in found[at] if c in VOWELS or c in _CONSONANTS), next_sound)
    return found


@dataclass(frozen=True, slots=True)
class _Context:
    previous: str
    following: str
    next_sound: str
    """The next word's first sound; empty before a pause."""


def _word(word: str, context: _Context, lexicon: Lexicon) -> str | None:
    weak = _weak_form(word, context)
    if weak is not None:
        return weak
    lower = word.lower()
    if lower in _EXTRA:
        return _EXTRA[lower]
    if re.fullmatch(r"[A-Z](?:'s)?", word):
        return _spelled(word, lexicon)
    for candidate in _spellings(word):
        said = _known(candidate, context, lexicon)
        if said is not None:
            return said
    if re.fullmatch(r"[A-Z]{2,4}s?", word):
        return _spelled(word, lexicon)
    return None


def _spellings(word: str) -> list[str]:
    """Return `word`, and what it is with its drawn-out letters shortened: `Nooo` -> `Noo`, `No`."""
    if word.isupper():
        word = word.lower()  # the tables hold `IT` and `US` as words too
    found = [word]
    if re.search(r"([A-Za-z])\1\1", word):
        found += [re.sub(r"([A-Za-z])\1{2,}", r"\1\1", word), re.sub(r"([A-Za-z])\1{2,}", r"\1", word)]
    elif re.search(r"([A-Za-z])\1$", word):
        found.append(word[:-1])
    return found


def _known(word: str, context: _Context, lexicon: Lexicon) -> str | None:
    for rule in (_listed, _with_s, _with_ed, _with_ing, _compound):
        said = rule(word, context, lexicon)
        if said is not None:
            return said
    return None


def _weak_form(word: str, context: _Context) -> str | None:
    """Return the form of the small words that what follows decides, else None."""
    sound = context.next_sound
    is_vowel = sound in VOWELS if sound else False
    match word.lower():
        case "the":
            return "ði" if is_vowel else "ðə"
        case "a" if word == "a" or context.following:
            return "ɐ" if sound else "ˈA"
        case "an":
            return "ɐn"
        case "to":
            return ("tʊ" if is_vowel else "tə") if sound else "tu"
        case "in":
            return "ɪn" if sound else "ˈɪn"
        case "i" if word == "I":
            return "ˌI"
        case "am" if word == "am":
            return "ɐm" if sound else "ˈæm"
        case "used":
            return "jˈust" if context.following == "to" and context.previous not in _BEFORE_PARTICIPLE - {"i"} else None
    return None


def _listed(word: str, context: _Context, lexicon: Lexicon) -> str | None:
    entry = lexicon.entry(word)
    if entry is None or isinstance(entry, str):
        return entry
    if not context.next_sound and entry.get("None"):
        return entry["None"]
    chosen = entry.get(_part_of_speech(word.lower(), context))
    return chosen or entry.get("DEFAULT")


def _part_of_speech(word: str, context: _Context) -> str:
    """Return the likely part of speech of an ambiguous word, by its neighbours."""
    before, after = context.previous, context.following
    if word in ("read", "reread"):
        return "VBN" if before in _BEFORE_PARTICIPLE or before in ("he", "she", "it", "already", "once") else "DEFAULT"
    if word == "wound":
        return "VBN" if after == "up" or before in ("i", "we", "they", "he", "she") else "DEFAULT"
    if word == "that":
        return "DEFAULT"
    if word in ("live", "lives"):
        is_noun = before in _BEFORE_NOUN - {"that", "who"} if word == "lives" else after in _NOUN_NEXT or before == "a"
        return "DEFAULT" if is_noun or before in ("is", "are", "was", "were", "our", "their", "your") else "VERB"
    if word == "close":
        is_verb = after in ("the", "my", "your", "his", "her", "it", "this", "that", "our", "their", "up", "down")
        return "VERB" if is_verb and before not in ("so", "too", "very", "is", "was", "are") else "DEFAULT"
    if word == "use":
        return "NOUN" if before in _BEFORE_NOUN - {"that", "which"} else "DEFAULT"
    if before in _BEFORE_VERB:
        return "VERB"
    return "NOUN" if before in _BEFORE_NOUN else "DEFAULT"


def _with_s(word: str, context: _Context, lexicon: Lexicon) -> str | None:
    if word.endswith("s'"):
        return _known(word[:-1], context, lexicon)
    if len(word) < 3 or not word.endswith("s"):
        return None
    stems = [word[:-2]] if word.endswith("'s") else [] if word.endswith("ss") else [word[:-1]]
    if len(word) > 4 and word.endswith("ies"):
        stems.append(word[:-3] + "y")
    elif len(word) > 4 and word.endswith("es"):
        stems.append(word[:-2])
    stem = _stem(stems, context, lexicon, is_possessive=word.endswith("'s"))
    if stem is None:
        return None
    if stem[-1] in "ptkfθ":
        return stem + "s"
    return stem + ("ɪz" if lexicon.is_british else "ᵻz") if stem[-1] in "szʃʒʧʤ" else stem + "z"


def _with_ed(word: str, context: _Context, lexicon: Lexicon) -> str | None:
    if len(word) < 4 or not word.endswith("d"):
        return None
    stems: list[str] = []
    if len(word) > 4 and word.endswith("ied"):
        stems.append(word[:-3] + "y")
    if word.endswith("ed"):
        stems += [word[:-1], word[:-2]] + ([word[:-3]] if re.search(r"([bdgklmnprtvz])\1ed$", word) else [])
    if word.endswith("'d"):
        stems.append(word[:-2])
    stem = _stem(stems, context, lexicon)
    if stem is None:
        return None
    if stem[-1] in "pkfθʃsʧ":
        return stem + "t"
    if stem[-1] not in "dt":
        return stem + "d"
    if lexicon.is_british:
        return stem + "ɪd"
    return stem[:-1] + "ɾᵻd" if stem[-1] == "t" and stem[-2:-1] in _TAPPED_AFTER else stem + "ᵻd"


def _with_ing(word: str, context: _Context, lexicon: Lexicon) -> str | None:
    if word.endswith("in'"):
        said = _known(word[:-1] + "g", context, lexicon)
        return said[:-1] + "n" if said is not None and said.endswith("ŋ") else None
    if len(word) < 5 or not word.endswith("ing"):
        return None
    stems = [word[:-3], word[:-3] + "e"] + ([word[:-4]] if re.search(r"([bcdgklmnprstvxz])\1ing$", word) else [])
    stem = _stem(stems, context, lexicon)
    if stem is None or (lexicon.is_british and stem[-1] in "əː"):
        return None
    if not lexicon.is_british and stem[-1] == "t" and stem[-2:-1] in _TAPPED_AFTER:
        return stem[:-1] + "ɾɪŋ"
    return stem + "ɪŋ"


def _stem(stems: Sequence[str], context: _Context, lexicon: Lexicon, *, is_possessive: bool = False) -> str | None:
    """Return the phonemes of the first of `stems` that the lexicon holds; a verb's, but for a possessive."""
    known = next((stem for stem in stems if len(stem) > 1 and stem in lexicon), None)
    if known is None:
        return None
    inner = _Context("the" if is_possessive else context.previous, "", "-")
    return _listed(known, inner, lexicon) or None


def _compound(word: str, _context: _Context, lexicon: Lexicon) -> str | None:
    """Return two known words written as one (`bookshelf`, `classmate`), the first one stressed; else None."""
    if not word.isalpha() or len(word) < 8:
        return None
    for cut in range(len(word) - 3, 3, -1):
        first, second = lexicon.gold.get(word[:cut].lower()), lexicon.gold.get(word[cut:].lower())
        if isinstance(first, str) and isinstance(second, str) and "ˈ" in first and "ˈ" in second:
            return first + second.replace("ˈ", "ˌ")
    return None


def _spelled(word: str, lexicon: Lexicon) -> str | None:
    """Return the names of the letters, the last one stressed: `FBI` -> `ˌɛfbˌiˈI`."""
    letters, _, rest = word.partition("'")
    if not rest and re.fullmatch(r"[A-Z]+s", letters):
        letters, rest = letters[:-1], "s"
    names = [lexicon.gold.get(letter) for letter in letters]
    said = "".join(name if isinstance(name, str) else "" for name in names).replace("ˈ", "ˌ")
    if not said:
        return None
    before, _, last = said.rpartition("ˌ")
    return f"{before}ˈ{last}" + ("z" if rest else "")


def _louder(said: str) -> str:
    """Return `said` with a primary stress, as capitals ask for."""
    if "ˈ" in said:
        return said
    if "ˌ" in said:
        return said.replace("ˌ", "ˈ", 1)
    at = next((i for i, c in enumerate(said) if c in VOWELS), None)
    return said if at is None else f"{said[:at]}ˈ{said[at:]}"


def shared_out(together: str, alone: Sequence[str]) -> list[str]:
    """Return the phonemes `together` of some words, cut into one share per word; joined they are `together` again.

    `alone` holds the phonemes each word has when spoken by itself. Where a reader speaks words as one (`of the`) or
    links them (`les enfants`), the cuts are those at which the shares are closest to `alone` by edit distance.
    """
    groups = together.split()
    if len(groups) == len(alone):
        return groups
    whole = "".join(groups)
    n = len(whole)
    cost = [0.0] + [float("inf")] * n  # cost[j]: the words so far stand for whole[:j]
    cuts: list[list[int]] = []
    for word in alone:
        better, came_from = [float("inf")] * (n + 1), [0] * (n + 1)
        for start in range(n + 1):
            if cost[start] == float("inf"):
                continue
            distances = _distances(word.replace(" ", ""), whole[start : start + 3 * len(word) + 8])
            for length, distance in enumerate(distances):
                if cost[start] + distance < better[start + length]:
                    better[start + length], came_from[start + length] = cost[start] + distance, start
        cost = better
        cuts.append(came_from)
    edges = [n]
    for came_from in reversed(cuts):
        edges.append(came_from[edges[-1]])
    edges.reverse()
    return [whole[a:b] for a, b in pairwise(edges)]


def _distances(word: str, text: str) -> list[int]:
    """Return the edit distance between `word` and each beginning of `text`, the empty one first."""
    row = list(range(len(text) + 1))
    for i, letter in enumerate(word, start=1):
        before, row[0] = row[0], i
        for j, other in enumerate(text, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (letter != other))
    return row
