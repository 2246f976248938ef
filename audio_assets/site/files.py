"""Raw bytes of the store over HTTP: which paths may be seen, content types, ETags and byte ranges (RFC 9110).

Only bytes here; what a page says is in `artifact_page`. Works on every store that obstore reads: no local path
is needed.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import obstore
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from audio_assets.domain.schemas.records import RecordError, Sidecar
from resources.store import SIDECAR, ArtifactStore

FOLDERS = ("audio", "exports", "video")
"""The store's folders that hold artifacts; nothing else below the data root is ever served."""

MEDIA_TYPES = {
    "wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg", "oga": "audio/ogg", "opus": "audio/ogg",
    "flac": "audio/flac", "m4a": "audio/mp4", "aac": "audio/aac", "mp4": "video/mp4", "webm": "video/webm",
    "png": "image/png", "jpg": "image/jpeg", "webp": "image/webp", "json": "application/json",
    "xml": "application/xml", "zip": "application/zip", "lrc": "text/plain; charset=utf-8",
    "tsv": "text/tab-separated-values; charset=utf-8", "csv": "text/csv; charset=utf-8",
    "dat": "text/plain; charset=utf-8", "txt": "text/plain; charset=utf-8", "srt": "text/plain; charset=utf-8",
    "edl": "text/plain; charset=utf-8", "ass": "text/plain; charset=utf-8", "cube": "text/plain; charset=utf-8",
    "md": "text/plain; charset=utf-8", "otio": "application/json", "fcpxml": "application/xml",
    "mov": "video/quicktime", "mkv": "video/x-matroska",
    "vtt": "text/vtt; charset=utf-8", "rpy": "text/plain; charset=utf-8",
}  # fmt: skip
"""By suffix. Whatever is not listed is offered as a download, never shown: a browser must not run what we store."""

_NEVER = re.compile(r"\.(db|sqlite3?|duckdb)([.-]|$)|-(wal|shm|journal)$", re.IGNORECASE)
_PART = re.compile(r"[^/\\\x00-\x1f\x7f]{1,255}")
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.IGNORECASE)
_CHUNK_BYTES = 256 * 1024


def public_path(path: str) -> str | None:
    """Return `path` as the store knows it when it names something in an artifact folder, None when it may not be seen.

    Refused: `..`, `.`, empty parts, absolute paths, back slashes, control characters, dot files, databases.
    """
    parts = path.split("/")
    if len(parts) < 2 or parts[0] not in FOLDERS:
        return None
    if any(part.startswith(".") or not _PART.fullmatch(part) or _NEVER.search(part) for part in parts):
        return None
    return path


def leads_out(store: ArtifactStore, path: str) -> bool:
    """Say whether a link in a local store takes `path` out of its artifact folder."""
    root = store.local_root
    if root is None:
        return False
    folder = root.resolve() / path.partition("/")[0]
    return not (root / path).resolve().is_relative_to(folder)


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes `[start, stop)` of a file of `size`."""

    start: int
    stop: int
    size: int

    @property
    def content_range(self) -> str:
        """The header's value."""
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


def requested_span(header: str | None, size: int) -> Span | None:
    """Return the one range that `header` asks for, None when it asks for none that we know (several: all is sent).

    Raises:
        ValueError: the range lies outside of the file (416).
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1 if last else size)
        if last and int(last) < int(first):
            return None
    if start >= stop:
        raise ValueError(f"the file has {size} bytes")
    return Span(start, stop, size)


async def serve_file(store: ArtifactStore, request: Request, path: str) -> Response:
    """Answer GET or HEAD of one file: 200, 206, 304, 404 or 416."""
    known = public_path(path)
    if known is None or leads_out(store, known):
        return _not_found()
    try:
        meta = await obstore.head_async(store.backend, known)
    except (FileNotFoundError, ValueError, PermissionError, NotADirectoryError):
        return _not_found()
    etag = _etag(store, known, meta["size"]) or meta["e_tag"] or f'"{meta["size"]:x}"'
    headers = {
        "accept-ranges": "bytes",
        "etag": etag,
        "cache-control": "private, no-cache",
        "content-security-policy": "default-src 'none'; sandbox",
        **_content_headers(known, is_download="download" in request.query_params),
    }
    if _matches(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    is_ranged = request.method == "GET" and request.headers.get("if-range", etag) == etag
    try:
        span = requested_span(request.headers.get("range") if is_ranged else None, meta["size"])
    except ValueError as error:
        refusal = {**headers, "content-range": f"bytes */{meta['size']}"}
        return PlainTextResponse(f"No such range: {error}.", 416, headers=refusal, media_type="text/plain")
    if span is not None:
        headers["content-range"] = span.content_range
    whole = span or Span(0, meta["size"], meta["size"])
    headers["content-length"] = str(whole.stop - whole.start)
    if request.method == "HEAD" or whole.start == whole.stop:
        return Response(status_code=200, headers=headers)
    return StreamingResponse(_chunks(store, known, whole), 206 if span else 200, headers)


async def _chunks(store: ArtifactStore, path: str, span: Span) -> AsyncIterator[bytes]:
    found = await obstore.get_async(store.backend, path, options={"range": (span.start, span.stop)})
    async for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
        yield bytes(chunk)


def _etag(store: ArtifactStore, path: str, size: int) -> str | None:
    """Return the sha256 that the object's sidecar records. A remote store's own tag spares that second request."""
    if store.local_root is None:
        return None
    folder, _, name = path.rpartition("/")
    data = store.read(f"{folder}/{SIDECAR}")
    try:
        entry = Sidecar.from_bytes(data).files.get(name) if data else None
    except RecordError:
        return None
    return f'"{entry.sha256}"' if entry and entry.size == size else None


def _matches(header: str | None, etag: str) -> bool:
    return header is not None and (
        header.strip() == "*" or etag in [tag.strip().removeprefix("W/") for tag in header.split(",")]
    )


def _content_headers(path: str, *, is_download: bool) -> dict[str, str]:
    name = path.rpartition("/")[2]
    media_type = MEDIA_TYPES.get(name.rpartition(".")[2].lower())
    shown = "inline" if media_type and not is_download else "attachment"
    ascii_name = re.sub(r"[^\w.-]", "_", name, flags=re.ASCII)
    return {
        "content-type": media_type or "application/octet-stream",
        "content-disposition": f'{shown}; filename="{ascii_name}"',
    }


def _not_found() -> Response:
    return PlainTextResponse("There is no such file.", 404)
