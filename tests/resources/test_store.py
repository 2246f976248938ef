import hashlib
import itertools
from dataclasses import replace
from pathlib import Path

import obstore
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_assets.domain.schemas.records import Check, Failure, Ref, Sidecar, StoredFile, content_sha256
from resources.store import SIDECAR, ArtifactStore, StoreError

FOLDER = "audio/tts/abc"
FILES = {"out.wav": b"sound" * 100, "speech.json": b"{}", "picture.png": b"png"}
FAILURE = Failure("key", "transient", "the disk is full", "run", 2)


def stored_sidecar(files: dict[str, StoredFile]) -> Sidecar:
    return Sidecar(
        action_key="abc",
        action={"asset": "voice_line", "inputs": {}},
        content=content_sha256(files, ("picture.png",)),
        files=files,
        facts={"duration_s": 1.5},
        checks=(Check("not_silent", True, "RMS -20 dBFS", blocking=True),),
        sources={},
        previews=("picture.png",),
        rendered_at="2026-01-01T00:00:00+00:00",
        render_s=0.1,
        run_id="run",
        licence="CC0-1.0",
        cost_usd=0.0,
        published={"alignment": "alignment.json"},
    )


def put_object(store: ArtifactStore, folder: str = FOLDER) -> Sidecar:
    files = {name: store.write(f"{folder}/{name}", data) for name, data in FILES.items()}
    sidecar = stored_sidecar(files)
    store.commit(folder, files, sidecar)
    return sidecar


def ref_to(sidecar: Sidecar) -> Ref:
    sizes = {name: entry.size for name, entry in sidecar.files.items()}
    return Ref(sidecar.action_key, FOLDER, sidecar.content, sizes, ("not_clipped",), is_blocked=False)


