"""What a multipart form holds, for servers that check it strictly."""

from dataclasses import dataclass
from email import message_from_bytes
from email.policy import HTTP


@dataclass(frozen=True)
class Part:
    """One part; `file` is the name of a file, "" for a field."""

    data: bytes
    file: str = ""
    content_type: str = ""


def form_parts(content_type: str, body: bytes) -> dict[str, Part]:
    """The parts by name, in their order; ValueError for what is no form, or names a part twice."""
    whole = message_from_bytes(b"content-type: " + content_type.encode() + b"\r\n\r\n" + body, policy=HTTP)
    if whole.get_content_type() != "multipart/form-data" or not whole.is_multipart():
        raise ValueError(f"{content_type} is no form")
    found: dict[str, Part] = {}
    for one in whole.iter_parts():
        name = one.get_param("name", header="content-disposition")
        if not name or name in found:
            raise ValueError(f"a part is called {name!r}")
        payload = one.get_payload(decode=True)
        assert isinstance(payload, bytes)
        file = one.get_filename() or ""
        found[str(name)] = Part(payload, file, one.get_content_type() if file else "")
    return found
