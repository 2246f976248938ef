import pytest

from audio_assets.domain.inbox_lines import read_csv_line, read_jsonl_line
from audio_assets.domain.live_message import MessageError, NewMessage, number_of, partition_of, read_message


def test_a_message_says_its_queue() -> None:
    assert read_message({"sent_by": " ana ", "text": "hi"}) == NewMessage("ana", "hi")
    assert read_message({"sent_by": "ana", "text": "hi", "bits_amount": 5}).queue == "bits"
    assert read_message({"sent_by": "ana", "text": "hi", "message_type": "bits"}).queue == "bits"
    assert (
        read_message({"sent_by": "ana", "text": "hi", "bits_amount": 5, "message_type": "mention"}).queue == "mentions"
    )


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "a message is an object"),
        ({"text": "hi"}, "sent_by is missing"),
        ({"sent_by": "ana", "text": "  "}, "text is empty"),
        ({"sent_by": "ana", "text": 5}, "text is 5, no text"),
        ({"sent_by": "a" * 101, "text": "hi"}, "sent_by has 101 characters; at most 100 are taken"),
        ({"sent_by": "ana", "text": "h" * 4001}, "text has 4001 characters"),
        ({"sent_by": "ana", "text": "hi", "sentby": 5}, "the field 'sentby' is not known; did you mean 'sent_by'?"),
        ({"sent_by": "ana", "text": "hi", "bits_amount": -1}, "bits_amount is -1; write a whole number"),
        ({"sent_by": "ana", "text": "hi", "bits_amount": True}, "bits_amount is True"),
        (
            {"sent_by": "ana", "text": "hi", "message_type": "whisper"},
            "message_type is 'whisper'; write mention or bits",
        ),
    ],
)
def test_what_is_no_message_is_refused(value: object, says: str) -> None:
    with pytest.raises(MessageError) as raised:
        read_message(value)
    assert str(raised.value).startswith(says)


def test_half_a_character_and_a_zero_can_be_kept() -> None:
    assert read_message({"sent_by": "ana", "text": "a\ud800b\0c"}).text == "a?bc"


def test_a_partition_is_the_number() -> None:
    assert partition_of(42) == "m0000042"
    assert number_of("m0000042") == 42
    for wrong in ("42", "m", "mx", "m-1"):
        with pytest.raises(MessageError):
            number_of(wrong)


def test_lines_of_both_kinds() -> None:
    header = b"\xef\xbb\xbfsent_by, text,bits_amount,message_id\r\n"
    assert read_jsonl_line(b'{"sent_by": "ana", "text": "h\xc3\xa9"}\n') == NewMessage("ana", "hé")
    assert read_csv_line(b'ana,"a, ""b""",,x1\r\n', header) == NewMessage("ana", 'a, "b"', message_id="x1")
    assert read_csv_line(b"ana,hi,500,\n", header) == NewMessage("ana", "hi", "bits", 500)


@pytest.mark.parametrize(
    ("line", "header", "says"),
    [
        (b"{no", b"", "it is not JSON: "),
        (b"[" * 100_000, b"", "it is not JSON: "),
        (b"\xff", b"", "byte 1 of it is not UTF-8"),
        (b"a,b,c", b"sent_by,text", "it has 3 cells, the first line has 2"),
        (b'a,"b', b"sent_by,text", "it is not CSV"),
        (b"a,b", b"sent_by,txt", "the first line of the file must name columns"),
    ],
)
def test_a_faulty_line_is_told(line: bytes, header: bytes, says: str) -> None:
    with pytest.raises(MessageError) as raised:
        read_csv_line(line, header) if header else read_jsonl_line(line)
    assert str(raised.value).startswith(says)
