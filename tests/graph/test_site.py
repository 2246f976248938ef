"""The artifact server: it shows what is in the store, serves ranges of bytes, and nothing beyond the artifacts."""

import asyncio
import hashlib
import io
import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
import soundfile

from audio_assets.domain.lines import Line
from audio_assets.domain.schemas import alignment as alignment_schema
from audio_assets.domain.schemas import lipsync as lipsync_schema
from audio_assets.domain.schemas.alignment import AlignmentRecord
from audio_assets.domain.schemas.records import Check, Failure, Ref, Sidecar, content_sha256
from audio_assets.domain.schemas.script import ScriptRecord
from audio_assets.domain.timeline import Phone, Timeline, Word
from audio_assets.settings import Settings
from audio_assets.site.app import build_site
from audio_assets.site.files import Span, public_path, requested_span
from resources.store import ArtifactStore

LINE = "quest.start-1.en"
OTHER = "quest.start-2.en"
MIX = "quest.start.en"
TEXT = 'Hello <b onclick="x()">world</b> & all'


def wav(duration_s: float) -> bytes:
    target = io.BytesIO()
    tone = (8000 * np.sin(np.arange(int(16_000 * duration_s)) / 20)).astype(np.int16)
    soundfile.write(target, tone, 16_000, format="WAV", subtype="PCM_16")
    return target.getvalue()


def put(
    store: ArtifactStore,
    asset: str,
    partition: str,
    folder: str,
    files: dict[str, bytes],
    *,
    facts: dict[str, Any] | None = None,
    sources: dict[str, str] | None = None,
    checks: tuple[Check, ...] = (),
    notes: tuple[str, ...] = (),
    params: dict[str, Any] | None = None,
) -> str:
    key = hashlib.sha256(f"{asset} {partition}".encode()).hexdigest()
    place = f"{folder}/{key}"
    stored = {name: store.write(f"{place}/{name}", data) for name, data in files.items()}
    sidecar = Sidecar(
        action_key=key,
        action={"asset": asset, "provider": {"engine": "tone"}, "params": params or {}},
        content=content_sha256(stored, ()),
        files=stored,
        facts=facts or {},
        checks=checks,
        sources=sources or {},
        previews=(),
        rendered_at="2026-01-02T03:04:05+00:00",
        render_s=0.5,
        run_id="run-1",
        licence="CC0",
        cost_usd=0.0,
        notes=notes,
        published={"alignment": "alignment.json", "lipsync": "lipsync.json"} if asset == "voice_line" else {},
    )
    store.commit(place, stored, sidecar)
    failed = tuple(check.name for check in checks if not check.passed)
    sizes = {name: entry.size for name, entry in stored.items()}
    store.refs(asset).point(partition, Ref(key, place, sidecar.content, sizes, failed))
    return place


def line(number: int, text: str) -> Line:
    return Line(
        label="start", character="Mira", text=text, lang="en", style="", seed=0, kind="dialogue", source_line=number,
        aliases=(), line_id=f"start-{number}", order=number,
    )  # fmt: skip


