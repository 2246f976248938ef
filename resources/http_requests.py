"""What is to be sent, before it is a stream of bytes: built anew for every try, with its files opened anew."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from resources.http_errors import NotAllowed

JSON = ("application/json",)
EVENTS = ("text/event-stream",)


@dataclass(frozen=True, slots=True)
class Upload:
    """A part of a multipart form that is a file."""

    name: str
    data: bytes | Path
    content_type: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """One request: what `HttpClient.ask` was given."""

    method: str
    url: httpx.URL
    json: Any = None
    form: Mapping[str, str] | None = None
    files: Mapping[str, Upload] | None = None
    content: bytes | Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    accepts: tuple[str, ...] = ()

    @property
    def is_reading(self) -> bool:
        """Whether it only asks: then it may be asked again, and elsewhere where the answer says so."""
        has_body = any(part is not None for part in (self.json, self.form, self.files, self.content))
        return self.method in ("GET", "HEAD") and not has_body

    @property
    def is_order(self) -> bool:
        """Whether it may do something each time that it is taken."""
        return self.method in ("POST", "PATCH")

    @contextmanager
    def opened(self, asked: str, url: httpx.URL, headers: httpx.Headers) -> Iterator[httpx.Request]:
        """The request, as long as its files are open.

        Raises:
            NotAllowed: it can not be sent, and was not.
        """
        for name, value in headers.items():
            if not (value.isascii() and value.isprintable()):
                raise NotAllowed(f"{asked}: the header {name} holds a character that no header can carry")
        with ExitStack() as stack:
            try:
                request = self._built(url, headers, stack)
            except OSError as error:
                name = Path(str(error.filename)).name
                raise NotAllowed(f"{asked}: {name} can not be read, {error.strerror}") from error
            except (TypeError, ValueError) as error:  # not JSON: a number that is none, half a character
                raise NotAllowed(f"{asked}: its content can not be sent ({type(error).__name__})") from error
            yield request

    def _built(self, url: httpx.URL, headers: httpx.Headers, stack: ExitStack) -> httpx.Request:
        files = {
            name: (part.name, part.data if isinstance(part.data, bytes) else stack.enter_context(part.data.open("rb")),
                   part.content_type)
            for name, part in (self.files or {}).items()
        }  # fmt: skip
        content = stack.enter_context(self.content.open("rb")) if isinstance(self.content, Path) else self.content
        return httpx.Request(
            self.method, url, headers=headers, json=self.json, data=dict(self.form) if self.form else None,
            files=files or None, content=content,
        )  # fmt: skip


def accept_header(accepts: tuple[str, ...]) -> str:
    """The header for types that are asked for by their whole names; anything, for beginnings of names."""
    return accepts[0] if accepts in (JSON, EVENTS) else "*/*"
