"""Whether objects are whole, here and as another process sees it."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from audio_assets.domain.schemas.records import Ref
from resources.whole_objects import SIDECAR, Lookout, Seen, has_many, is_whole, look, read_small

ASSET = "voice_line"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A store with one whole object, one that lost a file, one whose file is cut, one that is not committed, and a
    torn ref.
    """
    (tmp_path / "refs" / ASSET).mkdir(parents=True)
    for name in ("whole", "lost", "cut", "open"):
        folder = tmp_path / "audio" / name
        folder.mkdir(parents=True)
        (folder / "out.wav").write_bytes(b"12345")
        (folder / SIDECAR).write_bytes(b"{}")
        (tmp_path / f"refs/{ASSET}/{name}.json").write_bytes(Ref("k", f"audio/{name}", "c", {"out.wav": 5}).to_bytes())
    (tmp_path / "audio/lost/out.wav").unlink()
    (tmp_path / "audio/cut/out.wav").write_bytes(b"1234")
    (tmp_path / "audio/open" / SIDECAR).unlink()
    (tmp_path / f"refs/{ASSET}/torn.json").write_bytes(b'{"obj')
    return tmp_path


def broken(seen: Iterable[Seen]) -> list[str]:
    return sorted(name for name, _, is_whole in seen if not is_whole)


def test_only_whole_objects_count(root: Path) -> None:
    assert is_whole(f"{root}/audio/whole", {"out.wav": 5})
    assert broken(look(str(root), ASSET)) == ["cut", "lost", "open", "torn"]
    assert list(look(str(root), "nothing")) == []


def test_another_process_sees_the_same_in_the_order_asked(root: Path) -> None:
    lookout = Lookout(str(root), ["nothing", ASSET])
    assert list(lookout.look("nothing")) == []
    assert sorted(map(tuple, lookout.look(ASSET))) == sorted(look(str(root), ASSET))
    lookout.close()


def test_where_the_other_process_has_died_this_one_looks(root: Path) -> None:
    lookout = Lookout(str(root), [])
    assert broken(lookout.look(ASSET)) == ["cut", "lost", "open", "torn"]
    lookout.close()


def test_few_refs_are_not_worth_a_process(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not has_many(str(root), [ASSET, "nothing"])
    monkeypatch.setattr("resources.whole_objects._MANY", 5)
    assert has_many(str(root), [ASSET, "nothing"])


@pytest.mark.parametrize("size", [0, 1, (1 << 14) - 1, 1 << 14, (1 << 15) + 1])
def test_files_of_any_length_are_read_whole(tmp_path: Path, size: int) -> None:
    (tmp_path / "f").write_bytes(bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    assert read_small(str(tmp_path / "f")) == (tmp_path / "f").read_bytes()