def filled(store: ArtifactStore) -> ArtifactStore:
    times = Timeline((Phone("h", 0.1, 0.3), Phone("oʊ", 0.3, 0.8)), (Word("Hello", 0.1, 0.8),), 1.0)
    alignment = alignment_schema.to_bytes(AlignmentRecord(times, "tone"))
    lipsync = lipsync_schema.to_bytes(lipsync_schema.lipsync_record(times, Fraction(30)))
    checks = (Check("not_silent", True, "RMS -12 dBFS"), Check("not_clipped", False, "3 runs at full scale"))
    facts = {"text": TEXT, "character": "Mira", "duration_s": 1.0}
    files = {"out.wav": wav(1.0)}
    voice = put(store, "voice_line", LINE, "audio/tts", files, facts=facts, checks=checks, notes=("spelled <i>",))
    aligned = put(
        store, "alignment", LINE, "audio/alignments", {"alignment.json": alignment}, sources={"voice_line": voice}
    )
    put(store, "lipsync", LINE, "audio/lipsync", {"lipsync.json": lipsync}, sources={"alignment": aligned})
    store.write(f"{voice}/alignment.json", alignment)
    store.write(f"{voice}/lipsync.json", lipsync)
    tracks = [{"source": LINE, "role": "voice", "offset_s": 0.5, "duration_s": 1.0, "gain_db": 0.0}]
    curve = {"step_s": 1.0, "level_db": {"voice": [-20.0, -60.0]}, "ducking_db": [-9.0, 0.0]}
    mix = {"mix.wav": wav(2.0), "mix.json": orjson.dumps({"tracks": tracks, "curve": curve})}
    put(store, "dialogue_mix", MIX, "audio/mixes", mix, sources={LINE: voice})
    store.record_failure("voice_line", OTHER, Failure("", "transient", "the server said <503>", "run-2"))
    record = ScriptRecord("quest", "en", (line(1, TEXT), line(2, "Never voiced")), (), {}, {}, {}, ())
    store.write("scripts/quest.json", record.to_bytes())
    return store


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return filled(ArtifactStore(url=str(tmp_path / "store")))


@pytest.fixture(params=["local", "remote"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    return filled(ArtifactStore(url=str(tmp_path / "store") if request.param == "local" else "memory:///"))


def ask(
    store: ArtifactStore,
    path: str,
    method: str = "GET",
    *,
    settings: Settings | None = None,
    host: str = "localhost:3001",
    **headers: str,
) -> httpx.Response:
    sent = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(build_site(store, settings or Settings()))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=sent)

    return asyncio.run(send())


def voice_folder(store: ArtifactStore) -> str:
    ref = store.refs("voice_line").get(LINE)
    assert ref is not None
    return ref.object


def player_of(page: httpx.Response) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="player">(.*?)</script>', page.text, re.DOTALL)
    assert found is not None
    player = json.loads(found.group(1))
    assert isinstance(player, dict)
    return player


# --- pages -----------------------------------------------------------------------------------------------------------


def test_the_index_shows_every_partition_with_what_it_has(any_store: ArtifactStore) -> None:
    page = ask(any_store, "/")
    assert page.status_code == 200
    for partition in (LINE, OTHER, MIX):
        assert partition in page.text
    assert f"/a/lipsync/{LINE}" in page.text
    assert "voice_line failed" in page.text
    assert "failed: not_clipped" in page.text


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("q=WORLD+mira", True),
        ("q=world+nobody", False),
        ("q=start-1", True),
        ("asset=lipsync", True),
        ("asset=voice_line&state=failed", False),
        ("script=quest", True),
        ("script=other", False),
        ("page=999999&q=world", True),
        ("page=-1&q=world", True),
        ("q=%25%00", False),
    ],
)
def test_the_index_finds_by_text_asset_and_script(store: ArtifactStore, query: str, is_found: bool) -> None:
    page = ask(store, f"/?{query}")
    assert page.status_code == 200
    assert (f">{LINE}<" in page.text) is is_found


def test_a_line_plays_with_words_phonemes_and_mouth(any_store: ArtifactStore) -> None:
    page = ask(any_store, f"/a/voice_line/{LINE}")
    assert page.status_code == 200
    player = player_of(page)
    assert player["words"] == [["Hello", 0.1, 0.8]]
    assert [label for label, _, _ in player["phones"]] == ["h", "oʊ"]
    assert player["mouth"]["fps"] == 30
    assert len(player["mouth"]["shapes"]) == len(player["mouth"]["jaw"]) == 30
    assert player["duration"] == pytest.approx(1.0)
    assert max(player["peaks"]) == pytest.approx(100 * 8000 / 32768, abs=1)
    assert f"/files/{voice_folder(any_store)}/out.wav" in page.text


def test_alignment_and_lipsync_play_the_sound_that_they_were_made_of(store: ArtifactStore) -> None:
    for asset in ("alignment", "lipsync"):
        page = ask(store, f"/a/{asset}/{LINE}")
        assert f'src="/files/{voice_folder(store)}/out.wav"' in page.text
        assert player_of(page)["words"]


