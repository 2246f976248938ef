"""How names and values of facts are written for people: on the pages of the artifact server and of `explain`."""

from typing import Any

import orjson

from audio_assets.domain.money_text import dollars

_UNITS = {
    "s": "s", "db": "dB", "dbtp": "dBTP", "hz": "Hz", "lufs": "LUFS", "lu": "LU", "usd": "USD", "bpm": "BPM",
    "px": "px",
}  # fmt: skip


def words_of(name: str) -> str:
    """Write `peak_db` as `peak (dB)`, `n_words` as `words`."""
    words = name.removeprefix("n_").split("_")
    unit = _UNITS.get(words[-1]) if len(words) > 1 else None
    return f"{' '.join(words[:-1])} ({unit})" if unit else " ".join(words)


def fact(name: str, value: Any) -> tuple[str, str]:
    """Write a fact's name and value; money as everywhere."""
    if name.endswith("_usd") and isinstance(value, int | float):
        return words_of(name.removesuffix("_usd")), dollars(value)
    return words_of(name), shown(value)


def shown(value: Any) -> str:
    """Write a fact's value as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "":
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
