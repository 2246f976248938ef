"""The audit log: one whole line per event, no secrets, no failure of others, old days gone."""

import json
import multiprocessing
import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from audio_assets.cli import main
from audio_assets.settings import current
from resources import audit_log as module
from resources.audit_log import AuditLog
from tests.house import House
from tests.ledgers import Clock

forked = multiprocessing.get_context("fork")


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("audit-*.jsonl")) for line in path.read_text().splitlines()]


def test_a_line_says_when_and_what(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "logs", now=Clock())
    log.append("audit", counts={"differs": 2}, prefix="", bucket="s3://b", where=Path("/x"), names=("a", "b"))
    assert lines(tmp_path / "logs") == [
        {
            "at": "2026-11-20T12:00:00.000+00:00", "kind": "audit", "counts": {"differs": 2}, "prefix": "",
            "bucket": "s3://b", "where": "/x", "names": ["a", "b"],
        }
    ]  # fmt: skip
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["audit-2026-11-20.jsonl"]


def test_a_file_name_that_is_no_text_is_written_as_far_as_it_is(tmp_path: Path) -> None:
    AuditLog(tmp_path / "logs").append("command", arguments=["film", os.fsdecode(b"a\xff.mp4")])
    assert lines(tmp_path / "logs")[0]["arguments"] == ["film", "a\\udcff.mp4"]


def test_secrets_are_taken_out_at_any_depth(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "logs")
    log.append(
        "command", arguments={"api_key": "sk-1234567890", "text": "Authorization: Bearer abcdefghijkl"},
        urls=["https://me:hunter22@host/x", {"password": "hunter33"}], lines="a\nb",
    )  # fmt: skip
    text = next((tmp_path / "logs").iterdir()).read_text()
    assert not [word for word in ("sk-1234567890", "abcdefghijkl", "hunter22", "hunter33") if word in text]
    assert lines(tmp_path / "logs")[0]["lines"] == "a b"
    assert text.count("\n") == 1


def test_days_are_files_and_old_ones_go(tmp_path: Path) -> None:
    clock = Clock()
    log = AuditLog(tmp_path / "logs", days=3, now=clock)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/audit-of-mine.jsonl").write_text("kept\n")
    for _ in range(6):
        log.append("audit")
        clock.turn(days=1)
    names = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert names == [*(f"audit-2026-11-{day}.jsonl" for day in (23, 24, 25)), "audit-of-mine.jsonl"]


def test_processes_at_once_mix_no_lines_and_a_torn_one_costs_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "logs"

    def write(number: int) -> None:
        log = AuditLog(folder)
        for n in range(60):
            log.append("rotation", who=number, n=n, text="x" * 400)
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    processes = [forked.Process(target=write, args=(number,)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30)
    path = next(folder.glob("audit-*.jsonl"))
    assert sorted((one["who"], one["n"]) for one in lines(folder)) == [(who, n) for who in range(4) for n in range(60)]
    with path.open("a") as torn:
        torn.write('{"at": "2026')
    AuditLog(folder).append("audit", n=1)
    assert json.loads(path.read_text().splitlines()[-1])["n"] == 1


def test_a_log_that_can_not_be_written_is_told_once_and_fails_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module._told.clear()
    log = AuditLog(tmp_path / "logs", now=Clock())
    log.append("audit", n=1)
    write = os.write
    monkeypatch.setattr(module.os, "write", lambda file, line: write(file, line[:9]))  # a full disk takes a part
    log.append("audit", n=2)
    log.append("audit", n=3)
    said = capsys.readouterr().err
    assert said.count("can not be written: No space left on device") == 1
    assert [one["n"] for one in lines(tmp_path / "logs")] == [1]
    AuditLog(tmp_path / "nowhere/logs").append("audit")
    (tmp_path / "file").touch()
    AuditLog(tmp_path / "file/logs").append("audit")
    assert not (tmp_path / "nowhere").exists()


def test_commands_are_logged_with_arguments_and_exit_code(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.write("datasets/names.txt", "Ann\nBob\n")
    monkeypatch.setenv("AUDIO_ASSETS_LOG_DAYS", "7")
    current.cache_clear()
    runner = CliRunner()
    for words in (["rotation", "next", "name"], ["bucket", "audit"], ["rotation", "next", "script"], ["voices"]):
        runner.invoke(main, words)
    runner.invoke(main, ["bucket", "check", "stem.name.x", "--deep"])
    found = lines(house.root / "logs")
    assert [(one["kind"], one.get("command"), one.get("exit_code")) for one in found] == [
        ("rotation", None, None), ("command", "rotation next", 0),
        ("audit", None, None), ("command", "bucket audit", 0),
        ("command", "rotation next", 2), ("command", "bucket check", 2),
    ]  # fmt: skip
    assert found[0]["item"][0] in ("stem.name.ann", "stem.name.bob")
    assert (found[1]["arguments"], found[-1]["arguments"]) == ({"kind": "name"}, {"name": "stem.name.x", "deep": True})
    assert 0 <= found[1]["seconds"] < 60
    assert datetime.fromisoformat(found[1]["at"]).tzinfo == UTC