def test_a_mix_shows_its_lines_where_they_sound(store: ArtifactStore) -> None:
    page = ask(store, f"/a/dialogue_mix/{MIX}")
    player = player_of(page)
    assert player["words"] == [["Hello", 0.6, 1.3]]
    assert player["curve"]["ducking_db"] == [-9.0, 0.0]
    assert player["tracks"][0]["text"] == TEXT
    mouth, alone = player["mouth"], player_of(ask(store, f"/a/voice_line/{LINE}"))["mouth"]
    assert mouth["shapes"] == "X" * 15 + alone["shapes"] + "X" * 15
    assert f"/o/{voice_folder(store)}" in page.text


def test_lineage_links_both_ways(store: ArtifactStore) -> None:
    voice = ask(store, f"/a/voice_line/{LINE}").text
    assert f'href="/a/alignment/{LINE}"' in voice
    assert "made from this" in voice
    assert f'href="/a/dialogue_mix/{MIX}"' in voice
    assert f'href="/o/{voice_folder(store)}"' in ask(store, f"/a/alignment/{LINE}").text


def test_checks_notes_and_dagster_are_there(store: ArtifactStore) -> None:
    page = ask(store, f"/a/voice_line/{LINE}", settings=Settings(dagster_port=4321)).text
    assert re.search(r'class="pass"><b>not silent', page)
    assert re.search(r'class="fail"><b>not clipped', page)
    assert f"http://localhost:4321/assets/voice_line?view=partitions&amp;partition={LINE}" in page
    assert "/runs/run-1" in page


def test_text_from_outside_is_never_markup(store: ArtifactStore) -> None:
    for path in ("/", f"/a/voice_line/{LINE}", f"/a/dialogue_mix/{MIX}", f"/a/voice_line/{OTHER}", "/?q=<b+onclick"):
        page = ask(store, path).text
        assert "<b onclick" not in page
        assert "<i>" not in page
        assert "<503>" not in page
    assert "&lt;b onclick" in ask(store, "/").text


def test_a_failure_says_why_and_whether_a_retry_helps(store: ArtifactStore) -> None:
    page = ask(store, f"/a/voice_line/{OTHER}")
    assert page.status_code == 200
    assert "the server said &lt;503&gt;" in page.text
    assert "Trying again may help" in page.text


def test_a_failure_after_a_success_shows_both(store: ArtifactStore) -> None:
    store.record_failure("voice_line", LINE, Failure("", "permanent", "no such voice", "run-3"))
    page = ask(store, f"/a/voice_line/{LINE}").text
    assert "no such voice" in page
    assert "Below is the last one" in page
    assert 'id="player"' in page


def test_what_is_not_rendered_yet_is_said_so(store: ArtifactStore) -> None:
    page = ask(store, f"/a/lipsync/{OTHER}")
    assert page.status_code == 404
    assert "Not rendered yet" in page.text
    assert "Never voiced" in page.text, "the script knows what it will say"


def test_an_object_has_a_page_of_its_own(store: ArtifactStore) -> None:
    folder = voice_folder(store)
    for path in (f"/o/{folder}", f"/o/{folder}/"):
        assert "not clipped" in ask(store, path).text
    assert ask(store, "/o/audio/tts/nothing").status_code == 404


@pytest.mark.parametrize("damage", ["sidecar.json", "alignment.json", "lipsync.json", "out.wav"])
@pytest.mark.parametrize("data", [b"", b"[]", b'{"schema": "sidecar.1", "files": 1}', None])
def test_damage_costs_a_part_of_the_page_and_is_said(store: ArtifactStore, damage: str, data: bytes | None) -> None:
    path = f"{voice_folder(store)}/{damage}"
    if data is None:
        store.delete(path)
    else:
        store.write(path, data)
    page = ask(store, f"/a/voice_line/{LINE}")
    assert page.status_code in (200, 404)
    assert data is None or "can not be read" in page.text
    for asset, partition in (("alignment", LINE), ("lipsync", LINE), ("dialogue_mix", MIX)):
        assert ask(store, f"/a/{asset}/{partition}").status_code == 200
    assert ask(store, "/").status_code == 200


