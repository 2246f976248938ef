"""Times as people write and read them: "1:02.5", "1:04:00". Frames and samples are in `timebase.py`."""

import re
from fractions import Fraction

_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2}(?:\.\d{1,9})?)", re.ASCII)


def clock(t_s: float | Fraction) -> str:
    """A time in minutes and seconds, to a millisecond and without needless zeros."""
    minutes, ms = divmod(round(t_s * 1000), 60_000)
    text = f"{minutes}:{ms // 1000:02d}.{ms % 1000:03d}"
    return text.rstrip("0") if ms % 1000 else text[:-4]


def parse_clock(text: str) -> float | None:
    """The seconds behind "m:ss", "m:ss.mmm" or "h:mm:ss"; None when it is no such time."""
    found = _CLOCK.fullmatch(text.strip())
    if found is None or float(found[3]) >= 60 or (found[1] and int(found[2]) >= 60):
        return None
    return int(found[1] or 0) * 3600 + int(found[2]) * 60 + float(found[3])
