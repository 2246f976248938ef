"""Where an artifact came from: found by its bytes, by place or by name, down to what people wrote and chose."""

import hashlib
import json
import shutil
from pathlib import Path

import httpx
import orjson
import pytest
from click.testing import CliRunner

from audio_assets.cli import main
from audio_assets.domain.lineage import Lineage, Node, Origin, as_text
from audio_assets.launch import MUSIC
from audio_assets.lineage.explaining import Explainer, UnknownArtifact
from audio_assets.settings import Settings
from audio_assets.site.app import build_site
from audio_assets.stages.speech import VoiceLine
from resources.store import SIDECAR
from tests.cinema import Cinema
from tests.concert import SONG
from tests.house import GOOD, HARBOUR, LATE, SO, House

LEXICON = '[en]\nboat = "bote"\n'


def explain(house: House | Cinema, target: object) -> Lineage:
    studio = house.studio()
    return Explainer(studio.store, studio).explain(str(target))


def only(lineage: Lineage, asset: str) -> list[Node]:
    return [node for node in lineage.nodes.values() if node.asset == asset]


def origins(lineage: Lineage) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for node in lineage.nodes.values():
        for origin in node.origins:
            found.setdefault(origin.kind, set()).add(origin.name)
    return found


@pytest.fixture
def spoken(house: House) -> House:
    house.write("lexicon.toml", LEXICON)
    house.register()
    house.render()
    return house


def test_a_path_may_be_as_it_stands_below_the_data_root(spoken: House) -> None:
    path = spoken.object_of("voice_line", spoken.line(LATE)) / "out.wav"
    (node,) = explain(spoken, path.relative_to(spoken.root)).nodes.values()
    assert node.partitions == (spoken.line(LATE),)


def test_a_renamed_copy_is_known_by_its_bytes(spoken: House, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere" / "greeting.dat"
    copy.parent.mkdir()
    shutil.copy(spoken.object_of("voice_line", spoken.line(LATE)) / "out.wav", copy)
    found = explain(spoken, copy)
    (node,) = found.nodes.values()
    assert (node.asset, node.partitions) == ("voice_line", (spoken.line(LATE),))
    script = spoken.studio().dialogue.scripts["play"]
    line = next(one for one in node.origins if one.kind == "script line")
    assert (line.where, line.said, line.sha256) == ("play.txt:4", LATE, script.sources["play.txt"])
    cast = next(one for one in node.origins if one.kind == "cast entry")
    assert cast.name == "[characters.bo]"
    assert cast.sha256 == hashlib.sha256((spoken.root / "cast.toml").read_bytes()).hexdigest()
    assert Origin("lexicon word", "boat", "lexicon.toml", said="bote",
                  sha256=hashlib.sha256(LEXICON.encode()).hexdigest()) in node.origins  # fmt: skip


def test_a_mix_is_told_with_its_lines_and_what_is_stale_today(spoken: House) -> None:
    cast = (spoken.root / "cast.toml").read_text()
    (spoken.root / "cast.toml").write_text(cast.replace('"am_michael"', '"am_michael"\nspeed = 0.9'))
    found = explain(spoken, spoken.object_of("dialogue_mix", HARBOUR) / "mix.wav")
    today = {node.partitions[0]: node.today for node in found.nodes.values()}
    assert today == {HARBOUR: (), spoken.line(GOOD): (), spoken.line(LATE): ("speed 1.0 -> 0.9",), spoken.line(SO): ()}
    assert found.n_stale == 1


def test_a_partition_alone_is_its_last_asset_and_the_others_are_named(spoken: House) -> None:
    found = explain(spoken, spoken.line(SO))
    assert [node.asset for node in found.nodes.values()] == ["lipsync", "alignment", "voice_line"]
    assert "voice_line, alignment" in found.remarks[0]
    assert only(explain(spoken, f"alignment/{spoken.line(SO)}"), "lipsync") == []


@pytest.mark.parametrize("command", ["explain", "reproduce"])
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("folder", "folder is a folder; name a file in it, or a partition"),
        ("link", "link is a link to nowhere, where nothing is; mend the link, or name another file or a partition"),
        ("empty", "empty is empty, so that nothing can be known by its bytes; name a file that is whole, or"),
    ],
)
@pytest.mark.usefixtures("spoken")
def test_what_is_no_file_is_one_sentence(tmp_path: Path, command: str, name: str, sentence: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "empty").touch()
    done = CliRunner().invoke(main, [command, str(tmp_path / name)])
    assert done.exit_code == 2
    assert done.output.splitlines()[0].startswith("Error: ")
    assert sentence in done.output


def test_a_folder_that_is_called_as_a_partition_is_does_not_hide_it(
    spoken: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / HARBOUR).mkdir()
    monkeypatch.chdir(tmp_path)
    assert explain(spoken, HARBOUR).nodes


