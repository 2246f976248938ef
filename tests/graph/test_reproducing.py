"""What was rendered comes out the same from its recorded inputs, whatever people say today; else it is said why not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest
from click.testing import CliRunner

from audio_assets import settings
from audio_assets.books.song_registration import register_songs
from audio_assets.books.songbook import REMIX_SCHEMA, REMIXES
from audio_assets.cli import main
from audio_assets.domain.action import Action
from audio_assets.domain.artifacts import ALIGNMENT, lipsync_artifact, wav_bytes
from audio_assets.domain.live_message import NewMessage
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.domain.timebase import parse_frame_rate
from audio_assets.launch import DIALOGUE, VOICE_STEMS
from audio_assets.lineage.explaining import KINDS, Explainer, Found
from audio_assets.lineage.reproducing import Reproduction, Step, reproduce
from audio_assets.recipe import Recipe
from audio_assets.render import render
from audio_assets.stages.lipsync import LipSync
from audio_assets.stages.live import MessageAudio
from audio_assets.stages.mix import DialogueMix
from audio_assets.stages.remix import MusicRemix
from audio_assets.stages.song import SongAudio
from audio_assets.stages.speech import VoiceLine
from resources.pool import Call
from resources.store import SIDECAR
from tests.cinema import Cinema
from tests.fakes import ToneSpeech
from tests.house import CAST, HARBOUR, LATE, House


def again(house: House | Cinema, into: Path, target: str, *, is_kept: bool = False) -> dict[tuple[str, str], Step]:
    studio = house.studio()
    explainer = Explainer(studio.store, studio)
    folders = reversed(explainer.lineage(Found(explainer.find(target).folder)).nodes)
    kept = into if is_kept else None
    steps = reproduce(studio, explainer, list(folders), scratch=into / "scratch", into=kept, with_previews=False)
    return {(step.asset, step.partition): step for step in steps}


def test_every_step_of_a_mix_is_the_same_and_nothing_in_the_root_changes(rendered: House, tmp_path: Path) -> None:
    before = rendered.tree()
    steps = again(rendered, tmp_path / "made", HARBOUR, is_kept=True)
    assert {step.verdict for step in steps.values()} == {"same"}
    assert len(steps) == 4
    assert rendered.tree() == before
    made = Path(steps["dialogue_mix", HARBOUR].made) / "mix.wav"
    assert made.read_bytes() == (rendered.object_of("dialogue_mix", HARBOUR) / "mix.wav").read_bytes()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("file", "is no folder; name another one after --into"),
        ("file/x", "can not be made (Not a directory); name another folder after --into"),
        ("locked", "can not be written into; name another folder after --into, or get the right to"),
    ],
)
def test_a_folder_that_can_not_be_used_is_one_sentence(
    rendered: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, sentence: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "locked").mkdir()
    monkeypatch.setattr("os.access", lambda path, _: path != tmp_path / "locked")  # root may write everywhere
    done = CliRunner().invoke(main, ["reproduce", f"voice_line/{rendered.line(LATE)}", "--into", str(tmp_path / name)])
    assert (done.exit_code, done.output.strip()) == (2, f"Error: {tmp_path / name} {sentence}")


def test_what_people_say_today_does_not_matter_where_the_recorded_request_is_enough(
    rendered: House, tmp_path: Path
) -> None:
    late = rendered.line(LATE)
    rendered.write("cast.toml", (rendered.root / "cast.toml").read_text().replace("am_michael", "am_adam"))
    steps = again(rendered, tmp_path, late)
    assert {key: (step.verdict, step.reason) for key, step in steps.items()} == {
        (asset, late): ("same", "") for asset in ("voice_line", "alignment", "lipsync")
    }


def test_a_changed_code_version_and_other_bytes_are_named(
    rendered: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = rendered.line(LATE)
    monkeypatch.setattr(VoiceLine, "code_version", "2")
    (step,) = again(rendered, tmp_path, f"voice_line/{late}").values()
    assert (step.verdict, step.reason) == ("same", "although code version 1 -> 2")
    from audio_assets.domain import artifacts

    monkeypatch.setattr(artifacts, "SPOKEN", "renamed.json")
    (step,) = again(rendered, tmp_path, f"voice_line/{late}").values()
    assert step.verdict == "differs"
    assert "code version 1 -> 2" in step.reason


def _draw_lots(house: House) -> None:
    """Let the record of an alignment say that other bytes were made."""
    folder = house.object_of("alignment", house.line(LATE))
    record = Sidecar.from_bytes((folder / "sidecar.json").read_bytes())
    entry = record.files["alignment.json"]
    files = {**record.files, "alignment.json": replace(entry, sha256="0" * 64)}
    (folder / "sidecar.json").write_bytes(replace(record, files=files).to_bytes())


def test_a_render_that_draws_lots_differs(rendered: House, tmp_path: Path) -> None:
    _draw_lots(rendered)
    step = again(rendered, tmp_path, f"alignment/{rendered.line(LATE)}")["alignment", rendered.line(LATE)]
    assert (step.verdict, step.files) == ("differs", ("alignment.json",))
    assert "the same request gave other bytes" in step.reason


def test_the_command_says_it_and_fails_where_something_differs(rendered: House) -> None:
    assert CliRunner().invoke(main, ["reproduce", "no.such.line"]).exit_code == 2
    command = ["reproduce", f"alignment/{rendered.line(LATE)}"]
    done = CliRunner().invoke(main, command)
    assert (done.exit_code, "1 the same" in done.output) == (0, True), done.output
    _draw_lots(rendered)
    done = CliRunner().invoke(main, command)
    assert (done.exit_code, "the same request gave other bytes" in done.output) == (1, True), done.output


def test_what_was_paid_for_or_has_lost_its_input_is_not_made_again(rendered: House, tmp_path: Path) -> None:
    late = rendered.line(LATE)
    folder = rendered.object_of("voice_line", late)
    record = Sidecar.from_bytes((folder / "sidecar.json").read_bytes())
    (folder / "sidecar.json").write_bytes(replace(record, cost_usd=0.5).to_bytes())
    (step,) = again(rendered, tmp_path, f"voice_line/{late}").values()
    assert step.verdict == "not made again"
    assert step.reason.startswith("paid")
    assert not Reproduction([step]).is_proved, "nothing was made again"
    (folder / "sidecar.json").unlink()
    steps = again(rendered, tmp_path, f"alignment/{late}")
    assert "voice_line is not in the store any more" in steps["alignment", late].reason


@pytest.fixture
def studio_of_all(cinema: Cinema, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A film, and beside it something of every other kind."""
    monkeypatch.setenv("AUDIO_ASSETS_WORKERS", "1")  # here: the size of these films is patched in this process
    settings.current.cache_clear()
    (tmp_path / "engines").mkdir()
    house = House(cinema.root, tmp_path / "engines", {"animatic": cinema.resources["animatic"]})
    house.write("cast.toml", CAST)
    house.write("beds/rain.wav", "").write_bytes(wav_bytes(np.full(16_000, 900, np.int16), 16_000))
    house.write("mix.toml", '[bed]\npath = "beds/rain.wav"\n')
    house.write("datasets/names.txt", "Ana\n")
    house.write("datasets/developers.txt", "Hilton\n")
    house.write("messages/all.csv", "template,name,developer\nsimple,Ana,Hilton\n")
    request = {"scene_id": "harbour", "target_style": "lofi", "duration_s": 5.0}
    record = orjson.dumps({"schema": REMIX_SCHEMA, "name": "cue", "request": request})
    house.studio().store.write(f"{REMIXES}/cue.json", record)
    house.register()
    house.render(kinds=(*DIALOGUE.recipes, *VOICE_STEMS.recipes, MusicRemix))
    house.studio().live.queue.add([NewMessage("ana", "Hello", "mention", None)], source="test")
    spoken = MessageAudio(house.studio())
    list(render(spoken, spoken.take_on(spoken.partitions()), run_id="run"))
    return house


