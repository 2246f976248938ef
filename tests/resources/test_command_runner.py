"""Command lines of tools, run apart from everything else; the tools here are a few lines of Python each."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audio_assets.domain.rendering import PermanentError, TransientError
from resources.command_runner import LONGEST_LOG, Command, Input, Ran, run_command

KEY = "sk-planted-5f3a9c"
WRITES = "import sys; open(sys.argv[2], 'w').write(open(sys.argv[1]).read().upper())"
LEAVES_A_CHILD = """
import os, signal, sys, time
first = os.fork()
if first == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        open(sys.argv[1], 'w').write(str(os.getpid()))
        time.sleep(60)
    os._exit(0)
os.waitpid(first, 0)
while not os.path.exists(sys.argv[1]) or not open(sys.argv[1]).read():
    time.sleep(0.005)
"""


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Path]:
    """A scratch folder with an input in it, in which nothing else is left at the end."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (tmp_path / "voice in.wav").write_text("la la")
    yield scratch
    assert list(scratch.glob("command-*")) == []


def run(scratch: Path, code: str, *arguments: str, check: Any = lambda _path: None, **more: Any) -> Ran:
    wanted = arguments or ("{audio}", "{output}")
    command = Command("toy", (sys.executable, "-c", code, *wanted), "out.mp4", **{"grace_s": 0.2, **more})
    inputs = {"audio": Input("voice.wav", scratch.parent / "voice in.wav")}
    return run_command(command, inputs, scratch / "result.mp4", check=check)


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def within(seconds: float, holds: Any) -> bool:
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at and not holds():
        time.sleep(0.01)
    return bool(holds())


def test_what_it_wrote_is_handed_over(room: Path) -> None:
    code = f"{WRITES}; print('step 1'); print('step 2', file=sys.stderr)"
    ran = run(room, code)
    assert ((room / "result.mp4").read_text(), ran.words) == ("LA LA", "step 2")
    assert 0 < ran.seconds < 10


def test_it_works_on_a_copy_in_a_folder_of_its_own(room: Path) -> None:
    code = """
import os, stat, sys
open('voice.wav', 'a').write('scribble')
seen = sorted(os.listdir('.')), os.getcwd() == sys.argv[1], os.path.islink('voice.wav'), sys.stdin.read()
open(sys.argv[2], 'w').write(repr(seen))
"""
    run(room, code, "{folder}", "{output}", subfolders=("temp",), links=(("models", room.parent),))
    assert (room / "result.mp4").read_text() == repr((["models", "temp", "voice.wav"], True, False, ""))
    assert (room.parent / "voice in.wav").read_text() == "la la"


def test_no_shell_reads_an_argument_and_other_braces_stay(room: Path) -> None:
    code = "import sys; open('out.mp4', 'w').write('|'.join(sys.argv[1:]))"
    run(room, code, "$(id)", "{audio};{audio}", "{not_a_place}", '{"a": 1}')
    assert (room / "result.mp4").read_text() == "voice.wav;voice.wav".join(["$(id)|", '|{not_a_place}|{"a": 1}'])


