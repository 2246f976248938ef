"""From the bytes of a file to a parsed script: decoding, and which parser reads what.

Here: everything that concerns a file as a whole. Not here: what is in it (`renpy`, `tables`, `plain`).
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from audio_assets.domain.lines import ParsedScript
from audio_assets.domain.scripts import plain, renpy, tables

MAX_SCRIPT_BYTES = 16 * 1024 * 1024
"""Ten times the script of a long visual novel; more than that is another kind of file."""

SUFFIXES = (".rpy", ".csv", ".jsonl", ".txt")
"""What can be read."""

_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


class ScriptError(ValueError):
    """A file that can not be read at all; one sentence says why and what to do."""


def parse_script(
    data: bytes,
    path: str,
    *,
    variables: Mapping[str, str],
    voice_menu_choices: bool = False,
    default_lang: str = "en",
    characters: Mapping[str, str] | None = None,
) -> ParsedScript:
    """The lines of one script file; `path` (with `/`) decides the format and stands in every problem.

    `variables` are the values of `[interpolations]`. `characters` (short name -> display name) are those that other
    files of the same game define. Lines without a language get `default_lang`, in a translation the translation's.
    A file under `tl/<language>/` is a translation.

    Raises:
        ScriptError: the file as a whole can not be read. A bad line is a `Problem` and costs only itself.
    """
    suffix = PurePosixPath(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise ScriptError(f"{path}: a script ends in {', '.join(SUFFIXES)}, not in '{suffix}'; rename or convert it")
    text = decode(data, path)
    if suffix == ".rpy":
        parsed = renpy.parse_renpy(
            text, path, variables=variables, voice_menu_choices=voice_menu_choices, characters=characters or {}
        )
    else:
        parsers = {".csv": tables.parse_csv, ".jsonl": tables.parse_jsonl, ".txt": plain.parse_plain}
        parsed = _in_translation_folder(parsers[suffix](text, path, variables), path)
    lang = parsed.language or default_lang.lower()
    return replace(parsed, lines=tuple(replace(line, lang=line.lang or lang) for line in parsed.lines))


def decode(data: bytes, path: str) -> str:
    """The text of a UTF-8 file, without its byte order mark, every line ending in a newline character.

    Raises:
        ScriptError: `data` is too large, or not text in UTF-8.
    """
    if len(data) > MAX_SCRIPT_BYTES:
        raise ScriptError(
            f"{path}: {len(data) / 1e6:.0f} MB is too large for a script (limit {MAX_SCRIPT_BYTES // 10**6}); split it"
        )
    encoding = _BOMS.get(data[:2])
    if encoding is None and _looks_like_utf16(data):
        encoding = "UTF-16 without a byte order mark"
    if encoding is not None:
        raise ScriptError(f"{path}: the file is in {encoding}; save it as UTF-8")
    if b"\0" in data:
        raise ScriptError(f"{path}: the file holds NUL bytes, so it is no text; export it as text in UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"the byte 0x{data[error.start]:02x} is not UTF-8 (the file may be Latin-1 or Windows-1252)"
        raise ScriptError(f"{path}:{line}: {what}; save it as UTF-8") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _looks_like_utf16(data: bytes) -> bool:
    """Whether every second byte of the beginning is zero, as in Western text."""
    head = data[:200]
    return (
        len(head) >= 4
        and any(head[odd::2].count(0) > 0.4 * len(head) / 2 for odd in (0, 1))
        and (0 in (head[0::2].count(0), head[1::2].count(0)))
    )


def _in_translation_folder(parsed: ParsedScript, path: str) -> ParsedScript:
    folders = PurePosixPath(path).parts
    for at, name in enumerate(folders[:-2]):
        language = renpy.language_tag(folders[at + 1])
        if name.lower() == "tl" and language:
            return replace(parsed, translates=True, language=language)
    return parsed