# --- bytes -----------------------------------------------------------------------------------------------------------


def test_a_file_is_served_whole_with_its_type_and_sha256(store: ArtifactStore) -> None:
    path = f"{voice_folder(store)}/out.wav"
    data = store.read(path)
    assert data is not None
    answer = ask(store, f"/files/{path}")
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["etag"] == f'"{hashlib.sha256(data).hexdigest()}"'
    assert answer.headers["content-disposition"] == 'inline; filename="out.wav"'
    assert ask(store, f"/files/{path}?download").headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [("bytes=0-0", 0, 1), ("bytes=100-199", 100, 200), ("bytes=30000-", 30000, None), ("bytes=-44", -44, None)],
)
def test_a_range_is_that_part_of_the_file(any_store: ArtifactStore, header: str, start: int, stop: int | None) -> None:
    path = f"{voice_folder(any_store)}/out.wav"
    data = any_store.read(path)
    assert data is not None
    answer = ask(any_store, f"/files/{path}", range=header)
    assert answer.status_code == 206
    assert answer.content == data[start:stop]
    assert answer.headers["content-length"] == str(len(answer.content))
    first, last, size = map(int, re.findall(r"\d+", answer.headers["content-range"]))
    assert data[first : last + 1] == answer.content
    assert size == len(data)


def test_ranges_that_can_not_be_met_and_ranges_that_mean_nothing(store: ArtifactStore) -> None:
    path = f"/files/{voice_folder(store)}/out.wav"
    size = int(ask(store, path).headers["content-length"])
    beyond = ask(store, path, range=f"bytes={size}-")
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{size}"
    for ignored in ("bytes=0-1,5-6", "lines=1-2", "bytes=5-2", "bytes=-", "nonsense"):
        assert ask(store, path, range=ignored).status_code == 200


def test_conditions(store: ArtifactStore) -> None:
    path = f"/files/{voice_folder(store)}/out.wav"
    etag = ask(store, path).headers["etag"]
    assert ask(store, path, if_none_match=f'"x", {etag}').status_code == 304
    assert ask(store, path, if_none_match='"x"').status_code == 200
    assert ask(store, path, range="bytes=0-9", if_range=etag).status_code == 206
    assert ask(store, path, range="bytes=0-9", if_range='"older"').status_code == 200


def test_head_has_the_headers_and_no_body(any_store: ArtifactStore) -> None:
    path = f"/files/{voice_folder(any_store)}/out.wav"
    whole, head = ask(any_store, path), ask(any_store, path, "HEAD", range="bytes=0-9")
    assert (head.status_code, head.content) == (200, b"")
    for name in ("content-length", "etag", "content-type"):
        assert head.headers[name] == whole.headers[name]


def test_an_empty_file_is_served(any_store: ArtifactStore) -> None:
    any_store.write("audio/tts/e/empty.txt", b"")
    assert ask(any_store, "/files/audio/tts/e/empty.txt").content == b""
    assert ask(any_store, "/files/audio/tts/e/empty.txt", range="bytes=0-").status_code == 416