@pytest.mark.parametrize(
    ("target", "hint"),
    [
        ("play.harbor.en", f"did you mean '{HARBOUR}'"),
        ("voice_line/no", "there are play."),
        ("dialoge_mix/play.harbour.en", f"did you mean 'dialogue_mix/{HARBOUR}'"),
        ("dialogue_mix/play.harbor.en", f"did you mean '{HARBOUR}'"),
        ("voice_lin/no", "did you mean 'voice_line'"),
    ],
)
@pytest.mark.usefixtures("spoken")
def test_an_unknown_name_is_one_sentence_with_near_ones(target: str, hint: str) -> None:
    done = CliRunner().invoke(main, ["explain", target])
    assert done.exit_code == 2
    assert hint in done.output
    assert len(done.output.strip().splitlines()) == 1


def test_bytes_that_nobody_rendered_are_unknown(spoken: House, tmp_path: Path) -> None:
    path = tmp_path / "noise.wav"
    path.write_bytes(b"noise")
    with pytest.raises(UnknownArtifact, match="has the bytes of"):
        explain(spoken, path)


def test_a_damaged_file_is_found_by_place_and_says_so(spoken: House) -> None:
    wav = spoken.object_of("voice_line", spoken.line(SO)) / "out.wav"
    wav.write_bytes(wav.read_bytes()[:-1] + b"\x01")
    found = explain(spoken, wav)
    assert only(found, "voice_line")
    assert "is not what was rendered" in found.remarks[0]


def test_a_file_of_settings_is_held_against_what_was_recorded_of_it(spoken: House) -> None:
    path = spoken.root / "lexicon.toml"
    first = f"voice_line/{spoken.line(LATE)}"
    with pytest.raises(UnknownArtifact, match=f"1 artifact was made with it as it is, like {first}: explain"):
        explain(spoken, path)
    was = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_text(LEXICON.replace("bote", "boat"))
    now = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(UnknownArtifact) as told:
        explain(spoken, path)
    said = str(told.value)
    assert f"is another one today (sha256 {now[:12]}…) than went into {first}: recorded" in said
    assert f"recorded is lexicon word boat “bote” of a lexicon.toml with sha256 {was[:12]}…" in said
    assert f"`audio-assets explain {first}`" in said


def test_lines_that_share_an_object_each_tell_where_they_stand(house: House) -> None:
    house.register("== harbour ==\nAnna: Good morning.\nBo: Good morning?\nAnna: Good morning.\n")
    house.render()
    one, other = [key for key, cue in house.studio().dialogue.cues.items() if cue.line.text == GOOD]
    assert house.object_of("voice_line", one) == house.object_of("voice_line", other)
    for asked, first, line in ((one, one, 2), (other, other, 4)):
        (node,) = explain(house, f"voice_line/{asked}").nodes.values()
        assert node.partitions[0] == first
        lines = [origin.line for origin in node.origins if origin.kind == "script line"]
        assert (lines[0], sorted(lines)) == (line, [2, 4])
    (voice,) = (node for node in only(explain(house, HARBOUR), "voice_line") if len(node.partitions) > 1)
    assert {origin.line for origin in voice.origins if origin.kind == "script line"} == {2, 4}
    assert len([origin for origin in voice.origins if origin.kind == "cast entry"]) == 1


def test_an_object_without_its_sidecar_says_what_renders_it_again(spoken: House) -> None:
    folder = spoken.object_of("voice_line", spoken.line(LATE))
    (folder / SIDECAR).unlink()
    for target in (folder, folder / "out.wav", f"voice_line/{spoken.line(LATE)}"):
        (node,) = explain(spoken, target).nodes.values()
        assert (node.state, node.partitions) == ("gone", (spoken.line(LATE),))
        assert node.problem.startswith(
            "its sidecar is gone; `audio-assets backfill --asset voice_line` renders it again"
        )
    assert spoken.stale()["voice_line", spoken.line(LATE)] == ("its files are gone",)
    (spoken.root / "refs" / "voice_line" / f"{spoken.line(LATE)}.json").unlink()
    (node,) = explain(spoken, folder).nodes.values()
    assert "no partition of today points at it, and nothing renders it again" in node.problem


def test_an_earlier_version_is_still_known_by_its_bytes(spoken: House, tmp_path: Path) -> None:
    copy = shutil.copy(spoken.object_of("voice_line", spoken.line(LATE)) / "out.wav", tmp_path / "old.wav")
    spoken.register("== harbour ==\nAnna: Good morning.\nBo: The ferry is late.\nAnna: So it is.\n")
    spoken.render()
    (node,) = explain(spoken, copy).nodes.values()
    assert node.state == "earlier"
    assert node.partitions == (spoken.line("The ferry is late."),)
    assert any(one.said == LATE for one in node.origins), "what was written then, not what is today"