def test_it_sees_no_key_and_cannot_tell_one(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_API_KEY", KEY)
    monkeypatch.setenv("HF_TOKEN", KEY)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    code = (
        "import os, sys; seen = repr(dict(os.environ)); print(seen, file=sys.stderr); open('out.mp4', 'w').write(seen)"
    )
    run(room, code)
    seen: dict[str, str] = eval((room / "result.mp4").read_text())  # noqa: S307 - our own tool's words
    assert KEY not in repr(seen)
    assert seen["CUDA_VISIBLE_DEVICES"] == "1"
    assert "PYTHONPATH" not in seen
    with pytest.raises(PermanentError) as failed:
        run(room, f"{code}; sys.exit(1)")
    assert KEY not in str(failed.value)


def test_the_process_above_it_has_no_key_either(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_API_KEY", KEY)
    code = "import os, shutil; shutil.copyfile(f'/proc/{os.getppid()}/environ', 'out.mp4')"
    run(room, code)
    seen = (room / "result.mp4").read_bytes()
    assert b"PATH=" in seen
    assert KEY.encode() not in seen


def test_a_key_in_its_last_words_is_hidden(room: Path) -> None:
    with pytest.raises(PermanentError) as failed:
        run(room, f"import sys; sys.exit('api_key={KEY} is refused')")
    assert KEY not in str(failed.value)
    assert "is refused" in str(failed.value)


def test_a_failure_tells_the_exit_code_and_the_last_words(room: Path) -> None:
    code = "import sys; print('loading'); [print(f'line {n}', file=sys.stderr) for n in range(9)]; sys.exit(3)"
    with pytest.raises(PermanentError, match=r"^toy failed with exit code 3; it said: line 6 / line 7 / line 8$"):
        run(room, code)
    with pytest.raises(PermanentError, match=r"^toy failed with exit code 4; it said: loading$"):
        run(room, "import sys; print('loading'); sys.exit(4)")
    with pytest.raises(PermanentError, match=r"^toy failed with exit code 5$"):
        run(room, "import sys; sys.exit(5)")


def test_its_words_name_no_folder_of_ours(room: Path) -> None:
    with pytest.raises(PermanentError) as failed:
        run(room, "import os, sys; sys.exit(f'no face in {os.getcwd()}/voice.wav')")
    assert str(failed.value) == "toy failed with exit code 1; it said: no face in voice.wav"


def test_whatever_it_says_only_the_end_is_kept(room: Path) -> None:
    code = (
        "import sys, os; [os.write(2, b'x' * 65536) for _ in range(64)]; os.write(2, b'\\nthe end\\n');"
        "import time; time.sleep(0.1);"
        "sizes = [os.path.getsize('../' + n) for n in ('stdout.txt', 'stderr.txt')];"
        "sys.exit(str(max(sizes)))"
    )
    with pytest.raises(PermanentError) as failed:
        run(room, code)
    assert int(str(failed.value).split()[-1]) <= LONGEST_LOG
    assert len(str(failed.value)) < 500
    assert "the end" in str(failed.value)


def test_what_can_not_be_started_is_said(room: Path) -> None:
    command = Command("toy", ("/no/such/program",), "out.mp4")
    with pytest.raises(PermanentError, match=r"toy can not be started: program: No such file .*\[providers.toy\]"):
        run_command(command, {}, room / "result.mp4")


# --- What it wrote ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("print('done')", r"ended without an error, but wrote no out.mp4 \(it said: done\)"),
        ("open('out.mp4', 'w')", "ended without an error, but out.mp4 is empty"),
        ("import os; os.mkdir('out.mp4')", "wrote no out.mp4"),
        ("import os; os.mkfifo('out.mp4')", "wrote no out.mp4"),
        ("import os; os.symlink('/etc/passwd', 'out.mp4')", "made a link instead of out.mp4"),
        ("import os; os.symlink('voice.wav', 'out.mp4')", "made a link instead of out.mp4"),
        ("import os; os.link('voice.wav', 'out.mp4')", "made a link instead of out.mp4"),
        (
            "import os; open('../../out.mp4', 'w').write('x');"
            "os.rename('../work', '../w'); os.symlink('../..', '../work')",
            "made a link instead of out.mp4",
        ),
    ],
)
def test_what_is_no_file_of_the_folder_is_refused(room: Path, code: str, says: str) -> None:
    with pytest.raises(PermanentError, match=says):
        run(room, code)
    assert not (room / "result.mp4").exists()
    (room / "out.mp4").unlink(missing_ok=True)


def test_what_does_not_pass_the_check_is_refused_and_never_seen(room: Path) -> None:
    def check(path: Path) -> None:
        assert path.read_text() == "garbage"
        raise ValueError("out.mp4 is no video")

    with pytest.raises(PermanentError, match=r"^toy: what it wrote can not be used: out.mp4 is no video \(it"):
        run(room, "open('out.mp4', 'w').write('garbage'); print('ok')", check=check)
    assert list(room.iterdir()) == []