@pytest.fixture(params=["a folder", "an object store"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    """The same laws hold for both."""
    return ArtifactStore(url=str(tmp_path / "store") if request.param == "a folder" else "memory:///")


@pytest.fixture
def local(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(url=str(tmp_path / "store"))


# Bytes


def test_what_is_written_is_read_and_described(store: ArtifactStore) -> None:
    assert store.read("a/b.bin") is None
    assert store.size("a/b.bin") is None
    stored = store.write("a/b.bin", b"12345")
    assert stored == StoredFile(hashlib.sha256(b"12345").hexdigest(), 5)
    assert store.read("a/b.bin") == b"12345"
    assert store.size("a/b.bin") == 5
    assert list(store.list("a")) == ["a/b.bin"]
    store.delete("a/b.bin")
    store.delete("a/b.bin")  # nothing there is fine
    assert store.read("a/b.bin") is None


def test_a_file_is_taken_over_with_the_same_bytes_and_sum(store: ArtifactStore, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch.wav"
    scratch.write_bytes(bytes(range(256)) * 40_000)  # more than one part of a streamed upload
    assert store.write("big.wav", scratch) == store.write("same.wav", scratch.read_bytes())
    assert store.read("big.wav") == scratch.read_bytes()
    assert store.read("big.wav") == scratch.read_bytes()


def test_an_empty_file_is_a_file(store: ArtifactStore) -> None:
    store.write("empty", b"")
    assert store.read("empty") == b""
    assert store.size("empty") == 0


def test_a_write_replaces_the_whole_or_nothing(local: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads while it is replaced sees the old bytes or the new ones; an inode is never written into."""
    local.write("a/b.bin", b"old" * 1000)
    path = local.local_path("a/b.bin")
    assert path is not None
    with path.open("rb") as reader:
        local.write("a/b.bin", b"new")
        assert reader.read() == b"old" * 1000
    assert local.read("a/b.bin") == b"new"

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(obstore, "put", fail)
        with pytest.raises(StoreError, match=r"a/b.bin in the store .*No space left"):
            local.write("a/b.bin", b"newer")
    assert local.read("a/b.bin") == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["b.bin"]


@pytest.mark.parametrize("path", ["../outside", "a/../../outside", "a/../../../etc/passwd", "/etc/hostname"])
def test_a_path_that_leaves_the_root_is_refused(local: ArtifactStore, path: str, tmp_path: Path) -> None:
    local.write("inside", b"1")
    (tmp_path / "outside").write_bytes(b"secret")
    for attempt in (lambda: local.read(path), lambda: local.write(path, b"2"), lambda: local.size(path)):
        with pytest.raises((ValueError, StoreError, OSError)):
            attempt()
    assert (tmp_path / "outside").read_bytes() == b"secret"


# Objects


def test_an_object_is_found_as_it_was_committed(store: ArtifactStore) -> None:
    assert store.find(FOLDER) is None
    sidecar = put_object(store)
    assert store.find(FOLDER) == sidecar
    for name, data in FILES.items():
        assert store.read_file(FOLDER, name, sidecar) == data


@pytest.mark.parametrize("name", [*FILES, SIDECAR])
def test_an_object_without_one_of_its_files_is_no_hit(store: ArtifactStore, name: str) -> None:
    put_object(store)
    store.delete(f"{FOLDER}/{name}")
    assert store.find(FOLDER) is None


@pytest.mark.parametrize("name", [*FILES, SIDECAR])
def test_an_object_with_a_cut_file_is_no_hit(store: ArtifactStore, name: str) -> None:
    put_object(store)
    data = store.read(f"{FOLDER}/{name}") or b""
    store.write(f"{FOLDER}/{name}", data[:-1])
    assert store.find(FOLDER) is None


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"null", b"[1]", b'{"schema": "sidecar.2"}', b'{"schema": "sidecar.1"}', b"\xff\xfe\0"]
)
def test_a_sidecar_that_is_none_is_no_hit(store: ArtifactStore, data: bytes) -> None:
    put_object(store)
    store.write(f"{FOLDER}/{SIDECAR}", data)
    assert store.find(FOLDER) is None


def test_what_is_there_and_not_whole_is_told_of_once(
    store: ArtifactStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = f"audio/tts/{tmp_path.name}"
    assert store.find(folder) is None
    assert not caplog.messages, "what was never rendered is no trouble"
    put_object(store, folder)
    store.write(f"{folder}/{SIDECAR}", b'{"schema": "sidecar.1"}')
    assert store.find(folder) is store.find(folder) is None
    assert [f"{folder}/{SIDECAR} can not be read" in said for said in caplog.messages] == [True]


def test_a_sidecar_that_could_not_be_read_again_is_not_written(store: ArtifactStore) -> None:
    files = {name: store.write(f"{FOLDER}/{name}", data) for name, data in FILES.items()}
    clash = replace(stored_sidecar(files), published={"files": "out.wav"})  # over the sidecar's own field
    with pytest.raises(StoreError, match="could not be read again"):
        store.commit(FOLDER, files, clash)
    assert store.read(f"{FOLDER}/{SIDECAR}") is None


@settings(deadline=None, max_examples=60)
@given(at=st.integers(0, 5000), junk=st.binary(max_size=3))
def test_a_torn_sidecar_is_a_hit_only_when_it_is_the_same(at: int, junk: bytes) -> None:
    store = ArtifactStore(url="memory:///")
    sidecar = put_object(store)
    whole = sidecar.to_bytes()
    store.write(f"{FOLDER}/{SIDECAR}", whole[: at % len(whole)] + junk)
    found = store.find(FOLDER)
    assert found is None or found == sidecar


def test_damage_of_the_same_size_is_found_when_the_bytes_are_read(store: ArtifactStore) -> None:
    sidecar = put_object(store)
    store.write(f"{FOLDER}/out.wav", b"noise" * 100)
    with pytest.raises(StoreError, match=r"out\.wav is damaged"):
        store.read_file(FOLDER, "out.wav", sidecar)
    store.delete(f"{FOLDER}/out.wav")
    with pytest.raises(StoreError, match=r"out\.wav is gone"):
        store.read_file(FOLDER, "out.wav", sidecar)


@pytest.mark.parametrize("loss", ["gone", "cut"])
def test_what_is_not_whole_is_not_committed(store: ArtifactStore, loss: str) -> None:
    files = {name: store.write(f"{FOLDER}/{name}", data) for name, data in FILES.items()}
    store.delete(f"{FOLDER}/out.wav") if loss == "gone" else store.write(f"{FOLDER}/out.wav", b"cut")
    with pytest.raises(StoreError, match=r"out\.wav"):
        store.commit(FOLDER, files, stored_sidecar(files))
    assert store.read(f"{FOLDER}/{SIDECAR}") is None


def test_a_discarded_object_is_no_hit_and_can_be_committed_again(store: ArtifactStore) -> None:
    put_object(store)
    store.discard(FOLDER)
    store.discard(FOLDER)
    assert store.find(FOLDER) is None
    assert put_object(store) == store.find(FOLDER)


def test_content_is_that_of_the_files_without_the_previews() -> None:
    one, other = (StoredFile(str(n), n) for n in (1, 2))
    content = content_sha256({"a": one, "p.png": one}, ("p.png",))
    assert content == content_sha256({"a": one, "p.png": other}, ("p.png",))
    assert content != content_sha256({"a": other, "p.png": one}, ("p.png",))
    assert content != content_sha256({"b": one, "p.png": one}, ("p.png",))


# Refs and failures


def test_a_ref_is_what_it_was_pointed_at(store: ArtifactStore) -> None:
    ref = ref_to(put_object(store))
    refs = store.refs("voice_line")
    assert refs.get("play.a.en") is None
    refs.point("play.a.en", ref)
    assert store.refs("voice_line").get("play.a.en") == ref
    assert store.refs("voice_line").all() == {"play.a.en": ref}
    assert store.refs("alignment").all() == {}
    assert store.is_there(ref)


def test_preloaded_refs_are_those_of_one_moment_and_see_their_own_writes(store: ArtifactStore) -> None:
    ref = ref_to(put_object(store))
    refs = store.refs("voice_line").preload()
    store.refs("voice_line").point("play.a.en", ref)
    assert refs.get("play.a.en") is None
    refs.point("play.b.en", ref)
    assert refs.get("play.b.en") == ref


@pytest.mark.parametrize("data", [b"", b"{", b"null", b'{"schema": "ref.1"}', b'{"schema": "other.1"}', b"\xff"])
def test_a_torn_ref_counts_as_none(store: ArtifactStore, data: bytes) -> None:
    store.refs("voice_line").point("play.a.en", ref_to(put_object(store)))
    store.write("refs/voice_line/play.b.en.json", data)
    assert store.refs("voice_line").get("play.b.en") is None
    assert set(store.refs("voice_line").all()) == {"play.a.en"}


@pytest.mark.parametrize("data", [b"", b"{", b'{"schema": "failure.1"}', b'{"schema": "other.1"}', b"\xff"])
def test_a_torn_failure_counts_as_none(store: ArtifactStore, data: bytes) -> None:
    store.record_failure("voice_line", "play.a.en", FAILURE)
    store.write("failures/voice_line/play.b.en.json", data)
    assert store.failure("voice_line", "play.b.en") is None
    assert set(store.failures("voice_line")) == {"play.a.en"}


def test_a_failure_is_kept_until_its_partition_points_at_something(store: ArtifactStore) -> None:
    assert store.failure("voice_line", "play.a.en") is None
    store.record_failure("voice_line", "play.a.en", FAILURE)
    assert store.failure("voice_line", "play.a.en") == FAILURE
    assert store.failures("voice_line") == {"play.a.en": FAILURE}
    store.refs("voice_line").point("play.a.en", ref_to(put_object(store)))
    assert store.failures("voice_line") == {}
    store.clear_failure("voice_line", "play.a.en")


def test_read_all_sees_records_only(store: ArtifactStore) -> None:
    store.write("scripts/one.json", b"1")
    store.write("scripts/notes.txt", b"x")
    assert dict(store.read_all("scripts")) == {"one": b"1"}
    assert dict(store.read_all("nowhere")) == {}


def test_read_all_does_not_look_into_sub_folders(store: ArtifactStore) -> None:
    store.write("scripts/one.json", b"1")
    store.write("scripts/deep/two.json", b"2")
    assert dict(store.read_all("scripts")) == {"one": b"1"}


def test_a_name_that_begins_with_another_is_not_the_other(store: ArtifactStore) -> None:
    store.refs("voice_line").point("play.a.en", ref_to(put_object(store)))
    assert store.refs("voice").all() == {}


def test_whether_a_ref_s_object_is_there(local: ArtifactStore) -> None:
    ref = ref_to(put_object(local))
    assert local.is_there(ref)
    local.write(f"{FOLDER}/out.wav", b"cut")
    assert not local.is_there(ref)
    put_object(local)
    assert local.is_there(ref)
    local.discard(FOLDER)
    assert not local.is_there(ref)


# Two at a time


def test_two_writers_of_the_same_object_leave_one_whole_object(store: ArtifactStore) -> None:
    """Every step of one interleaved with every step of the other: whoever commits, it is whole from then on."""
    for order in itertools.permutations(("a1", "a2", "b1", "b2"), 4):
        if order.index("a1") > order.index("a2") or order.index("b1") > order.index("b2"):
            continue
        store.discard(FOLDER)
        written: dict[str, dict[str, StoredFile]] = {}
        committed = False
        for step in order:
            if step[1] == "1":
                written[step[0]] = {name: store.write(f"{FOLDER}/{name}", data) for name, data in FILES.items()}
            else:
                store.commit(FOLDER, written[step[0]], stored_sidecar(written[step[0]]))
                committed = True
            assert (store.find(FOLDER) is not None) == committed
