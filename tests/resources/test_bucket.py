"""The whole cycle of a bucket against real servers: moto's always, SeaweedFS and rclone where they are installed."""

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner

from audio_assets.cli import main
from audio_assets.domain.bucket_audit import Wanted
from audio_assets.domain.rendering import PermanentError, TransientError
from audio_assets.settings import current
from audio_assets.stages import bucket as stage
from audio_assets.studio import Studio
from resources import bucket as module
from resources.bucket import Bucket, BucketGone, ChangedMeanwhile
from tests.house import House
from tests.servers.s3 import BUCKET, HONOURS_CONDITIONS, S3, SERVERS, serving

URL = f"s3://{BUCKET}/studio/one"
PREFIX = "studio/one/"


@pytest.fixture(scope="module", params=SERVERS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with serving(request.param, tmp_path_factory.mktemp("server")) as found:
        yield found


ONE = pytest.mark.parametrize("running", SERVERS[:1], indirect=True)
"""For what is ours and not the server's: one is enough."""


@pytest.fixture
def server(running: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The server, empty, and known to the environment."""
    _use(running, monkeypatch)
    running.empty()
    return running


def _use(server: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)


def stems(root: Path, count: int, contract: str = "c0") -> None:
    """Files that look like stems to all but a listener, with their index."""
    rows: dict[str, Any] = {}
    for n in range(count):
        stem, data = f"stem.name.n{n:04}", f"sound {n} ".encode() * 20
        path = f"stems/name/{stem}.wav"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
        rows[stem] = {
            "kind": "name", "path": path, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data),
            "contract_signature": contract, "sample_rate_hz": 24000, "object": f"audio/stems/{n}",
        }  # fmt: skip
    (root / "stems/index.json").write_text(json.dumps({"schema": "stem_index.1", "stems": rows}))


def counts(studio: Studio, bucket: Bucket, prefix: str = "", *, is_deep: bool = False) -> dict[str, int]:
    return stage.audit(studio, bucket, prefix, is_deep=is_deep).counts


def send(studio: Studio, bucket: Bucket) -> list[stage.Sent]:
    rows = stage.wanted(studio)
    return stage.upload(studio, bucket, stage.to_upload(rows, stage.in_bucket(bucket, rows)))


def test_the_whole_cycle(server: S3, house: House, tmp_path: Path) -> None:
    stems(house.root, 5)
    studio, bucket, client = house.studio(), Bucket(url=URL), server.client
    assert counts(studio, bucket) == {"missing_in_bucket": 6}
    sent = send(studio, bucket)
    assert [one.problem for one in sent] == [""] * 6
    assert sent[-1].key == "stems/index.json"
    assert (counts(studio, bucket), send(studio, bucket)) == ({}, [])
    told = client.head_object(Bucket=BUCKET, Key=f"{PREFIX}stems/name/stem.name.n0001.wav")["Metadata"]
    told = {name.lower(): value for name, value in told.items()}  # rclone writes them with a capital
    row = stage.find(studio, "stem.name.n0001")
    assert told == {"sha256": row.sha256, "contract_signature": "c0"}

    # a flipped byte at the server, whose metadata says that all is well
    data = (house.root / row.key).read_bytes()
    flipped = bytes([data[0] ^ 1]) + data[1:]
    client.put_object(Bucket=BUCKET, Key=PREFIX + row.key, Body=flipped, Metadata=told)
    assert counts(studio, bucket) == {}
    assert counts(studio, bucket, is_deep=True) == {"differs": 1}
    target = tmp_path / "out.wav"
    target.write_bytes(b"before")
    with pytest.raises(PermanentError, match="is damaged: its sha256 is not that of the index; nothing was written"):
        bucket.download(row.key, target, row.sha256)
    assert (target.read_bytes(), len(list(tmp_path.glob(".out*")))) == (b"before", 0)

    # one whose metadata says another hash, one without, one that is nobody's, one that is gone
    client.put_object(Bucket=BUCKET, Key=PREFIX + row.key, Body=flipped, Metadata={"sha256": "0" * 64})
    plain = stage.find(studio, "stem.name.n0002")
    client.put_object(Bucket=BUCKET, Key=PREFIX + plain.key, Body=(house.root / plain.key).read_bytes())
    client.put_object(Bucket=BUCKET, Key=f"{PREFIX}stems/name/stem.name.old.wav", Body=b"old")
    client.put_object(Bucket=BUCKET, Key=f"{PREFIX}elsewhere/not-ours.wav", Body=b"x")
    client.delete_object(Bucket=BUCKET, Key=f"{PREFIX}stems/name/stem.name.n0003.wav")
    found = stage.audit(studio, bucket)
    assert found.counts == {"differs": 1, "missing_in_bucket": 1, "orphaned_in_bucket": 1}
    assert found.n_by_size == 1
    assert counts(studio, bucket, "stems/name/stem.name.n") == {"differs": 1, "missing_in_bucket": 1}
    assert {one.key for one in send(studio, bucket) if not one.problem} == {row.key, "stems/name/stem.name.n0003.wav"}
    assert counts(studio, bucket) == {"orphaned_in_bucket": 1}

    # a file that is lost here comes back
    (house.root / row.key).unlink()
    assert counts(studio, bucket) == {"missing_here": 1, "orphaned_in_bucket": 1}
    assert stage.resolve(studio, bucket, row, None) == (house.root / row.key, "bucket")
    assert stage.resolve(studio, bucket, row, tmp_path / "copy.wav") == (tmp_path / "copy.wav", "here")
    assert (house.root / row.key).read_bytes() == (tmp_path / "copy.wav").read_bytes() == data


@ONE
@pytest.mark.usefixtures("server")
def test_what_is_of_another_contract_is_stale_and_sent_again(house: House) -> None:
    stems(house.root, 2)
    bucket = Bucket(url=URL)
    send(house.studio(), bucket)
    stems(house.root, 2, contract="c1")
    assert counts(house.studio(), bucket, "stems/name/") == {"stale_contract": 2}
    assert len(send(house.studio(), bucket)) == 3
    assert counts(house.studio(), bucket) == {}


@ONE
@pytest.mark.usefixtures("server")
def test_a_bucket_is_listed_page_by_page(house: House) -> None:
    """More than a server lists at once are in `tests/bench/bucket.py`."""
    stems(house.root, 12)
    bucket = Bucket(url=URL)
    send(house.studio(), bucket)
    keys, after, has_more = [], "", True
    while has_more:
        page, has_more = bucket.page("stems/name/stem", 5, after)
        keys += [one.key for one in page]
        after = page[-1].key
    assert keys == [f"stems/name/stem.name.n{n:04}.wav" for n in range(12)]


@ONE
def test_what_vanishes_between_list_and_look_counts_as_missing(
    server: S3, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    stems(house.root, 3)
    studio, bucket = house.studio(), Bucket(url=URL)
    send(studio, bucket)
    gone = "stems/name/stem.name.n0001.wav"
    look = Bucket.look_at_all

    def late(self: Bucket, keys: Any) -> Any:
        server.client.delete_object(Bucket=BUCKET, Key=PREFIX + gone)
        return look(self, keys)

    monkeypatch.setattr(Bucket, "look_at_all", late)
    assert [(one.key, one.problem) for one in stage.audit(studio, bucket).findings] == [(gone, "missing_in_bucket")]
    with pytest.raises(BucketGone, match=r"there is no stems/name/stem\.name\.n0001\.wav in s3://"):
        bucket.download(gone, house.root / "x.wav")
    assert bucket.hashed([replace(next(bucket.listed("stems/")), key=gone)]) == []


def test_nothing_of_others_is_replaced(server: S3, house: House) -> None:
    if server.kind not in HONOURS_CONDITIONS:
        pytest.skip(f"{server.kind} honours no conditions of a put")
    stems(house.root, 1)
    bucket = Bucket(url=URL)
    row = stage.find(house.studio(), "stem.name.n0000")
    path = house.root / row.key
    server.client.put_object(Bucket=BUCKET, Key=PREFIX + row.key, Body=b"theirs")
    seen = bucket.look(row.key)
    with pytest.raises(ChangedMeanwhile, match="was written by somebody else meanwhile"):
        bucket.upload(path, row, None)
    server.client.put_object(Bucket=BUCKET, Key=PREFIX + row.key, Body=b"theirs, again")
    with pytest.raises(ChangedMeanwhile):
        bucket.upload(path, row, seen)
    assert server.client.get_object(Bucket=BUCKET, Key=PREFIX + row.key)["Body"].read() == b"theirs, again"
    bucket.upload(path, row, bucket.look(row.key))
    bucket.upload(path, row, None)  # somebody else has put the very same there: fine


def test_a_wrong_secret_is_one_sentence_without_it(server: S3, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    stems(house.root, 1)
    key, secret = server.environment["AWS_ACCESS_KEY_ID"], "wrong-secret-91"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
    monkeypatch.setenv("AUDIO_ASSETS_BUCKET", URL)
    current.cache_clear()
    for command in (["audit"], ["list"], ["check", "stem.name.n0000"], ["upload"], ["upload", "stem.name.n0000"]):
        done = CliRunner().invoke(main, ["bucket", *command])
        assert done.exit_code == 2, done.output
        assert "can not be used with these credentials" in done.output
        assert "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in done.output
        assert len(done.output.splitlines()) == 1
        assert not [word for word in (secret, key, "Traceback", "StringToSign") if word in done.output]
    with pytest.raises(PermanentError) as refused:
        list(Bucket(url=URL).listed())
    assert refused.value.__suppress_context__  # nor is what the server said in a trace
    assert refused.value.__cause__ is None


@ONE
@pytest.mark.usefixtures("server")
def test_keys_that_are_not_set_are_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    says = r"the bucket s3://.* can not be used without credentials \(.*\); set "
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")  # where obstore looks for some, then
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(PermanentError, match=f"{says}AWS_SECRET_ACCESS_KEY$"):
        list(Bucket(url=URL).listed())
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(PermanentError, match=f"{says}AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY$"):
        list(Bucket(url=URL).listed())


@ONE
@pytest.mark.usefixtures("server")
def test_a_bucket_that_is_not_there_is_said() -> None:
    with pytest.raises(PermanentError, match=r"there is no bucket s3://no-such-bucket .*; make it, or correct AUDIO"):
        list(Bucket(url="s3://no-such-bucket").listed())


def test_a_server_that_is_down_is_said_within_seconds(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    stems(house.root, 2)
    studio, bucket = house.studio(), Bucket(url=URL)
    keys = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "wrong-secret-91", "AWS_REGION": "us-east-1"}
    for name, value in {**keys, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)
    started = time.monotonic()
    with pytest.raises(TransientError, match=r"the bucket s3://.* does not answer; look at its address"):
        stage.audit(studio, bucket)
    (sent, *_) = stage.upload(studio, bucket, stage.to_upload(stage.wanted(studio), []))
    assert "does not answer" in sent.problem
    assert "secret" not in sent.problem
    assert time.monotonic() - started < 20


# without a server


def test_without_a_bucket_files_are_held_against_the_index(house: House) -> None:
    stems(house.root, 4)
    names = [house.root / f"stems/name/stem.name.n000{n}.wav" for n in range(4)]
    studio, nowhere = house.studio(), Bucket()
    assert counts(studio, nowhere) == {}
    names[0].unlink()
    names[1].write_bytes(b"other")
    (house.root / "stems/name/stem.name.more.wav").write_bytes(b"more")
    (house.root / "stems/name/.stem.name.tmp.wav").write_bytes(b"half")
    assert counts(studio, nowhere) == {"damaged_here": 1, "missing_here": 1, "orphaned_here": 1}
    assert counts(studio, nowhere, "stems/name/stem.name.n0001") == {"damaged_here": 1}
    with pytest.raises(PermanentError, match="there is no bucket; set AUDIO_ASSETS_BUCKET"):
        list(nowhere.listed())


def test_a_folder_is_a_bucket_too(house: House, tmp_path: Path) -> None:
    stems(house.root, 3)
    studio, bucket = house.studio(), Bucket(url=str(tmp_path / "bucket"))
    assert not [one for one in send(studio, bucket) if one.problem]
    assert counts(studio, bucket) == {}
    (tmp_path / "bucket/stems/name/stem.name.n0001.wav").write_bytes(b"flip".ljust(160, b"."))
    assert counts(studio, bucket) == {"differs": 1}
    assert [one.key for one in send(studio, bucket)] == ["stems/name/stem.name.n0001.wav"]
    page, has_more = bucket.page("stems/name/", 2)
    assert ([one.key[-8:] for one in page], has_more) == (["0000.wav", "0001.wav"], True)


def test_a_file_that_is_not_that_of_the_index_is_not_uploaded(house: House, tmp_path: Path) -> None:
    stems(house.root, 2)
    (house.root / "stems/name/stem.name.n0001.wav").write_bytes(b"other")
    bucket = Bucket(url=str(tmp_path / "bucket"))
    sent = {one.key: one.problem for one in send(house.studio(), bucket)}
    assert sent["stems/name/stem.name.n0000.wav"] == ""
    assert "its sha256 is not that of the index" in sent["stems/name/stem.name.n0001.wav"]
    assert not (tmp_path / "bucket/stems/name/stem.name.n0001.wav").exists()


def test_what_a_server_keeps_otherwise_is_found_when_it_is_read_back(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stems(house.root, 1)
    put = module.obstore.put
    monkeypatch.setattr(module.obstore, "put", lambda store, key, data, **said: put(store, key, data[:-1], **said))
    sent = send(house.studio(), Bucket(url=str(tmp_path / "bucket")))
    assert ["holds other bytes; upload it again" in one.problem for one in sent] == [True, True]


def test_looking_makes_no_folder_and_a_file_is_no_bucket(house: House, tmp_path: Path) -> None:
    stems(house.root, 1)
    row = stage.find(house.studio(), "stem.name.n0000")
    bucket = Bucket(url=str(tmp_path / "bucket"))
    assert counts(house.studio(), bucket) == {"missing_in_bucket": 2}
    assert (bucket.page("", 5), stage.findings_of(house.studio(), bucket, row, is_deep=True)[1]) == (([], False), None)
    with pytest.raises(BucketGone):
        bucket.download(row.key, tmp_path / "x.wav")
    assert not (tmp_path / "bucket").exists()
    (tmp_path / "file").write_text("")
    for look in (lambda one: list(one.listed()), lambda one: one.look(row.key)):
        with pytest.raises(PermanentError, match=r"AUDIO_ASSETS_BUCKET is .*file, which is a file; name a folder, s3:"):
            look(Bucket(url=str(tmp_path / "file")))
    (sent, *_) = send(house.studio(), Bucket(url=str(tmp_path / "bucket")))
    assert sent.problem == ""


@pytest.mark.parametrize("prefix", ["../", "/stems", "stems/../../x", "stems//name"])
def test_a_prefix_that_no_key_has_is_said(house: House, prefix: str) -> None:
    with pytest.raises(ValueError, match="no key begins with"):
        stage.audit(house.studio(), Bucket(), prefix)
    for command in ("audit", "list", "upload"):
        done = CliRunner().invoke(main, ["bucket", command, "--prefix", prefix])
        assert (done.exit_code, len(done.output.splitlines())) == (2, 1)
        assert "no key begins with" in done.output


def test_a_google_address_is_bucket_and_prefix() -> None:
    """No server for it is at hand: that it answers is not tested."""
    found = Bucket(url="gs://my-bucket/studio/one")._store
    assert (type(found).__name__, found.config["bucket"], found.prefix) == ("GCSStore", "my-bucket", "studio/one")


@pytest.mark.parametrize("url", ["ftp://host/x", "s3://", "https://host/bucket"])
def test_an_address_that_is_none_is_said(url: str) -> None:
    with pytest.raises(PermanentError, match="write a folder, s3://bucket/prefix or gs://bucket/prefix"):
        list(Bucket(url=url).listed())


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"schema": "stem_index.1", "stems": {"a": {"path": "x"}}}', '{"stems": {}}']
)
def test_an_index_that_can_not_be_read_is_said(house: House, text: str) -> None:
    (house.root / "stems").mkdir()
    (house.root / "stems/index.json").write_text(text)
    with pytest.raises(PermanentError, match=r"index.json can not be read \(.*\); remove it, then"):
        stage.audit(house.studio(), Bucket())


def test_the_commands(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stems(house.root, 25)
    monkeypatch.setenv("AUDIO_ASSETS_BUCKET", str(tmp_path / "bucket"))
    current.cache_clear()

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["bucket", *words])
        return done.exit_code, done.output

    assert run("audit")[0] == 1
    assert "would upload 26 to" in run("upload", "--dry-run")[1]
    assert "uploaded 26 to" in run("upload")[1]
    assert "uploaded 0 to" in run("upload")[1]
    assert run("audit")[0] == 0
    code, out = run("audit", "--json", "--deep", "--prefix", "stems/name/")
    assert (code, json.loads(out)["said"]) == (0, "all 25 files agree")
    (tmp_path / "bucket/stems/name/stem.name.n0004.wav").unlink()
    code, out = run("check", "stem.name.n0004", "--json")
    assert (code, [one["problem"] for one in json.loads(out)["findings"]]) == (1, ["missing_in_bucket"])
    code, out = run("check", "stem.name.n004")
    assert (code, out.count("did you mean")) == (2, 1)
    assert run("list", "--limit", "2", "--prefix", "stems/name/")[1].count("stem.name.n000") == 3  # with where to go on
    assert run("resolve", "stem.name.n0003")[1].strip() == str(house.root / "stems/name/stem.name.n0003.wav")
    assert run("upload", "stem.name.n0004", "--prefix", "x")[0] == 2
    assert "uploaded 1 to" in run("upload", "stem.name.n0004")[1]


def test_the_asset_shows_the_findings_and_its_check_warns(house: House, instance: dg.DagsterInstance) -> None:
    stems(house.root, 3)
    (house.root / "stems/name/stem.name.n0001.wav").write_bytes(b"other")
    resources = {"studio": house.resources["studio"], "bucket": Bucket()}
    done = dg.materialize([stage.bucket_audit], instance=instance, resources=resources)
    shown = done.asset_materializations_for_node("bucket_audit")[0].metadata
    assert "stem.name.n0001.wav` | damaged here" in str(shown["findings"].value)
    assert (shown["n_findings"].value, shown["n_damaged_here"].value, shown["n_expected"].value) == (1, 1, 4)
    (check,) = done.get_asset_check_evaluations()
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.description == "1 damaged here of 4 files"


def test_wanted_has_the_sha256_of_its_file(house: House) -> None:
    stems(house.root, 1)
    assert [type(row) for row in stage.wanted(house.studio())] == [Wanted, Wanted]
    assert {row.key: row.sha256 for row in stage.wanted(house.studio())} == stage.here(house.studio())
