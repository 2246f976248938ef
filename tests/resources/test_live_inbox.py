import os
import time
from pathlib import Path
from typing import BinaryIO

import pytest

from resources import live_inbox
from resources.live_inbox import Taken, take_inbox
from resources.message_queue import MessageQueue
from tests.live import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    (tmp_path / "inbox").mkdir()
    return Stage(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path)


def write(stage: Stage, name: str, text: str | bytes, *, mode: str = "ab", age_s: float = 0.0) -> Path:
    path = stage.folder / "inbox" / name
    with path.open(mode) as file:
        file.write(text.encode() if isinstance(text, str) else text)
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    return path


def take(stage: Stage) -> tuple[Taken, ...]:
    return take_inbox(stage.queue, stage.folder / "inbox")


def texts(stage: Stage) -> list[str]:
    return [one.text for one in stage.queue.messages()]


def line(text: str, more: str = "") -> str:
    return f'{{"sent_by": "ana", "text": "{text}"{more}}}\n'


def test_a_file_that_grows_is_taken_line_by_line(stage: Stage) -> None:
    write(stage, "chat.jsonl", line("one") + line("two"))
    assert take(stage) == (Taken("chat.jsonl", 2),)
    assert take(stage) == ()
    write(stage, "chat.jsonl", '\n{"sent_by": "ana", ')
    assert take(stage) == ()
    write(stage, "chat.jsonl", '"text": "three"}\n')
    assert take(stage) == (Taken("chat.jsonl", 1),)
    assert texts(stage) == ["one", "two", "three"]
    assert {one.source for one in stage.queue.messages()} == {"chat.jsonl"}


def test_csv_has_its_columns_in_the_first_line(stage: Stage) -> None:
    write(stage, "bits.csv", 'text,sent_by,bits_amount\n"hi, there",ana,500\n')
    write(stage, "bits.csv", "again,bo,\n")
    take(stage)
    assert [(one.text, one.sent_by, one.queue) for one in stage.queue.messages()] == [
        ("hi, there", "ana", "bits"),
        ("again", "bo", "mentions"),
    ]


def test_a_faulty_line_is_told_and_kept_and_the_others_go_on(stage: Stage) -> None:
    write(stage, "chat.jsonl", line("one") + "{oops\n" + line("three").replace("sent_by", "sentby") + line("four"))
    (taken,) = take(stage)
    assert taken.faults[0].startswith("chat.jsonl line 2: it is not JSON")
    assert taken.faults[1] == "chat.jsonl line 3: the field 'sentby' is not known; did you mean 'sent_by'?"
    assert [(one.text, one.state) for one in stage.queue.messages()] == [
        *(("one", "PENDING"), ("", "FAILED"), ("", "FAILED"), ("four", "PENDING")),
    ]
    assert take(stage) == ()


def test_a_last_line_without_its_end_is_taken_once_the_file_is_still(stage: Stage) -> None:
    write(stage, "chat.jsonl", line("one").strip())
    assert take(stage) == ()
    write(stage, "chat.jsonl", "", age_s=3)
    assert take(stage) == (Taken("chat.jsonl", 1),)
    write(stage, "chat.jsonl", "\n" + line("two"))
    assert take(stage) == (Taken("chat.jsonl", 1),)


def test_a_file_that_is_written_anew_gives_only_what_is_new_in_it(stage: Stage) -> None:
    write(stage, "chat.jsonl", line("one") + "{oops\n" + line("three"))
    take(stage)
    write(stage, "chat.jsonl", line("one") + line("two") + line("three") + line("four"), mode="wb")
    assert take(stage) == (Taken("chat.jsonl", 2),)
    write(stage, "chat.jsonl", line("short"), mode="wb")
    assert take(stage) == (Taken("chat.jsonl", 1),)
    assert texts(stage) == ["one", "", "three", "two", "four", "short"]


def test_a_file_that_was_rotated_or_cut_is_read_from_its_begin(stage: Stage) -> None:
    write(stage, "chat.jsonl", line("one") + line("two"))
    take(stage)
    write(stage, "chat.jsonl", line("six") + line("ten"), mode="wb")  # another one, of the same length
    assert take(stage) == (Taken("chat.jsonl", 2),)
    write(stage, "chat.jsonl", "", mode="wb")
    assert take(stage) == ()
    write(stage, "chat.jsonl", line("new"))
    assert take(stage) == (Taken("chat.jsonl", 1),)
    assert texts(stage) == ["one", "two", "six", "ten", "new"]


def test_of_a_file_that_grows_for_ever_only_the_end_is_read(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    write(stage, "chat.jsonl", "".join(line(f"{n}") for n in range(200)))
    take(stage)
    sought: list[int] = []
    whole = live_inbox._whole_lines

    def lines(file: BinaryIO, *, is_still: bool) -> list[bytes]:
        sought.append(file.tell())
        return whole(file, is_still=is_still)

    monkeypatch.setattr(live_inbox, "_whole_lines", lines)
    size = (stage.folder / "inbox/chat.jsonl").stat().st_size
    write(stage, "chat.jsonl", line("last"))
    assert take(stage) == (Taken("chat.jsonl", 1),)
    assert min(sought) == size


def test_an_id_counts_once_among_all_files(stage: Stage) -> None:
    write(stage, "a.jsonl", line("one", ', "message_id": "x"'))
    write(stage, "b.jsonl", line("one again", ', "message_id": "x"') + line("same") + line("same"))
    take(stage)
    assert texts(stage) == ["one", "same", "same"]


def test_two_readers_take_each_line_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second reads while the first has read and not yet kept."""
    write(stage, "chat.jsonl", line("one") + line("two"))
    keep = MessageQueue.take_lines

    def take_lines(queue: MessageQueue, name: str, lines: list, **places: object) -> int | None:  # type: ignore[type-arg]
        monkeypatch.setattr(MessageQueue, "take_lines", keep)
        assert take(stage) == (Taken("chat.jsonl", 2),)
        return keep(queue, name, lines, **places)  # type: ignore[arg-type]

    monkeypatch.setattr(MessageQueue, "take_lines", take_lines)
    assert take(stage) == ()
    assert texts(stage) == ["one", "two"]


def test_a_large_file_is_taken_in_pieces_and_other_files_are_left_alone(stage: Stage) -> None:
    long = "x" * 3000
    write(stage, "big.jsonl", "".join(line(f"{n} {long}") for n in range(600)) + "y" * 70_000 + "\n" + line("end"))
    write(stage, "notes.txt", "not for us")
    write(stage, ".chat.jsonl", line("hidden"))
    taken = take(stage)
    assert sum(one.n_new for one in taken) == 603
    assert next(fault for one in taken for fault in one.faults) == "big.jsonl line 601: it is longer than 64 KiB"
    assert texts(stage)[-1] == "end"


def test_no_folder_is_an_empty_one(stage: Stage, tmp_path: Path) -> None:
    assert take_inbox(stage.queue, tmp_path / "none") == ()