def test_what_was_accepted_says_by_whom_why_and_what_it_was_made_under(spoken: House) -> None:
    late = spoken.line(LATE)
    spoken.write("cast.toml", (spoken.root / "cast.toml").read_text().replace("am_michael", "am_adam"))
    VoiceLine(spoken.studio()).accept(late, {"by": "ana", "why": "sounds well", "at": "2026-01-01"})
    (node,) = explain(spoken, f"voice_line/{late}").nodes.values()
    assert node.params["voice"] == [["am_michael", 1.0]]
    assert node.today == ('voice [["am_michael",1.0]] -> [["am_adam",1.0]]',)
    (told,) = (one for one in node.origins if one.kind == "accepted as it is")
    assert (told.by, told.said) == ("ana", "sounds well")


def test_a_sidecar_from_before_origins_were_kept_tells_those_of_today(spoken: House) -> None:
    path = spoken.object_of("voice_line", spoken.line(SO)) / "sidecar.json"
    record = orjson.loads(path.read_bytes())
    for name in ("origins", "partition"):
        record.pop(name)
    path.write_bytes(orjson.dumps(record))
    (node,) = explain(spoken, f"voice_line/{spoken.line(SO)}").nodes.values()
    assert "script line" in {one.kind for one in node.origins}


def test_the_command_writes_json_and_a_page_and_the_server_shows_it(spoken: House, tmp_path: Path) -> None:
    page = tmp_path / "tree.html"
    done = CliRunner().invoke(main, ["explain", HARBOUR, "--json", "--html", str(page)])
    assert done.exit_code == 0, done.output
    record = json.loads(done.output)
    assert (record["schema"], record["n_objects"]) == ("lineage.1", 4)
    assert LATE in page.read_text()
    folder = spoken.object_of("dialogue_mix", HARBOUR).relative_to(spoken.root).as_posix()
    app = build_site(spoken.studio().store, Settings())

    async def get(path: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost") as client:
            return await client.get(path)

    import asyncio

    shown = asyncio.run(get(f"/explain/{folder}"))
    assert shown.status_code == 200
    assert LATE in shown.text
    assert "style-src 'sha256-" in shown.headers["content-security-policy"]
    assert f"/explain/{folder}" in asyncio.run(get(f"/a/dialogue_mix/{HARBOUR}")).text
    assert asyncio.run(get("/explain/audio/tts/none")).status_code == 404


def test_what_nobody_reviewed_is_told_of_its_own_scene(cinema: Cinema) -> None:
    for scene in cinema.scenes():
        found = explain(cinema, f"take_review/{scene}")
        assert {
            partition for node in found.nodes.values() for partition in node.partitions if "@" not in partition
        } <= {
            scene,
            SONG,
        }


def test_what_nobody_asks_for_any_more_is_no_difference(cinema: Cinema) -> None:
    cinema.edit("clip_seconds = 4", "clip_seconds = 8")  # two scenes where there were four
    cinema.render(MUSIC)
    found = explain(cinema, f"final_video/{SONG}")
    takes = {node.partitions[0]: node for node in only(found, "take")}
    assert takes[f"t01@s001|{SONG}"].unwanted == f"t01 of s001|{SONG} is not wanted any more"
    assert takes[f"t01@s004|{SONG}"].unwanted == f"the storyboard of {SONG} has no scene s004 now"
    assert not [node.partitions for node in found.nodes.values() if node.today and node.unwanted]
    assert {node.asset for node in found.nodes.values() if node.unwanted} >= {"take", "scene_take", "scene_clip"}
    last = as_text(found).splitlines()[-1]
    assert last.endswith(f"; {found.n_stale} would be different today; {found.n_unwanted} not asked for any more")
    assert not found.nodes[found.root].unwanted


def test_a_film_tells_its_song_its_takes_and_who_chose(cinema: Cinema) -> None:
    scene = cinema.scenes()[0]
    cinema.studio().takes.choose(scene, "t01", by="ada", note="the light")
    exported = next((cinema.root / "exports" / "films").rglob("*.mp4"))
    found = explain(cinema, exported)
    assert only(found, "deliverable")
    assert only(found, "take")
    assert len(only(found, "song_audio")) == 1
    told = origins(found)
    assert {"song file", "lyrics", "prompt preset", "price", "chosen by rule", "song settings"} <= told.keys()
    chosen = next(node for node in only(found, "selected_take") if node.partitions == (scene,))
    assert "choices" in chosen.today[0]
    assert {node.partitions[0].partition("@")[2] for node in only(found, "take")} == set(cinema.scenes())
    assert explain(cinema, SONG).nodes[explain(cinema, SONG).root].asset == "final_video"
