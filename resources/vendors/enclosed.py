"""Files that go with an order: put into its JSON in place of what stands for them there.

A request that is kept holds "$image" or "$parent" where the file belongs; only what is sent holds the file, as a data
URI or the address of an upload.
"""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from audio_assets.domain.rendering import PermanentError, TransientError
from audio_assets.domain.video_models import IMAGE, PARENT
from resources.paid_vendor import NotSubmitted, Refused

MARKS: Mapping[str, str] = {IMAGE: "reference_image", PARENT: "parent"}
"""What stands in a request for which file of its order."""

_NAMES = {"reference_image": "the reference image", "parent": "the take"}
_KINDS = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"), (b"\xff\xd8\xff", 0, "image/jpeg"), (b"WEBP", 8, "image/webp"),
    (b"GIF8", 0, "image/gif"), (b"ftyp", 4, "video/mp4"), (b"\x1a\x45\xdf\xa3", 0, "video/webm"),
)  # fmt: skip
_MB = 1_000_000


def media_type(path: Path) -> str:
    """What a picture or film is, by its first bytes."""
    with path.open("rb") as file:
        head = file.read(16)
    return next((kind for mark, at, kind in _KINDS if head[at : at + len(mark)] == mark), "application/octet-stream")


def name_for(path: Path, stem: str) -> str:
    """A name for a file as it is sent: what it is, and none of this machine's names."""
    return f"{stem}.{media_type(path).partition('/')[2].replace('octet-stream', 'bin')}"


def marks_in(part: Any) -> set[str]:
    """What stands for a file in a request."""
    if isinstance(part, str):
        return {part} & set(MARKS)
    items = part.values() if isinstance(part, Mapping) else part if isinstance(part, list) else ()
    return set().union(*(marks_in(item) for item in items))


def with_enclosed(part: Any, enclosed: Mapping[str, str]) -> Any:
    """The request with what is sent in place of each mark."""
    if isinstance(part, Mapping):
        return {name: with_enclosed(item, enclosed) for name, item in part.items()}
    if isinstance(part, list):
        return [with_enclosed(item, enclosed) for item in part]
    return enclosed.get(part, part) if isinstance(part, str) else part


def file_for(mark: str, files: Mapping[str, Path]) -> Path:
    """The file that a mark stands for.

    Raises:
        Refused: it did not come with the order.
    """
    path = files.get(MARKS[mark])
    if path is None:
        raise Refused(f"{_NAMES[MARKS[mark]]} did not come with the order")
    return path


def data_uri(mark: str, files: Mapping[str, Path], *, longest: int, vendor: str) -> str:
    """A file as a data URI of at most `longest` characters.

    Raises:
        Refused: it is larger than the vendor takes; one sentence.
    """
    path = file_for(mark, files)
    head = f"data:{media_type(path)};base64,"
    size, most = path.stat().st_size, (longest - len(head)) // 4 * 3
    if size > most:
        raise Refused(
            f"{_NAMES[MARKS[mark]]} has {size / _MB:.1f} MB, and {vendor} takes {most / _MB:.1f} MB at most: "
            "save it smaller"
        )
    return head + base64.b64encode(path.read_bytes()).decode()


@contextmanager
def before_order() -> Iterator[None]:
    """Within: what an order needs is sent ahead, so that its failure ordered nothing."""
    try:
        yield
    except (Refused, NotSubmitted):
        raise
    except PermanentError as error:
        raise Refused(str(error)) from error
    except TransientError as error:
        raise NotSubmitted(str(error)) from error
    except OSError as error:
        raise NotSubmitted(f"a file that goes with the order can not be read ({error.strerror})") from error