def test_an_older_result_is_not_taken_for_a_new_one(room: Path) -> None:
    (room / "result.mp4").write_text("older")
    with pytest.raises(PermanentError, match=r"wrote no out\.mp4"):
        run(room, "pass")


def test_a_file_that_grows_too_large_ends_it(room: Path) -> None:
    code = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL); open('out.mp4', 'wb').write(b'x' * 5000)"
    with pytest.raises(PermanentError, match="wrote a file of more than 1000 bytes and was stopped"):
        run(room, code, largest_file=1000)
    with pytest.raises(PermanentError, match="File too large"):  # Python itself lives on, and says it
        run(room, "with open('out.mp4', 'wb') as out: out.write(b'x' * 5000)", largest_file=1000)


# --- How it ends -----------------------------------------------------------------------------------------------------


def test_it_is_stopped_after_its_time_also_where_it_does_not_listen(room: Path) -> None:
    code = "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('waiting'); time.sleep(60)"
    began = time.monotonic()
    with pytest.raises(PermanentError, match=r"did not end within 0.3 s and was stopped: raise time_limit_s.*waiting"):
        run(room, code, time_limit_s=0.3)
    assert time.monotonic() - began < 5


def test_it_may_tidy_up_when_it_is_stopped(room: Path) -> None:
    code = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit('tidied'));"
        "print('waiting'); time.sleep(60)"
    )
    with pytest.raises(PermanentError, match=r"was stopped.*it said: tidied"):
        run(room, code, time_limit_s=0.3, grace_s=5.0)


def test_one_that_is_killed_may_be_tried_again(room: Path) -> None:
    with pytest.raises(TransientError, match="toy was ended by signal 9, perhaps for want of memory"):
        run(room, "import os; os.kill(os.getpid(), 9)")


@pytest.mark.parametrize("ends", ["open('out.mp4', 'w').write('x')", "time.sleep(60)"])
def test_a_child_that_would_outlive_it_ends_with_it(room: Path, tmp_path: Path, ends: str) -> None:
    noted = tmp_path / "pid"
    code = f"{LEAVES_A_CHILD}\n{ends}"
    if "sleep" in ends:
        with pytest.raises(PermanentError, match="was stopped"):
            run(room, code, str(noted), time_limit_s=0.5)
    else:
        run(room, code, str(noted))
    assert within(2, lambda: is_gone(int(noted.read_text())))


OWNER = """
import signal
import sys
from pathlib import Path
from resources.command_runner import Command, run_command
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job may have inherited that it is ignored
command = Command("toy", (sys.executable, "-c", sys.argv[1], sys.argv[2]), "out.mp4", grace_s=0.1)
run_command(command, {}, Path(sys.argv[3]) / "result.mp4")
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_it_ends_when_we_die_with_all_its_children_and_its_folder(room: Path, tmp_path: Path, number: int) -> None:
    noted = tmp_path / "pid"
    code = f"{LEAVES_A_CHILD}\ntime.sleep(60)"
    root = Path(__file__).parents[2]
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, code, str(noted), str(room)],
        env={**os.environ, "PYTHONPATH": str(root)}, cwd=tmp_path, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert within(20, lambda: noted.exists() and noted.read_text())
    owner.send_signal(number)
    owner.wait(10)
    assert within(5, lambda: is_gone(int(noted.read_text())))
    assert within(5, lambda: not list(room.glob("command-*")))


def test_the_folder_of_a_failure_can_be_kept(room: Path) -> None:
    with pytest.raises(PermanentError) as failed:
        run(room, "import sys; open('half.avi', 'w').write('x'); sys.exit('no')", keeps_failed=True)
    (kept,) = room.glob("command-*")
    assert str(failed.value) == f"toy failed with exit code 1; it said: no; its folder is kept: {kept}"
    assert (kept / "work" / "half.avi").exists()
    assert (kept / "stderr.txt").read_text() == "no\n"
    shutil.rmtree(kept)
    run(room, WRITES, keeps_failed=True)
