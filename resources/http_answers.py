"""What an answer says beside its content: its request's id, when to ask again, why it failed, which bytes it holds."""

import base64
import binascii
import html
import json
import math
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import orjson

from resources.http_errors import BadAnswer, Broken, Busy, Denied, HttpProblem
from resources.secrets import hide

REQUEST_IDS = (
    "x-request-id", "request-id", "x-fal-request-id", "x-amzn-requestid", "x-amz-request-id", "x-guploader-uploadid",
    "x-correlation-id", "cf-ray",
)  # fmt: skip
"""Headers with a request's id, the vendor's own before those of what stands before it."""

_SAID_BY = ("message", "msg", "detail", "error", "errors", "error_description", "reason", "title", "description")
_CODED_BY = ("error_code", "code", "error_type", "type", "status")
_MAY_HELP = ("x-should-retry", "x-fal-retryable")
"""Headers that say whether asking again may help."""

_LONGEST_SAID = 300
_DEEPEST = 6


def parsed(body: bytes) -> Any:
    """JSON as servers send it: a number that is none is None.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        if b"NaN" not in body and b"Infinity" not in body:  # ComfyUI's history has them
            raise
    try:
        return json.loads(body, parse_constant=lambda _name: None)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def request_id(headers: Mapping[str, str]) -> str:
    """What the vendor calls the request, "" where it does not say."""
    return next((hide(headers[name], longest=100) for name in REQUEST_IDS if headers.get(name)), "")


def wait_s(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds until the server wants to be asked again, None where it does not say. `now` is the time since 1970."""
    for name, per_s in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        seconds = _number(headers.get(name, ""))
        if seconds is not None:
            return max(0.0, seconds / per_s)
    then = _date(headers.get("retry-after", ""))
    if then is None:
        return None
    its_now = _date(headers.get("date", ""))  # its clock may be wrong, but is so in both
    return max(0.0, then - (its_now if its_now is not None else time.time() if now is None else now))


def media_type(headers: Mapping[str, str]) -> str:
    """The type of the content, in small letters and without parameters; "" where it is not said."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def is_accepted(headers: Mapping[str, str], accepts: tuple[str, ...]) -> bool:
    """Whether the content is of one of the types or their beginnings; no types: any."""
    return not accepts or media_type(headers).startswith(accepts)


def problem_of(asked: str, status: int, headers: Mapping[str, str], body: bytes, own: tuple[str, ...]) -> HttpProblem:
    """The failure that an answer other than 2xx is. `own` are fields of the vendor's own errors."""
    told = _json(body)
    said = said_by(told, body) or _phrase(status)
    if 300 <= status < 400:
        said += "; it is not sent on to another address: set url to the one that answers itself"
    vendors_id = told.get("request_id") if isinstance(told, dict) else None
    its_id = request_id(headers) or (hide(vendors_id, longest=100) if isinstance(vendors_id, str) else "")
    wish_s = wait_s(headers)
    later = "" if wish_s is None else f"; it wants to be asked again in {wish_s:.0f} s"
    return _kind(status)(
        f"{asked} was answered {status}: {said}{later}{tagged(its_id)}",
        status=status, said=said, request_id=its_id, wait_s=wish_s,
        is_vendors_own=status >= 500 and isinstance(told, dict) and any(field in told for field in own),
        is_final=any(headers.get(name, "").strip().lower() == "false" for name in _MAY_HELP),
    )  # fmt: skip


def tagged(its_id: str) -> str:
    """The request's id for the end of a message."""
    return f" [request id {its_id}]" if its_id else ""


def said_by(told: Any, body: bytes) -> str:
    """What an error's body explains, in one sentence without secrets; "" where it explains nothing."""
    sentence = _sentence(told)
    if not sentence and told is None:
        text = body.decode(errors="replace")
        title = re.search(r"(?is)<title[^>]*>(.*?)</title>", text)
        is_page = re.match(r"(?is)\s*<(!doctype|html|\?xml|\w+)", text)
        if title:
            sentence = html.unescape(title.group(1))
        elif is_page:
            sentence = html.unescape(re.sub(r"(?s)<(script|style).*?</\1>|<[^>]*>", " ", text))
        else:
            sentence = text
    elif not sentence:
        sentence = body.decode(errors="replace")
    return hide(_PRINTED.sub(" ", sentence), longest=_LONGEST_SAID)


_PRINTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069]+")
"""Characters that break a line or turn it around."""


def promised_hashes(headers: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """(algorithm of hashlib, digest) for each hash of the content as it is sent that the headers give."""
    found = []
    if headers.get("content-md5"):
        found.append(("md5", headers["content-md5"]))
    if headers.get("x-goog-stored-content-encoding", "identity") == "identity":  # else it is of what is stored packed
        found += [("md5", value) for name, value in _named_values(headers.get("x-goog-hash", "")) if name == "md5"]
    for header in ("repr-digest", "content-digest", "digest"):
        for name, value in _named_values(headers.get(header, "")):
            algorithm = {"sha-256": "sha256", "sha-512": "sha512", "md5": "md5"}.get(name)
            if algorithm:
                found.append((algorithm, value.strip(":")))
    return [(algorithm, digest) for algorithm, value in found if (digest := _base64(value))]


def _kind(status: int) -> type[HttpProblem]:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Busy
    if status >= 500 or status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY):
        return Broken
    # "see there" may answer what was done; what it is elsewhere was not
    return BadAnswer if status < 300 or status in (HTTPStatus.FOUND, HTTPStatus.SEE_OTHER) else Denied


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "it does not say why"


def _json(body: bytes) -> Any:
    try:
        return parsed(body)
    except ValueError:
        return None


def _sentence(value: Any, depth: int = 0) -> str:
    """The explanation in a JSON error of any of the usual shapes."""
    if depth > _DEEPEST:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return "; ".join(found for item in value[:3] if (found := _sentence(item, depth + 1)))
    if not isinstance(value, dict):
        return ""
    main = next((found for name in _SAID_BY if (found := _sentence(value.get(name), depth + 1))), "")
    place = value.get("loc")
    if main and isinstance(place, list):  # which field of the request, as validators of requests say it
        main = f"{'.'.join(str(part) for part in place)}: {main}"
    title = value.get("title")
    if isinstance(title, str) and main and title.strip() and title.strip() not in main:
        main = f"{title.strip()}: {main}"
    code = next((code for name in _CODED_BY if isinstance(code := value.get(name), str) and code.strip()), "")
    if not main:
        return code
    return main if not code or code in main or isinstance(place, list) else f"{main} ({code})"


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _date(text: str) -> float | None:
    if not text:
        return None
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _named_values(header: str) -> Iterator[tuple[str, str]]:
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        yield name.strip().lower(), value.strip()


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