@pytest.mark.parametrize("name", ["page.html", "picture.svg", "script.js", "data"])
def test_what_a_browser_could_run_is_only_downloaded(store: ArtifactStore, name: str) -> None:
    store.write(f"exports/x/{name}", b"<script>alert(1)</script>")
    answer = ask(store, f"/files/exports/x/{name}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["content-security-policy"]


# --- what is refused -------------------------------------------------------------------------------------------------

_HIDDEN = [
    "scripts/quest.json", "refs/voice_line/quest.start-1.en.json", "cast.toml", "dagster/history.db", "ledger.sqlite",
    "audio/ledger.sqlite", "audio/x.db", "audio/x.db-wal", "audio/x.duckdb", "audio/.env", "audio/.git/config",
    "audio/../cast.toml", "audio/tts/../../cast.toml", "audio/./x.wav", "audio//x.wav", "/etc/passwd", "../x", "audio",
    "audio/", "", "audio/a\\..\\b", "audio/a\x00.wav", "audio/a\n.wav",
]  # fmt: skip


@pytest.mark.parametrize("path", _HIDDEN)
def test_nothing_but_artifacts_is_served(store: ArtifactStore, path: str) -> None:
    assert public_path(path) is None
    root = store.local_root
    assert root is not None
    for name in ("cast.toml", "ledger.sqlite", "audio/ledger.sqlite", "audio/x.db", "audio/.env"):
        (root / name).write_bytes(b"secret")
    quoted = "".join(c if c.isalnum() or c == "/" else f"%{ord(c):02x}" for c in path)
    answer = ask(store, f"/files/{quoted}")
    assert answer.status_code == 404
    assert b"secret" not in answer.content


def test_a_link_out_of_the_artifacts_is_not_followed(store: ArtifactStore, tmp_path: Path) -> None:
    root = store.local_root
    assert root is not None
    (tmp_path / "secret.txt").write_text("secret")
    (root / "cast.toml").write_text("secret")
    (root / "audio" / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "audio" / "up").symlink_to(root)
    for path in ("audio/out.txt", "audio/up/cast.toml"):
        answer = ask(store, f"/files/{path}")
        assert (answer.status_code, "secret" in answer.text) == (404, False)


@pytest.mark.parametrize("partition", ["..%2f..%2fscripts%2fquest", ".hidden", "a%5cb", "%00", "x%0ay"])
def test_a_partition_is_a_name_and_no_path(store: ArtifactStore, partition: str) -> None:
    assert ask(store, f"/a/voice_line/{partition}").status_code == 404
    assert ask(store, f"/a/..%2f..%2fx/{LINE}").status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_changed(store: ArtifactStore, method: str) -> None:
    for path in ("/", f"/a/voice_line/{LINE}", f"/files/{voice_folder(store)}/out.wav"):
        assert ask(store, path, method).status_code == 405


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("localhost", True),
        ("127.0.0.1:3001", True),
        ("[::1]:3001", True),
        ("studio.example:8080", True),
        ("STUDIO.example", True),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("10.0.0.5:3001", False),
        ("[", False),
        ("user@localhost", True),
    ],
)
def test_only_its_own_host_names_are_answered(store: ArtifactStore, host: str, is_ours: bool) -> None:
    answer = ask(store, "/", settings=Settings(server_url="https://studio.example/"), host=host)
    assert answer.status_code == (200 if is_ours else 421)
    assert (LINE in answer.text) is is_ours


def test_a_server_on_every_address_answers_to_addresses_but_not_to_foreign_names(store: ArtifactStore) -> None:
    settings = Settings(server_host="0.0.0.0")
    assert ask(store, "/", settings=settings, host="10.0.0.5:3001").status_code == 200
    assert ask(store, "/", settings=settings, host="evil.example").status_code == 421


def test_every_answer_carries_the_security_headers(store: ArtifactStore) -> None:
    for path in ("/", "/nothing", f"/a/voice_line/{LINE}", "/static/player.js", "/files/nothing"):
        headers = ask(store, path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]


def test_pages_load_nothing_from_elsewhere_and_hold_no_inline_code(store: ArtifactStore) -> None:
    for path in ("/", f"/a/voice_line/{LINE}", f"/a/dialogue_mix/{MIX}"):
        page = ask(store, path).text
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
        outside = [url for url in loaded if not url.startswith("/") and not url.startswith("http://localhost:3000/")]
        assert outside == []
        assert not re.search(r"<[^>]+\s(?:style|on\w+)=", page)
        for url in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
            assert ask(store, url).status_code == 200


# --- ranges, by their laws -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 10])
def test_a_span_lies_in_its_file(size: int) -> None:
    for first in ("", *map(str, range(12))):
        for last in ("", *map(str, range(12))):
            try:
                span = requested_span(f"bytes={first}-{last}", size)
            except ValueError:
                assert (int(first) >= size) if first else int(last) == 0
                continue
            if span is not None:
                assert isinstance(span, Span)
                assert 0 <= span.start < span.stop <= size