def rewrite(house: House) -> None:
    """Let everybody say something else."""
    house.write("cast.toml", '[narrator]\nvoice = "am_adam"\nspeed = 2.0\n')
    house.write("lexicon.toml", '[en]\nboat = "ship"\n')
    house.write("mix.toml", "target_lufs = -30\n")
    house.register("== harbour ==\nNothing is left.\n")
    house.write("stems.toml", '[name]\nlang = "fr"\n')
    house.write("datasets/names.txt", "Zoe\n")
    house.write("messages/all.csv", "template,name,developer\n")
    house.write("live.toml", 'voice = "am_adam"\n')
    house.write("prompts.toml", '[presets.dreamy]\ntext = "Style: ink."\n')
    price = 'provider = "animatic"\nmodel = "animatic"\nusd_per_second = 0.02\nvalid_from = 2020-01-01\n'
    house.write("price_card.toml", f"[[prices]]\n{price}")
    house.write("remix_styles.toml", "[lofi]\nsteps = []\n")
    house.studio().store.delete(f"{REMIXES}/cue.json")
    other = 'title = "Other"\nframe_rate = 25\n[film]\nfit = "letterbox"\n[deliverables.webm]\n'
    path = house.write("inbox/songs/harbour.toml", other).with_suffix(".flac")
    register_songs(house.studio().store, [path], inbox=path.parent)
    takes = house.studio().takes
    for scene in takes.listed():
        takes.choose(scene, "t01", by="eve")
        takes.ask(scene, lambda before: before.with_number(3))


