"""Ren'Py scripts: their dialogue, without Ren'Py.

Here: the part of the language that decides what is said by whom, and the ids that Ren'Py itself gives to lines. Not
here: text markup (`markup`), and everything that only shows or computes something: it is skipped.

Three steps: `_logical_lines` (strings, brackets, comments), `_blocks` (indentation), `_Reader` (statements). A line
that can not be read is a `Problem` and costs only itself.

Facts from Ren'Py's source (renpy/translation, ast.Say.get_code, lexer): a line's id is its label, `_`, and the first 8
hex digits of the MD5 of the say statement in Ren'Py's own spelling followed by CR LF; a `voice` or `nvl clear` before
it is part of it; a second line of the same id gets `_1`; a label after `call ... from` counts; one that begins with `_`
gives a second id.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from audio_assets.domain.lines import NARRATOR, STRING_ALIAS, ParsedScript, Problem, ScriptLine
from audio_assets.domain.scripts.markup import MarkupError, plain_text, speakable

_LANGUAGES = {
    "arabic": "ar", "brazilian_portuguese": "pt-br", "catalan": "ca", "chinese": "zh", "czech": "cs", "danish": "da",
    "dutch": "nl", "english": "en", "finnish": "fi", "french": "fr", "german": "de", "greek": "el", "hebrew": "he",
    "hindi": "hi", "hungarian": "hu", "indonesian": "id", "italian": "it", "japanese": "ja", "korean": "ko",
    "malay": "ms", "norwegian": "no", "persian": "fa", "polish": "pl", "portuguese": "pt", "romanian": "ro",
    "russian": "ru", "schinese": "zh", "simplified_chinese": "zh", "spanish": "es", "swedish": "sv",
    "tchinese": "zh-tw", "thai": "th", "traditional_chinese": "zh-tw", "turkish": "tr", "ukrainian": "uk",
    "vietnamese": "vi",
}  # fmt: skip
_TAG = re.compile(r"[a-z]{2,3}(?:[-_][a-z0-9]{2,8})*")


def language_tag(name: str) -> str:
    """The BCP 47 tag of a language as a `tl` folder names it (`french`, `pt_br`); "" for an unknown one."""
    lowered = name.lower()
    known = _LANGUAGES.get(lowered)
    return known or (lowered.replace("_", "-") if _TAG.fullmatch(lowered) else "")


def parse_renpy(
    text: str,
    path: str,
    *,
    variables: Mapping[str, str],
    voice_menu_choices: bool = False,
    characters: Mapping[str, str] | None = None,
) -> ParsedScript:
    """The dialogue of a Ren'Py script; `text` has newlines only.

    `characters` (short name -> display name) are those that other files define.
    """
    problems: list[Problem] = []
    logical = list(_logical_lines(text, path, problems))
    defined = _characters(logical)
    reader = _Reader(path, variables, {**(characters or {}), **defined}, voice_menu_choices, problems)
    reader.read(_blocks(logical, path, problems))
    return reader.parsed(defined)


# Logical lines -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Logical:
    """One statement: its first line's number, its indentation in spaces, its text without comments."""

    number: int
    indent: int
    text: str


_TOKEN = re.compile(
    r"""
      (?P<newline>\n)
    | (?P<comment>\#[^\n]*)
    | (?P<string> \"{3} [^"\\]* (?: (?: \\. | "(?!"") ) [^"\\]* )* \"{3}
                | '{3} [^'\\]* (?: (?: \\. | '(?!'') ) [^'\\]* )* '{3}
                | `{3} [^`\\]* (?: (?: \\. | `(?!``) ) [^`\\]* )* `{3}
                | " [^"\\]* (?: \\. [^"\\]* )* "
                | ' [^'\\]* (?: \\. [^'\\]* )* '
                | ` [^`\\]* (?: \\. [^`\\]* )* ` )
    | (?P<quote>["'`])
    | (?P<open>[(\[{])
    | (?P<close>[)\]}])
    | (?P<joined>\\\n)
    | (?P<other>[^\n\#"'`()\[\]{}\\]+|\\)
    """,
    re.VERBOSE | re.DOTALL,
)
# What may follow a string that began on an earlier line. Anything else says that the earlier line forgot its quote.
_AFTER_STRING = re.compile(
    r"[ \t]*(?:$|[,):\]}.+%#(=]|nointeract\b|with\b|id\b|if\b|for\b|and\b|or\b|in\b|[\"'`][ \t]*$)", re.MULTILINE
)
_NEW_LABEL = re.compile(r"^(?:label|init|define|default|screen|translate|style|transform|image)\b", re.MULTILINE)
_MAX_BRACKETED = 400_000  # characters that one bracket may span: ten thousand rows of a data table
_MIN_BRACKETED = 400
_MAX_DEPTH = 100


