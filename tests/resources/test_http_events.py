import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.http_events import BrokenOff, Event, events

STREAMS: list[tuple[bytes, list[tuple[str, str]]]] = [
    (b"data: a\n\n", [("message", "a")]),
    (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [("message", "a"), ("message", "b"), ("message", "c")]),
    (b"\xef\xbb\xbfdata: a\n\n", [("message", "a")]),
    (b"event: chunk\nid: 7\nretry: 10\nother: x\ndata: a\n\n", [("chunk", "a")]),
    (b"data: a\ndata: b\ndata\ndata:c\n\n", [("message", "a\nb\n\nc")]),
    (b": ping\n\n: ping\n\ndata: a\n\n:\n", [("message", "a")]),
    (b"event: x\n\ndata: a\n\n", [("message", "a")]),
    (b"data:  two\n\n", [("message", " two")]),
    (b"data:\n\n", [("message", "")]),
    (b'data: {"a": "b:c"}\n\n', [("message", '{"a": "b:c"}')]),
    ("data: héé ☂ 𝄞\u2028x\x0b\n\n".encode(), [("message", "héé ☂ 𝄞\u2028x\x0b")]),
    (b"data: \xff\n\n", [("message", "\ufffd")]),
    (b"\n\n\n", []),
    (b"", []),
]


@pytest.mark.parametrize("stream", STREAMS, ids=range(len(STREAMS)))
def test_a_stream_is_the_same_however_it_is_cut(stream: tuple[bytes, list[tuple[str, str]]]) -> None:
    """Within a character, within a line's end, and with empty pieces between."""
    wire, expected = stream
    for size in range(1, len(wire) + 2):
        pieces = [wire[at : at + size] for at in range(0, len(wire), size)]
        assert [(event.name, event.data) for event in events([b"", *pieces, b""])] == expected


@pytest.mark.parametrize("rest", [b"data: a", b"data: a\n", b"event: x\n", b"data: a\r", b"x"])
def test_what_ends_within_an_event_is_broken_off_after_the_last_whole_one(rest: bytes) -> None:
    stream = events([b"data: whole\n\n", rest])
    assert next(stream) == Event("message", "whole")
    with pytest.raises(BrokenOff):
        next(stream)


def test_an_event_is_told_as_soon_as_it_is_whole() -> None:
    """Not only when the next byte shows that its last line ended with CR alone."""
    asked: list[int] = []

    def pieces() -> list[bytes]:
        for n, piece in enumerate([b"data: a\r", b"\r", b"\ndata: b\n\n"]):
            asked.append(n)
            yield piece

    stream = events(pieces())
    assert next(stream).data == "a"
    assert asked == [0, 1]
    assert [event.data for event in stream] == ["b"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "chunk"]),
            st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20),
        )
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 9),
)
def test_what_is_written_is_read(sent: list[tuple[str, str]], end: str, size: int) -> None:
    wire = "".join(f"{f'event: {name}{end}' if name else ''}data: {data}{end}{end}" for name, data in sent).encode()
    pieces = [wire[at : at + size] for at in range(0, len(wire), size)]
    assert [(event.name, event.data) for event in events(pieces)] == [(name or "message", data) for name, data in sent]


def test_a_long_event_takes_no_longer_per_byte_than_a_short_one() -> None:
    piece = b"x" * 1000
    assert len(next(events([b"data: ", *[piece] * 20_000, b"\n\n"])).data) == 20_000_000
