"""The provenance database over a store that changes: rows, refreshes, damage, and what a question may not reach."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import orjson
import pytest

from audio_assets.domain.action import Action, sha256_hex
from audio_assets.domain.schemas.records import Check, Failure, Ref, Sidecar, StoredFile, content_sha256
from audio_assets.domain.schemas.takes import choices_to_bytes, reviews_to_bytes
from audio_assets.domain.take_review import Review
from audio_assets.domain.take_selection import Choice
from resources import provenance_db, provenance_query
from resources.ledger import Ledger
from resources.provenance_db import Layout, ProvenanceDb, ProvenanceError, Refreshed
from resources.provenance_query import ask, select
from resources.provenance_schema import TABLES
from resources.provenance_views import VIEWS
from resources.store import SIDECAR, ArtifactStore
from tests.ledgers import order

LAYOUT = Layout(
    folders={"audio/tts": "voice_line", "audio/alignments": "alignment"},
    kinds={"voice_line": "line", "alignment": "line", "selected_take": "scene"},
    reviews="take_reviews",
    choices="take_choices",
)
OLD = 1_700_000_000.0


class Desk:
    """A store and its database."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = ArtifactStore(url=str(root / "store"))
        self.db = ProvenanceDb(root / "provenance", LAYOUT)

    def voice(self, text: str, voice: str = "af_heart", word: str = "", **changes: object) -> tuple[str, Sidecar]:
        pronunciations = [[word, "/x/"]] if word else []
        params = {"text": text, "voice": [[voice, 1.0]], "lang": "en", "character": "anna", "seed": 0}
        action = Action(
            "voice_line", "1", {"engine": "kokoro", "model": "m1"}, {**params, "pronunciations": pronunciations}
        )
        return self.keep("audio/tts", action, {}, **changes)

    def aligned(self, voice: tuple[str, Sidecar], **changes: object) -> tuple[str, Sidecar]:
        folder, sidecar = voice
        action = Action("alignment", "1", {"engine": "even"}, {}, {"voice_line": sidecar.content})
        return self.keep("audio/alignments", action, {"voice_line": folder}, **changes)

    def keep(self, folder: str, action: Action, sources: dict[str, str], **changes: object) -> tuple[str, Sidecar]:
        files = {"out.wav": StoredFile(sha256_hex(action.key.encode()), 100), "picture.png": StoredFile("b" * 64, 5)}
        sidecar = Sidecar(
            action.key, action.as_record(), content_sha256(files, ("picture.png",)), files, {"duration_s": 1.5},
            (Check("not_silent", passed=True, detail="-12 dB"), Check("loud", passed=False, detail="-30 dB")), sources,
            ("picture.png",), "2026-11-27T10:00:00+01:00", 0.5, "run-1", "CC0-1.0; Apache-2.0", 0.25, ("a note",),
        )  # fmt: skip
        sidecar = replace(sidecar, **changes)  # type: ignore[arg-type]
        self.write(f"{folder}/{action.key}/{SIDECAR}", sidecar.to_bytes())
        return f"{folder}/{action.key}", sidecar

    def point(self, asset: str, partition: str, made: tuple[str, Sidecar]) -> None:
        ref = Ref(made[1].action_key, made[0], made[1].content, {"out.wav": 100, "picture.png": 5}, ("loud",))
        self.write(f"refs/{asset}/{partition}.json", ref.to_bytes())

    def write(self, path: str, data: bytes) -> None:
        """As long ago as nobody has to look twice."""
        self.store.write(path, data)
        file = self.root / "store" / path
        os.utime(file, (OLD, OLD))

    def refresh(self, **how: bool) -> Refreshed:
        return self.db.refresh(self.store, **how)

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return ask(self.db.file, sql).rows


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def spoken(desk: Desk) -> Desk:
    """Two lines with their voices and alignments."""
    for text, voice in (("Good morning.", "af_heart"), ("So it is.", "af_bella")):
        made = desk.voice(text, voice)
        partition = f"play.{text[:2].lower()}.en"
        desk.point("voice_line", partition, made)
        desk.point("alignment", partition, desk.aligned(made))
    return desk


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A database that no test changes."""
    desk = Desk(tmp_path_factory.mktemp("asked"))
    desk.voice("One.")
    desk.refresh()
    return desk


def same_rows(one: Path, other: Path) -> Iterator[str]:
    """The tables in which two databases differ."""
    with duckdb.connect() as both:
        both.execute(f"ATTACH '{one}' AS one (READ_ONLY)")
        both.execute(f"ATTACH '{other}' AS other (READ_ONLY)")
        for table in TABLES:
            for a, b in (("one", "other"), ("other", "one")):
                if both.execute(f"FROM {a}.{table.name} EXCEPT ALL FROM {b}.{table.name}").fetchall():
                    yield f"{table.name}: rows of {a} alone"


# Rows


def test_an_object_is_a_row_with_its_files_inputs_and_checks(spoken: Desk) -> None:
    done = spoken.refresh()
    assert (done.rebuilt, done.n_read, done.n_gone) == ("there was none", 8, 0)
    said = "asset, provider, model, voice, voices, character, text"
    measured = "licence, cost_usd, render_s, n_files, size_bytes, rendered_at::VARCHAR"
    (row,) = spoken.rows(f"SELECT {said}, {measured} FROM objects WHERE voice = 'af_bella'")  # noqa: S608
    assert row[:7] == ("voice_line", "kokoro", "m1", "af_bella", ["af_bella"], "anna", "So it is.")
    assert row[7:] == ("CC0-1.0; Apache-2.0", 0.25, 0.5, 2, 105, "2026-11-27 09:00:00+00")
    assert spoken.rows("SELECT DISTINCT name, has_passed, detail FROM checks ORDER BY name") == [
        ("loud", False, "-30 dB"), ("not_silent", True, "-12 dB"),
    ]  # fmt: skip
    assert spoken.rows("SELECT name, is_preview, count(*) FROM files GROUP BY ALL ORDER BY ALL") == [
        ("out.wav", False, 4), ("picture.png", True, 4),
    ]  # fmt: skip
    assert spoken.rows("SELECT asset, source_asset, count(*) FROM edges GROUP BY ALL") == [
        ("alignment", "voice_line", 2)
    ]
    sql = "SELECT script, line, lang, text FROM current_artifacts WHERE asset = 'voice_line' AND line = 'so'"
    assert spoken.rows(sql) == [("play", "so", "en", "So it is.")]
    assert spoken.rows("SELECT action ->> '$.params.text' FROM objects WHERE voice = 'af_heart'") == [
        ("Good morning.",)
    ]


def test_who_took_what_for_good_and_why_is_told(spoken: Desk) -> None:
    record = spoken.store.refs("voice_line").get("play.go.en")
    assert record is not None
    said = {"by": "ana", "why": "sounds well", "at": "2026-11-27T10:00:00+00:00"}
    spoken.write("refs/voice_line/play.go.en.json", replace(record, accepted=said).to_bytes())
    spoken.refresh()
    rows = spoken.rows("SELECT accepted_by, accepted_why, accepted_at IS NULL FROM refs WHERE asset = 'voice_line' "
                       "ORDER BY partition")  # fmt: skip
    assert rows == [("ana", "sounds well", False), (None, None, True)]


def test_failures_reviews_and_choices_are_rows(desk: Desk) -> None:
    desk.write("failures/voice_line/play.x.en.json", Failure("k", "transient", "busy; token=abc123", "r", 2).to_bytes())
    said = Review("t02", "ada", "2026-11-27T10:00:00+00:00", user_score=4.5, note="calm")
    desk.write("take_reviews/s001+harbour.json", reviews_to_bytes([said, replace(said, user_score=None)]))
    desk.write(
        "take_choices/s001+harbour.json", choices_to_bytes([Choice("t02", "ada", "2026-11-27T11:00:00+00:00", "")])
    )
    desk.refresh()
    assert desk.rows("SELECT line, kind, reason, n_attempts, is_final FROM failures") == [
        ("x", "transient", "busy; token=***", 2, False)
    ]
    assert desk.rows("SELECT song, scene, take, number, user_score, note FROM reviews ORDER BY number") == [
        ("harbour", "s001", "t02", 1, 4.5, "calm"), ("harbour", "s001", "t02", 2, None, "calm"),
    ]  # fmt: skip
    assert desk.rows("SELECT partition, take, chosen_by FROM choices") == [("s001|harbour", "t02", "ada")]


def test_the_ledger_is_there_in_dollars(desk: Desk) -> None:
    ledger = Ledger(f"sqlite:///{desk.root / 'ledger.db'}")
    entry = ledger.submitting(ledger.reserve(order(estimate_usd="0.40")))
    desk.db.refresh(desk.store, ledger.entries)
    assert desk.rows("SELECT state, held_usd, spent_usd FROM ledger") == [("submitting", 0.4, 0.0)]
    ledger.settle(ledger.submitted(entry, "job-1"), "0.38")
    desk.db.refresh(desk.store, ledger.entries)
    assert desk.rows("SELECT state, held_usd, spent_usd, job_id FROM ledger") == [("settled", 0.0, 0.38, "job-1")]
    for question in (
        "SELECT provider, n_orders, spent_usd, held_usd FROM cost_by_provider",
        "SELECT provider, n_orders, spent_usd, held_usd FROM cost_by_day",
    ):
        assert desk.rows(question) == [(entry.provider, 1, 0.38, 0.0)]


# Refreshing


def test_what_was_refreshed_equals_what_is_made_anew(spoken: Desk) -> None:
    spoken.refresh()
    folder, _ = spoken.voice("Good morning.")
    whole = spoken.store.read(f"{folder}/{SIDECAR}") or b""
    spoken.write(f"{folder}/{SIDECAR}", whole[:50])  # damaged
    done = spoken.refresh()
    assert (done.rebuilt, done.n_read) == ("", 1)
    assert spoken.rows("SELECT count(*) FROM problems") == [(1,)]
    assert spoken.rows("SELECT count(*) FROM objects WHERE text = 'Good morning.'") == [(0,)]
    spoken.write(f"{folder}/{SIDECAR}", whole)  # and whole again
    gone, _ = spoken.aligned(spoken.voice("So it is.", "af_bella"))  # both written anew, the same
    spoken.store.delete(f"{gone}/{SIDECAR}")
    new = spoken.voice("Three.", word="Three")
    spoken.point("voice_line", "play.go.en", new)  # another object, and as long as before
    spoken.point("voice_line", "play.third.en", new)
    spoken.write("refs/voice_line/torn.json", b"{")
    done = spoken.refresh()
    assert (done.rebuilt, done.n_read, done.n_gone) == ("", 6, 1)
    assert spoken.rows("SELECT record FROM problems") == [("refs/voice_line/torn.json",)]
    anew = ProvenanceDb(spoken.root / "anew", LAYOUT)
    assert anew.refresh(spoken.store).counts == done.counts
    assert list(same_rows(spoken.db.file, anew.file)) == []
    spoken.store.delete("refs/voice_line/torn.json")
    spoken.refresh()
    assert list(same_rows(spoken.db.file, anew.file)) == ["problems: rows of other alone"]
    assert spoken.refresh().n_read == 0


def test_parquet_says_the_same_as_the_database(spoken: Desk) -> None:
    spoken.refresh()
    spoken.voice("Three.")
    spoken.refresh()
    (spoken.db.folder / "refs.parquet").unlink()
    spoken.refresh()
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{spoken.db.file}' AS db (READ_ONLY)")
        for table in TABLES:
            there = f"'{spoken.db.folder}/{table.name}.parquet'"
            counts = connection.execute(
                f"SELECT (SELECT count(*) FROM {there}), (SELECT count(*) FROM db.{table.name})"  # noqa: S608
            )
            assert len(set(counts.fetchone() or ())) == 1, table.name
        objects = f"SELECT count(*) FROM '{spoken.db.folder}/objects.parquet'"  # noqa: S608
        assert connection.execute(objects).fetchone() == (5,)


def test_a_young_record_is_read_once_more(desk: Desk) -> None:
    folder, sidecar = desk.voice("One.")
    os.utime(desk.root / "store" / folder / SIDECAR)
    assert desk.refresh().n_read == 1
    at = (desk.root / "store" / folder / SIDECAR).stat()
    (desk.root / "store" / folder / SIDECAR).write_bytes(sidecar.to_bytes().replace(b"a note", b"b note"))
    os.utime(desk.root / "store" / folder / SIDECAR, ns=(at.st_atime_ns, at.st_mtime_ns))  # within the clock's tick
    assert desk.refresh().n_read == 1
    assert desk.rows("SELECT notes FROM objects") == [(["b note"],)]


@pytest.mark.parametrize("harm", ["cut", "garbage", "other tables", "flipped"])
def test_a_file_that_is_no_use_is_made_anew_and_said_so(spoken: Desk, harm: str) -> None:
    spoken.refresh()
    data = spoken.db.file.read_bytes()
    if harm == "other tables":
        spoken.db = ProvenanceDb(spoken.db.folder, replace(LAYOUT, kinds={**LAYOUT.kinds, "lipsync": "line"}))
    elif harm == "flipped":
        spoken.db.file.write_bytes(data[:12288] + bytes(255 - byte for byte in data[12288:]))
    else:
        spoken.db.file.write_bytes(data[:1000] if harm == "cut" else b"no database" * 1000)
    done = spoken.refresh()
    assert done.rebuilt.startswith("its tables were" if harm == "other tables" else "it was damaged")
    assert done.counts["objects"] == 4
    assert spoken.refresh().rebuilt == ""


def test_a_crash_leaves_what_was_there_and_the_next_refresh_goes_on(
    spoken: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken.refresh()
    before = {path.name: path.read_bytes() for path in spoken.db.folder.iterdir()}
    spoken.voice("Three.")
    with monkeypatch.context() as broken:
        broken.setattr(provenance_db, "_counts", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            spoken.refresh()
    assert {path.name: path.read_bytes() for path in spoken.db.folder.iterdir()} == before
    (spoken.db.folder / ".partial-1-provenance.duckdb").write_bytes(b"the rest of a kill")
    assert spoken.refresh().n_read == 1
    assert not list(spoken.db.folder.glob(".partial*"))
    assert spoken.rows("SELECT count(*) FROM objects") == [(5,)]


def test_readers_keep_what_they_read_and_writers_wait_for_each_other(spoken: Desk) -> None:
    spoken.refresh()
    reader = duckdb.connect(spoken.db.file, read_only=True)
    spoken.voice("Three.")
    with provenance_db.filelock.FileLock(spoken.db.folder / ".refresh"):
        waiting = threading.Thread(target=ProvenanceDb(spoken.db.folder, LAYOUT).refresh, args=(spoken.store,))
        waiting.start()
        time.sleep(0.2)
        assert waiting.is_alive()
        assert reader.execute("SELECT count(*) FROM objects").fetchone() == (4,)
    waiting.join(20)
    assert reader.execute("SELECT count(*) FROM files").fetchone() == (8,)  # of the file as it was
    reader.close()
    assert spoken.rows("SELECT count(*) FROM objects") == [(5,)]


def test_no_secret_gets_in(desk: Desk) -> None:
    secret = "hunter2-hunter2"  # noqa: S105
    folder, sidecar = desk.voice(
        "One.", facts={"request": {"headers": {"Authorization": secret}}, "url": f"https://me:{secret}@host/x"},
        notes=(f"api_key={secret}",),
    )  # fmt: skip
    changed = {**sidecar.action, "provider": {"engine": "x", "api_key": secret}}
    desk.write(f"{folder}/{SIDECAR}", replace(sidecar, action=changed).to_bytes())
    desk.refresh()
    assert secret not in str([desk.rows(f"FROM {table.name}") for table in TABLES])
    assert orjson.loads(str(desk.rows("SELECT facts FROM objects")[0][0]))["url"] == "https://me:***@host/x"


# Questions


def test_every_view_answers_and_says_what_it_is(spoken: Desk) -> None:
    spoken.refresh()
    for view in VIEWS:
        sql, arguments = select(view.name, ("voice", "af_heart")[: len(view.arguments)])
        assert ask(spoken.db.file, sql, arguments).columns
        if view.example:
            assert ask(spoken.db.file, view.example).columns
    said = spoken.rows("SELECT view_name, comment FROM duckdb_views() WHERE NOT internal AND comment IS NOT NULL")
    assert dict(said) == {view.name: view.meaning for view in VIEWS if not view.arguments}  # type: ignore[arg-type]
    (column,) = spoken.rows(
        "SELECT comment FROM duckdb_columns() WHERE column_name = 'cost_usd' AND table_name = 'objects'"
    )
    assert column == ("what its render was billed, in US dollars",)


def test_words_count_the_renders_of_their_lines_and_no_hits(spoken: Desk) -> None:
    _, sidecar = spoken.voice("The lamp.", word="lamp")
    spoken.refresh()
    told = "INSERT INTO events (event, asset, partition, content, is_cached) VALUES (?, 'voice_line', 'la', ?, ?)"
    with duckdb.connect(str(spoken.db.file)) as db:
        for number, is_cached in enumerate((False, True, False)):
            db.execute(told, (number, sidecar.content, is_cached))
    assert spoken.rows("SELECT word, n_objects, n_lines, n_renders FROM most_rendered_words") == [("lamp", 1, 1, 2)]


def test_touched_by_goes_down_to_everything_that_was_made_of_it(spoken: Desk) -> None:
    old = spoken.aligned(spoken.voice("Gone.", "af_heart", word="Gone"))  # no partition is this any more
    spoken.refresh()
    found = spoken.rows("SELECT asset, partition, is_current, n_steps FROM touched_by('voice', 'af_heart')")
    assert found == [
        ("voice_line", "play.go.en", True, 0), ("voice_line", None, False, 0),
        ("alignment", "play.go.en", True, 1), ("alignment", None, False, 1),
    ]  # fmt: skip
    assert spoken.rows("SELECT object FROM touched_by('word', 'Gone') WHERE n_steps = 1") == [(old[0],)]
    with pytest.raises(ProvenanceError, match="touched_by knows voice, model"):
        spoken.rows("FROM touched_by('mood', 'sad')")


def test_gaps_are_found_and_nothing_else(spoken: Desk) -> None:
    spoken.refresh()
    assert spoken.rows("FROM incomplete") == []
    voice = spoken.voice("Good morning.")
    other = spoken.voice("Other.")[1]
    wrong = spoken.aligned((voice[0], other))
    spoken.point("alignment", "play.a.en", wrong)
    unnamed = spoken.keep("audio/alignments", Action("alignment", "2", {}, {}, {"voice_line": "c" * 64}), {})
    spoken.point("alignment", "play.b.en", unnamed)
    by_content = spoken.keep("audio/alignments", Action("alignment", "3", {}, {}, {"x": voice[1].content}), {})
    spoken.point("alignment", "play.c.en", by_content)
    outside = spoken.keep("audio/alignments", Action("alignment", "4", {}, {}, {"song": "d" * 64}), {"song": "a.ogg"})
    spoken.point("alignment", "play.d.en", outside)
    bare = spoken.voice("Bare.", files={"out.wav": StoredFile("", 100)})
    spoken.point("voice_line", "play.e.en", bare)
    gone, _ = spoken.voice("So it is.", "af_bella")
    spoken.store.delete(f"{gone}/{SIDECAR}")
    spoken.refresh()
    found = dict(spoken.rows("SELECT asset || ' ' || partition, gap FROM incomplete"))  # type: ignore[arg-type]
    assert found == {
        "voice_line play.so.en": f"{gone} has no valid sidecar",
        "alignment play.so.en": f"the input voice_line ({gone}) is gone",
        "alignment play.a.en": "the input voice_line is of other content than the action names",
        "alignment play.b.en": "nobody knows what the input voice_line was",
        "voice_line play.e.en": "the file out.wav is named without a sha256",
    }


@pytest.mark.parametrize(
    "sql",
    [
        *("FROM read_text('{file}')", "FROM '{file}'", "FROM read_csv('/etc/passwd')", "FROM read_blob('{file}')"),
        *("SELECT * FROM sniff_csv('{file}')", "EXPLAIN ANALYZE COPY objects TO '{file}y'"),
        *( "FROM read_csv('https://example.com/x.csv')", "FROM glob('/*')"),
        *("COPY objects TO '{file}'", "ATTACH '{file}'", "INSTALL httpfs", "LOAD httpfs", "SET threads = 1"),
        *("SET enable_external_access = true", "CREATE TABLE x AS SELECT 1", "CREATE TEMP TABLE x AS SELECT 1"),
        *("DELETE FROM objects", "EXPLAIN ANALYZE DELETE FROM objects", "SELECT 1; DELETE FROM objects", "VACUUM"),
        *("EXPORT DATABASE '{file}x'", "PRAGMA version", "", "SELEC 1", "SELECT nothing FROM objects"),
    ],
)  # fmt: skip
def test_a_question_only_reads_and_only_the_database(asked: Desk, sql: str) -> None:
    outside = asked.root / "outside.csv"
    outside.write_text("a,b\n1,2\n")
    before = {path.name for path in asked.root.rglob("*")}
    with pytest.raises(ProvenanceError) as refused:
        asked.rows(sql.format(file=outside))
    assert "\n" not in str(refused.value)
    assert {path.name for path in asked.root.rglob("*")} == before
    assert asked.rows("SELECT count(*) FROM objects") == [(1,)]


_ENDLESS = "SELECT count(*) FROM range(100000) a, range(100000) b WHERE a.range % 7 = b.range % 11"


def test_a_question_without_end_is_stopped_and_said_so(asked: Desk) -> None:
    with pytest.raises(ProvenanceError, match=r"not answered within 0\.2 s and is stopped; .* --timeout"):
        ask(asked.db.file, _ENDLESS, within_s=0.2)
    with pytest.raises(ProvenanceError, match=r"within 0\.2 s"):  # an answer that is read as it comes
        ask(asked.db.file, "SELECT sum(a.range) OVER () FROM range(1000000000) a", within_s=0.2)


def test_a_question_that_wants_all_memory_is_refused(asked: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance_query, "_MEMORY", "50MB")
    with pytest.raises(ProvenanceError, match="needs more than 50MB of memory"):
        ask(asked.db.file, "SELECT list(range) FROM range(30000000)")


def test_an_answer_has_no_more_rows_than_are_asked_for(asked: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ask(asked.db.file, "FROM range(100)", n_rows=3)
    assert (found.rows, found.is_cut) == ([(0,), (1,), (2,)], True)
    assert not ask(asked.db.file, "FROM range(3)", n_rows=3).is_cut
    monkeypatch.setattr(provenance_query, "MOST_ROWS", 99)
    with pytest.raises(ProvenanceError, match="more than 99 rows; add a LIMIT"):
        ask(asked.db.file, "FROM range(100)")


def test_views_are_asked_by_name_with_their_arguments() -> None:
    assert select("touched_by", ("voice", "o'hara; DROP")) == (
        "SELECT * FROM touched_by(?, ?)",
        ["voice", "o'hara; DROP"],
    )
    for name, arguments, says in (
        ("nothing", (), "there is no view or table 'nothing'"),
        ("touched_by", ("voice",), "touched_by takes WHAT and NAMED"),
        ("objects", ("x",), "objects takes no arguments"),
    ):
        with pytest.raises(ProvenanceError, match=says):
            select(name, arguments)