def _logical_lines(text: str, path: str, problems: list[Problem]) -> Iterator[_Logical]:
    number, at, reach = 1, 0, _MAX_BRACKETED
    tabbed: list[int] = []
    while at < len(text):
        end, fault = _statement_end(text, at, reach)
        if fault is not None:
            problems.append(Problem(path, number, *fault))
            end = _end_of_line(text, at)
            reach = max(_MIN_BRACKETED, reach // 2)  # else a file full of open brackets takes quadratic time
        else:
            body = _without_comments(text[at:end])
            bare = body.lstrip(" ")
            if bare.startswith("\t") and bare.strip():
                tabbed.append(number)
            elif bare.strip():
                yield _Logical(number, len(body) - len(bare), bare.rstrip())
        number += text.count("\n", at, end + 1)
        at = end + 1
    if tabbed:
        what = "the line is indented with a tab" + (f", and {len(tabbed) - 1} more below are" if tabbed[1:] else "")
        problems.append(Problem(path, tabbed[0], what, "indent with spaces, as Ren'Py asks"))


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _statement_end(text: str, start: int, reach: int) -> tuple[int, tuple[str, str] | None]:
    """Where the statement that begins at `start` ends; or (what is wrong with it, what to do).

    A bracket that does not close within `reach` characters, or before the next label, is taken as left open.
    """
    depth, at = 0, start
    while (match := _TOKEN.match(text, at)) is not None:
        kind = match.lastgroup
        if kind == "newline" and depth == 0:
            return at, None
        if kind == "newline" and (match.end() - start > reach or _NEW_LABEL.match(text, match.end())):
            break
        if kind == "quote" or (kind == "string" and "\n" in match[0] and not _may_span_lines(text, match)):
            if depth and "\n" in text[start:at]:
                break
            return at, ("a string is not closed", f"end it with {match[0][0]}")
        depth = max(0, depth + (kind == "open") - (kind == "close"))
        at = match.end()
    return at, ("a bracket is not closed", "close it") if depth else None


def _may_span_lines(text: str, string: re.Match[str]) -> bool:
    is_triple = len(string[0]) >= 6 and string[0][:3] == string[0][0] * 3
    return is_triple or _AFTER_STRING.match(text, string.end()) is not None


def _without_comments(statement: str) -> str:
    if "#" not in statement:
        return statement
    return "".join(match[0] for match in _TOKEN.finditer(statement) if match.lastgroup != "comment")


# Blocks ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Node:
    """A statement and the block that is indented under it."""

    number: int
    text: str
    block: "list[_Node]" = field(default_factory=list)


def _blocks(logical: Iterable[_Logical], path: str, problems: list[Problem]) -> list[_Node]:
    root: list[_Node] = []
    levels: list[tuple[int, list[_Node]]] = [(0, root)]
    for line in logical:
        fault = _enter_level(line.indent, levels)
        if fault is None:
            levels[-1][1].append(_Node(line.number, line.text))
        else:
            problems.append(Problem(path, line.number, *fault))
    return root


def _enter_level(indent: int, levels: list[tuple[int, list[_Node]]]) -> tuple[str, str] | None:
    """Leave or enter blocks, so that the last of `levels` is the one of `indent`; or (what is wrong, what to do)."""
    depths = [depth for depth, _ in levels]
    if indent in depths:
        del levels[depths.index(indent) + 1 :]
        return None
    parent = levels[-1][1][-1] if levels[-1][1] else None
    if indent < depths[-1] or parent is None or parent.block:
        return "the indentation matches no line above", "align the line with its block"
    if len(levels) > _MAX_DEPTH:
        return f"the line is nested more than {_MAX_DEPTH} deep", "move it to a label of its own"
    levels.append((indent, parent.block))
    return None


# Characters --------------------------------------------------------------------------------------------------------

_NAME = r"[A-Za-z_\u00a0-\ufffd][0-9A-Za-z_\u00a0-\ufffd]*"
_DEFINITION = re.compile(
    rf"(?:(?:define|default)\s+(?:-?\d+\s+)?|\$\s*)?(?P<short>{_NAME}(?:\.{_NAME})*)\s*=\s*(?P<kind>Dynamic)?Character\s*\("
    r"\s*(?:name\s*=\s*)?(?P<name>None\b|(?:_\s*\(\s*)?(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'))?"
)


def _characters(logical: Iterable[_Logical]) -> dict[str, str]:
    """Short name -> display name of every `Character(...)` in the file.

    The narrator for `Character(None)`; the short name where the display name is computed while the game runs.
    """
    found: dict[str, str] = {}
    for line in logical:
        if "Character" not in line.text:
            continue
        match = _DEFINITION.match(line.text)
        if match is None:
            continue
        short = match["short"].removeprefix("store.")
        found[short] = NARRATOR if short == NARRATOR else _display_name(short, match)
    return found


def _display_name(short: str, definition: re.Match[str]) -> str:
    if definition["kind"] or (
        definition["name"] is None and definition.string[definition.end() : definition.end() + 1] != ")"
    ):
        return short
    if definition["string"] is None:
        return NARRATOR
    name = _dequoted(definition["string"][1:-1])
    if "[" in name.replace("[[", ""):
        return short
    return _name_text(name) or NARRATOR


def _name_text(name: str) -> str:
    try:
        return speakable(name, {})
    except MarkupError:
        return plain_text(name)


# Strings -----------------------------------------------------------------------------------------------------------

_ESCAPE = re.compile(r"\\(u([0-9a-fA-F]{1,4})|.)", re.DOTALL)
_KEPT_ESCAPES = {"{": "{{", "[": "[[", "%": "%%", "n": "\n"}


def _dequoted(body: str) -> str:
    """The value of a string's inside: runs of spaces and newlines are one space, then the escapes."""
    return _unescaped(re.sub(r"[ \n]+", " ", body))


def _unescaped(body: str) -> str:
    def sign(match: re.Match[str]) -> str:
        return chr(int(match[2], 16)) if match[2] else _KEPT_ESCAPES.get(match[1], match[1])

    return _ESCAPE.sub(sign, body)


def _paragraphs(body: str, delimiter: str) -> list[str]:
    """The lines of a triple-quoted string; `delimiter` between them, "" for one line only."""
    body = re.sub(r" *\n *", "\n", body)
    parts = body.split(delimiter) if delimiter else [body]
    spaces = r"[ \n]+" if delimiter else r" +"
    return [_unescaped(re.sub(spaces, " ", part.strip())) for part in parts if part.strip()]


def _requoted(what: str) -> str:
    """`what` as Ren'Py writes it back: this decides the line's id."""
    escaped = what.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return '"' + re.sub(r"(?<= ) ", r"\\ ", escaped) + '"'


# Say statements ----------------------------------------------------------------------------------------------------

_SPACE = re.compile(r"(?:\s|\\\n)*")
_STRING = re.compile(r"(?P<raw>r?)(?P<q>\"{3}|'{3}|`{3}|[\"'`])(?P<body>(?:(?!(?P=q))[^\\]|\\.)*)(?P=q)", re.DOTALL)
_WORD = re.compile(_NAME)
_ATTRIBUTE = re.compile(r"[-!]?[0-9A-Za-z_\u00a0-\ufffd]+(?![\"'`(.\w])|@")
_MONOLOGUE = {"double": "\n\n", "single": "\n", "none": ""}
_NO_NAMES = {
    "as", "at", "behind", "call", "expression", "hide", "if", "in", "image", "init", "jump", "menu", "onlayer",
    "python", "return", "scene", "set", "show", "with", "while", "zorder", "transform",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Say:
    """A say statement: `who` as written ("" for narration), one or more texts, and the rest in Ren'Py's spelling."""

    who: str
    attributes: tuple[str, ...]
    texts: tuple[str, ...]
    interact: bool
    explicit_id: str
    arguments: str
    with_: str

    def code(self, what: str) -> str:
        """The statement in Ren'Py's own spelling, for `what` of its texts."""
        parts = [self.who, *self.attributes, _requoted(what), "" if self.interact else "nointeract"]
        parts += [f"id {self.explicit_id}" if self.explicit_id else "", self.arguments]
        parts += [f"with {self.with_}" if self.with_ else ""]
        return " ".join(part for part in parts if part)

    @property
    def style(self) -> str:
        return " ".join(a for a in self.attributes if a != "@" and a[0] not in "-!")


class _Cursor:
    """A place in a statement."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        self.skip()
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return match

    def skip(self) -> None:
        space = _SPACE.match(self.text, self.at)
        self.at = space.end() if space else self.at

    def keyword(self, word: str) -> bool:
        start = self.at
        match = self.take(_WORD)
        if match is not None and match[0] == word:
            return True
        self.at = start
        return False

    def bracketed(self) -> str:
        """The text of the brackets that open here, with them; "" where none does."""
        start, depth = self.at, 0
        for token in _TOKEN.finditer(self.text, start):
            depth += (token.lastgroup == "open") - (token.lastgroup == "close")
            if depth == 0:
                self.at = token.end() if token.lastgroup == "close" else start
                break
        return self.text[start : self.at]

    def expression(self) -> str:
        """A simple expression: a name, string or bracket with what hangs on it (`.x`, `(...)`, `[...]`)."""
        self.skip()
        start = self.at
        first = self.take(_STRING) or self.take(_WORD)
        if not first and not self.bracketed():
            return ""
        while self.at < len(self.text) and self.text[self.at] in ".([":
            if self.text[self.at] == ".":
                self.at += 1
                if not self.take(_WORD):
                    break
            elif not self.bracketed():
                break
        return self.text[start : self.at].strip()

    def texts(self, delimiter: str) -> tuple[str, ...] | None:
        """The string here: one text, several for a triple-quoted one; None where there is none."""
        match = self.take(_STRING)
        if match is None:
            return None
        if len(match["q"]) == 3:
            return (match["body"],) if match["raw"] else tuple(_paragraphs(match["body"], delimiter))
        return (match["body"] if match["raw"] else _dequoted(match["body"]),)

    @property
    def is_done(self) -> bool:
        self.skip()
        return self.at >= len(self.text)


def _say(text: str, delimiter: str) -> _Say | None:
    """The say statement that `text` is; None when it is another statement."""
    cursor = _Cursor(text)
    texts = cursor.texts(delimiter)
    if texts is not None:
        say = _finished(cursor, "", (), texts)
        if say is not None:
            return say
    cursor = _Cursor(text)
    who = cursor.expression()
    if not who or who in _NO_NAMES:
        return None
    attributes: list[str] = []
    while attribute := cursor.take(_ATTRIBUTE):
        attributes.append(attribute[0])
    texts = cursor.texts(delimiter)
    return None if texts is None else _finished(cursor, who, tuple(attributes), texts)


def _finished(cursor: _Cursor, who: str, attributes: tuple[str, ...], texts: tuple[str, ...]) -> _Say | None:
    interact, explicit_id, arguments, with_ = True, "", "", ""
    while not cursor.is_done:
        if cursor.keyword("nointeract"):
            interact = False
        elif cursor.keyword("id"):
            name = cursor.take(_WORD)
            if name is None:
                return None
            explicit_id = name[0]
        elif cursor.keyword("with"):
            with_ = cursor.expression()
            if not with_:
                return None
        elif cursor.text[cursor.at] == "(" and (inside := cursor.bracketed()):
            arguments = _arguments(inside)
        else:
            return None
    return _Say(who, attributes, texts, interact, explicit_id, arguments, with_)


def _arguments(bracketed: str) -> str:
    """`( a , b = 1 )` in Ren'Py's spelling: `(a, b=1)`."""
    parts, depth, start = [], 0, 1
    for token in _TOKEN.finditer(bracketed):
        depth += (token.lastgroup == "open") - (token.lastgroup == "close")
        if token.lastgroup == "other" and depth == 1:
            for offset, sign in enumerate(token[0]):
                if sign == ",":
                    parts.append(bracketed[start : token.start() + offset])
                    start = token.start() + offset + 1
    parts.append(bracketed[start:-1])
    keyword = re.compile(rf"({_NAME})\s*=(?!=)\s*")
    return "(" + ", ".join(keyword.sub(r"\1=", p.strip(), count=1) for p in parts if p.strip()) + ")"


# Statements --------------------------------------------------------------------------------------------------------

_SKIPPED = {
    "screen", "style", "transform", "image", "layeredimage", "python", "testcase", "testsuite", "define", "default",
    "$", "scene", "show", "hide", "with", "play", "stop", "queue", "pause", "window", "jump", "return", "pass",
    "camera", "nvl", "rpy",
}  # fmt: skip
"""Statements that say nothing; the blocks under them are not looked into."""
_NARRATORS = {NARRATOR, "centered", "vcentered"}
_NESTED = {"if", "elif", "else", "while", "init"}
"""Statements whose block is more of the script."""
_NEVER_WHO = _SKIPPED | _NESTED | {"label", "menu", "call", "translate", "voice", "old", "new"}
_FIRST = re.compile(r"\$|[\w\u00a0-\ufffd]+")
_LABEL = re.compile(rf"label\s+(?P<name>(?:{_NAME})?(?:\.{_NAME})?)\s*(?P<rest>[(:]|hide\b|$)", re.DOTALL)
_FROM = re.compile(rf"\bfrom\s+({_NAME}(?:\.{_NAME})?)\s*$")
_MENU = re.compile(rf"menu(?:\s+(?P<name>{_NAME}(?:\.{_NAME})?))?\s*(?:\(.*\))?\s*:$", re.DOTALL)
_TRANSLATE = re.compile(r"translate\s+(?P<lang>\w+)\s+(?P<what>[\w.]+)(?P<more>[^:]*):$")
_PYTHON_BLOCK = re.compile(r"(?:init\s+(?:-?\d+\s+)?)?(?:python|screen|style|transform|image|layeredimage|label)\b")
_PART_OF_NEXT_SAY = ("voice", "nvl clear")


@dataclass(slots=True)
class _Scope:
    """What a line's id hangs on, as it changes down the file."""

    label: str = ""
    second_label: str = ""
    last_speaker: str = ""


class _Reader:
    """Walks the blocks and collects lines and problems."""

    def __init__(
        self,
        path: str,
        variables: Mapping[str, str],
        characters: Mapping[str, str],
        has_choices: bool,
        problems: list[Problem],
    ) -> None:
        self._path, self._variables, self._characters, self._has_choices = path, variables, characters, has_choices
        self._problems = problems
        self._lines: list[ScriptLine] = []
        self._translations: list[ScriptLine] = []
        self._languages: Counter[str] = Counter()
        self._first_translation = 0
        self._ids: set[str] = set()
        self._explicit_ids: set[str] = set()
        self._repeats: Counter[str] = Counter()  # where the search for a free number goes on
        self._scope = _Scope()
        self._delimiter = _MONOLOGUE["double"]

    def read(self, nodes: Sequence[_Node]) -> None:
        """Read a whole file."""
        self._explicit_ids = set(_explicit_ids(nodes))
        self._read_block(nodes)

    def parsed(self, defined: Mapping[str, str]) -> ParsedScript:
        if self._lines and self._translations:
            what = "translations stand among the original's lines and are not read"
            self._problem(self._first_translation, what, "move them to a file under tl/<language>/")
        translates = bool(self._languages) and not self._lines
        lines = self._translations if translates else self._lines
        language = self._languages.most_common(1)[0][0] if translates else ""
        return ParsedScript(
            tuple(lines), tuple(sorted(self._problems, key=lambda p: p.line)), dict(defined), translates, language
        )

    def _problem(self, number: int, what: str, remedy: str) -> None:
        self._problems.append(Problem(self._path, number, what, remedy))

    def _read_block(self, nodes: Sequence[_Node]) -> None:
        before: list[str] = []  # `voice` and `nvl clear`: they are part of the next say's id
        for node in nodes:
            first = _FIRST.match(node.text)
            word = first[0] if first else ""
            if node.text.startswith(_PART_OF_NEXT_SAY) and word in {"voice", "nvl"}:
                before.append(node.text)
                continue
            say = None if word in _NEVER_WHO else _say(node.text, self._delimiter)
            if say is not None:
                self._read_say(node, say, before)
            else:
                self._read_other(node, word)
            before = []

    def _read_say(self, node: _Node, say: _Say, before: Sequence[str] = ()) -> None:
        for what in say.texts:
            if what == "{clear}" and len(say.texts) > 1:
                continue
            aliases = self._mint([*before, say.code(what)], say.explicit_id)
            before = ()
            self._add(node.number, say, what, aliases)
        if node.block:
            what = "the line is indented under a line of dialogue"
            self._problem(node.block[0].number, what, "align it with the line above")

    def _add(self, number: int, say: _Say, what: str, aliases: tuple[str, ...]) -> None:
        character, short = self._speaker(say.who)
        text = self._speakable(number, what)
        if text is None:
            return
        self._lines.append(
            ScriptLine(
                self._scope.label,
                character,
                text,
                "",
                say.style,
                0,
                "dialogue",
                number,
                aliases,
                say.explicit_id,
                short,
            )
        )

    def _speaker(self, who: str) -> tuple[str, str]:
        """(character, short name) of a say statement's `who`; `extend` goes on with the last speaker."""
        if who == "extend":
            who = self._scope.last_speaker
        self._scope.last_speaker = who
        if not who or who in _NARRATORS:
            return NARRATOR, ""
        if who[0] in "\"'`":
            return _name_text(_dequoted(who[1:-1])) or NARRATOR, ""
        return self._characters.get(who, who), who

    def _speakable(self, number: int, what: str) -> str | None:
        try:
            return speakable(what, self._variables)
        except MarkupError as error:
            self._problem(number, str(error), error.remedy)
            return None

    def _mint(self, codes: Sequence[str], explicit_id: str) -> tuple[str, ...]:
        """The ids that Ren'Py gives a line of these statements; the one it uses first."""
        digest = hashlib.md5("".join(code + "\r\n" for code in codes).encode(), usedforsecurity=False).hexdigest()[:8]
        ids = [self._unique(self._scope.label, digest)]
        if self._scope.second_label:
            ids.append(self._unique(self._scope.second_label, digest))
        if explicit_id:
            ids.insert(0, explicit_id)
        self._ids.update(ids)
        return tuple(dict.fromkeys(ids))

    def _unique(self, label: str, digest: str) -> str:
        base = f"{label.replace('.', '_')}_{digest}" if label else digest
        number = self._repeats[base]
        candidate = f"{base}_{number}" if number else base
        while candidate in self._ids or candidate in self._explicit_ids:
            number += 1
            candidate = f"{base}_{number}"
        self._repeats[base] = number
        return candidate

    def _read_other(self, node: _Node, word: str) -> None:
        if word == "label":
            self._read_label(node)
        elif word == "menu":
            self._read_menu(node)
        elif word == "translate":
            self._read_translate(node)
        elif word == "call":
            name = _FROM.search(node.text)
            self._enter(name[1] if name else "")
        elif word == "rpy":
            self._read_rpy(node)
        elif word in _NESTED:
            if not _PYTHON_BLOCK.match(node.text):
                self._read_block(node.block)
        elif word not in _SKIPPED:
            shown = node.text.split("\n")[0][:40]
            self._problem(
                node.number,
                f"the statement '{shown}' is not known and not spoken",
                "put speech in quotes, or ignore this",
            )

    def _enter(self, name: str) -> None:
        if name.startswith("_"):
            self._scope.second_label = name
        elif name:
            self._scope.label, self._scope.second_label = self._global(name), ""

    def _global(self, name: str) -> str:
        return self._scope.label.partition(".")[0] + name if name.startswith(".") else name

    def _read_label(self, node: _Node) -> None:
        match = _LABEL.match(node.text)
        if match is None or not match["name"] or not node.text.endswith(":"):
            self._problem(node.number, "the label can not be read", "write label name:")
        elif not re.search(r"\bhide\s*:$", node.text):
            self._enter(match["name"])
        self._read_block(node.block)

    def _read_rpy(self, node: _Node) -> None:
        mode = re.fullmatch(r"rpy\s+monologue\s+(\w+)", node.text)
        if mode and mode[1] in _MONOLOGUE:
            self._delimiter = _MONOLOGUE[mode[1]]

    def _read_menu(self, node: _Node) -> None:
        match = _MENU.match(node.text)
        if match is None:
            self._problem(node.number, "the menu can not be read", "write menu: or menu name:")
        elif match["name"]:
            self._enter(match["name"])
        for item in node.block:
            self._read_menu_item(item)

    def _read_menu_item(self, item: _Node) -> None:
        if re.match(r"(?:set|with)\b", item.text):
            return
        cursor = _Cursor(item.text)
        texts = cursor.texts("")
        rest = item.text[cursor.at :].strip() if texts is not None else ""
        if texts is not None and not rest:
            self._add(item.number, _CAPTION, texts[0], (_string_alias(texts[0]),))
        elif texts is not None and rest.endswith(":"):
            if self._has_choices:
                self._read_choice(item.number, texts[0])
            self._read_block(item.block)
        elif (say := _say(item.text, self._delimiter)) is not None:
            quiet = _Say(say.who, say.attributes, say.texts, False, say.explicit_id, say.arguments, say.with_)
            self._read_say(item, quiet)
        else:
            self._problem(item.number, "the menu's line can not be read", 'write "choice": or character "prompt"')

    def _read_choice(self, number: int, what: str) -> None:
        text = self._speakable(number, what)
        if text is not None:
            aliases = (_string_alias(what),)
            self._lines.append(ScriptLine(self._scope.label, NARRATOR, text, "", "", 0, "menu_choice", number, aliases))

    # Translations

    def _read_translate(self, node: _Node) -> None:
        match = _TRANSLATE.match(node.text)
        if match is None:
            self._problem(node.number, "the translate statement can not be read", "write translate language id:")
            return
        if match["lang"] == "None" or match["what"] in {"python", "style"}:
            return
        lang = language_tag(match["lang"])
        if not lang:
            what = f"the language '{match['lang']}' is not known"
            self._problem(node.number, what, "name it in English (french) or by its code (fr)")
            return
        if self._languages and lang not in self._languages:
            what = f"the file translates to more than one language, and {match['lang']} is not the first"
            self._problem(node.number, what, f"move it to a file under tl/{match['lang']}/")
            return
        self._languages[lang] += 1
        self._first_translation = self._first_translation or node.number
        if match["what"] == "strings":
            self._read_strings(node, lang)
        else:
            self._read_translation(node, lang, match["what"])

    def _read_strings(self, node: _Node, lang: str) -> None:
        old = ""
        for item in node.block:
            cursor = _Cursor(item.text)
            is_old, is_new = cursor.keyword("old"), cursor.keyword("new")
            texts = cursor.texts("")
            if texts is None or not (is_old or is_new):
                self._problem(item.number, "the string's translation can not be read", 'write old "..." and new "..."')
            elif is_old:
                old = texts[0]
            else:
                self._add_string(item.number, lang, old, texts[0])

    def _add_string(self, number: int, lang: str, old: str, new: str) -> None:
        """A translated string; those that are no speech (names, signs) match no line and are dropped quietly."""
        try:
            text = speakable(new, self._variables)
        except MarkupError:
            return
        kind, aliases = "menu_choice", (_string_alias(old),)
        self._translations.append(ScriptLine("", NARRATOR, text, lang, "", 0, kind, number, aliases))

    def _read_translation(self, node: _Node, lang: str, alias: str) -> None:
        says = [(item.number, s) for item in node.block if (s := self._say_in_translation(item)) is not None]
        if not says:
            return
        number, first = says[0]
        if any(say.who not in (first.who, "extend") for _, say in says):
            what = f"the translation '{alias}' is spoken by two characters, so it can not be one line"
            self._problem(number, what, "let one character say it")
            return
        whole = " ".join(what for _, say in says for what in say.texts)
        if not whole.strip():
            self._problem(number, f"the translation '{alias}' is empty", "translate it, or remove the block")
            return
        text = self._speakable(number, whole)
        if text is not None:
            character, short = self._speaker(first.who)
            line = ScriptLine("", character, text, lang, first.style, 0, "dialogue", number, (alias,), "", short)
            self._translations.append(line)

    def _say_in_translation(self, item: _Node) -> _Say | None:
        first = _FIRST.match(item.text)
        return None if first and first[0] in _NEVER_WHO else _say(item.text, self._delimiter)


_CAPTION = _Say("", (), (), True, "", "", "")


def _string_alias(what: str) -> str:
    return STRING_ALIAS + hashlib.sha256(what.encode()).hexdigest()[:12]


def _explicit_ids(nodes: Iterable[_Node]) -> Iterator[str]:
    for node in nodes:
        if " id " in node.text and (say := _say(node.text, "")) is not None and say.explicit_id:
            yield say.explicit_id
        yield from _explicit_ids(node.block)
