import os
from pathlib import Path

import pytest

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