def all_again(house: House, into: Path, kinds: Sequence[type[Recipe]] = KINDS) -> list[Step]:
    """Every object that there is of these kinds, made again."""
    studio = house.studio()
    explainer = Explainer(studio.store, studio)
    made = [path.removesuffix(f"/{SIDECAR}") for kind in kinds for path in studio.store.list(kind.folder)
            if path.endswith(SIDECAR)]  # fmt: skip
    return list(reproduce(studio, explainer, made, scratch=into, into=None, with_previews=True))


def test_all_that_there_is_comes_out_the_same_after_everybody_said_something_else(
    studio_of_all: House, tmp_path: Path
) -> None:
    rewrite(studio_of_all)
    steps = all_again(studio_of_all, tmp_path / "made")
    wrong = {(step.asset, step.partition): step.reason for step in steps if step.verdict != "same" or step.reason}
    assert not wrong
    assert {step.asset for step in steps} == {kind.asset for kind in KINDS}, "every kind of artifact is proved here"
    # what somebody brought along and is not there any more is said
    (studio_of_all.root / "beds" / "rain.wav").write_bytes(b"other")
    (studio_of_all.root / "inbox" / "songs" / "harbour.flac").unlink()
    found = {step.asset: step for step in all_again(studio_of_all, tmp_path / "made", (DialogueMix, SongAudio))}
    assert "beds/rain.wav, which somebody brought along" in found["dialogue_mix"].reason
    assert "was changed since" in found["dialogue_mix"].reason
    assert found["song_audio"].verdict == "same", "its own object keeps the bytes"


def test_what_a_provider_is_today_is_named(rendered: House, tmp_path: Path) -> None:
    late = rendered.line(LATE)
    rendered.overrides["kokoro"] = ToneSpeech(engine="kokoro", folder=str(rendered.engines), model="tones 2")
    (step,) = again(rendered, tmp_path, f"voice_line/{late}").values()
    assert (step.verdict, step.files) == ("differs", ("out.wav",))
    assert "model tones 1 -> tones 2" in step.reason


def test_a_call_that_asks_what_people_say_today_is_told(
    rendered: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def call(self: LipSync, partition: str, _action: Action, sources: Mapping[str, str]) -> Call:
        mouth = self.studio.dialogue.request(partition).mouth
        rate = parse_frame_rate(mouth.fps)
        return Call(lipsync_artifact, (self.read_one(sources["alignment"], ALIGNMENT), rate, mouth.shapes))

    monkeypatch.setattr(LipSync, "call", call)
    step = again(rendered, tmp_path, f"lipsync/{rendered.line(LATE)}")["lipsync", rendered.line(LATE)]
    assert (step.verdict, "asks what people say today" in step.reason) == ("not made again", True)


def test_a_record_from_before_something_was_kept_is_told(rendered: House, tmp_path: Path) -> None:
    folder = rendered.object_of("lipsync", rendered.line(LATE))
    record = Sidecar.from_bytes((folder / "sidecar.json").read_bytes())
    action = {**record.action, "params": {"shapes": "extended"}}
    (folder / "sidecar.json").write_bytes(replace(record, action=action).to_bytes())
    step = again(rendered, tmp_path, f"lipsync/{rendered.line(LATE)}")["lipsync", rendered.line(LATE)]
    assert step.reason == "its record is from before 'frame_rate' was kept in it (code version 1)"
