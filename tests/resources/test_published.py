import errno
import os
from pathlib import Path

import pytest

from audio_assets.domain.rendering import plain_words
from resources import published
from resources.published import replace_file, sha256_of


def test_a_file_is_hashed_once_and_again_after_each_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, read = tmp_path / "a.wav", []
    digest = published._digest
    monkeypatch.setattr(published, "_digest", lambda of: read.append(of) or digest(of))
    replace_file(path, b"one")
    first = sha256_of(path)
    path.write_bytes(b"two")  # of the same size, perhaps within the same tick of the clock
    assert sha256_of(path) != first
    monkeypatch.setattr(published, "_SETTLED_NS", -1)
    read.clear()
    assert sha256_of(path) == sha256_of(path)
    assert len(read) == 1
    times = path.stat()
    path.write_bytes(b"six")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # who hides the change of the content can not hide this
    assert sha256_of(path) == digest(path)
    assert len(read) == 2
    path.unlink()
    assert (sha256_of(path), sha256_of(path / "below")) == ("", "")


def test_a_full_disk_is_a_sentence_and_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "a.wav"
    replace_file(path, b"before")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as raised:
        replace_file(path, b"after")
    assert plain_words(raised.value) == (
        f"{path} can not be read or written (No space left on device); mend that, then run again"
    )
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("a.wav", b"before")]
    with pytest.raises(OSError, match=r"a\.wav"):
        replace_file(path / "below.wav", b"")
