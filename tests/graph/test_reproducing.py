"""What was rendered comes out the same from its recorded inputs, whatever people say today; else it is said why not."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from audio_assets import settings
from audio_assets.cli import main
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.explaining import Explainer, Found
from audio_assets.reproducing import Step, reproduce
from audio_assets.speech import VoiceLine
from tests.cinema import Cinema
from tests.house import HARBOUR, LATE, House


@pytest.fixture
def spoken(house: House) -> House:
    house.register()
    house.render()
    return house


def again(house: House | Cinema, into: Path, target: str, *, is_kept: bool = False) -> dict[tuple[str, str], Step]:
    studio = house.studio()
    explainer = Explainer(studio.store, studio)
    folders = reversed(explainer.lineage(Found(explainer.find(target).folder)).nodes)
    steps = reproduce(studio, explainer, list(folders), into=into, with_previews=False, is_kept=is_kept)
    return {(step.asset, step.partition): step for step in steps}


def test_every_step_of_a_mix_is_the_same_and_nothing_in_the_root_changes(spoken: House, tmp_path: Path) -> None:
    before = spoken.tree()
    steps = again(spoken, tmp_path / "made", HARBOUR, is_kept=True)
    assert {step.verdict for step in steps.values()} == {"same"}
    assert len(steps) == 4
    assert spoken.tree() == before
    made = Path(steps["dialogue_mix", HARBOUR].made) / "mix.wav"
    assert made.read_bytes() == (spoken.object_of("dialogue_mix", HARBOUR) / "mix.wav").read_bytes()


def test_what_people_say_today_does_not_matter_where_the_recorded_request_is_enough(
    spoken: House, tmp_path: Path
) -> None:
    late = spoken.line(LATE)
    spoken.write("cast.toml", (spoken.root / "cast.toml").read_text().replace("am_michael", "am_adam"))
    steps = again(spoken, tmp_path, late)
    assert {key: (step.verdict, step.reason) for key, step in steps.items()} == {
        (asset, late): ("same", "") for asset in ("voice_line", "alignment", "lipsync")
    }


def test_a_changed_code_version_and_other_bytes_are_named(
    spoken: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = spoken.line(LATE)
    monkeypatch.setattr(VoiceLine, "code_version", "2")
    (step,) = again(spoken, tmp_path, f"voice_line/{late}").values()
    assert (step.verdict, step.reason) == ("same", "although code version 1 -> 2")
    from audio_assets.domain import artifacts

    monkeypatch.setattr(artifacts, "SPOKEN", "renamed.json")
    (step,) = again(spoken, tmp_path, f"voice_line/{late}").values()
    assert step.verdict == "differs"
    assert "code version 1 -> 2" in step.reason


def _draw_lots(house: House) -> None:
    """Let the record of an alignment say that other bytes were made."""
    folder = house.object_of("alignment", house.line(LATE))
    record = Sidecar.from_bytes((folder / "sidecar.json").read_bytes())
    entry = record.files["alignment.json"]
    files = {**record.files, "alignment.json": replace(entry, sha256="0" * 64)}
    (folder / "sidecar.json").write_bytes(replace(record, files=files).to_bytes())


def test_a_render_that_draws_lots_differs(spoken: House, tmp_path: Path) -> None:
    _draw_lots(spoken)
    step = again(spoken, tmp_path, f"alignment/{spoken.line(LATE)}")["alignment", spoken.line(LATE)]
    assert (step.verdict, step.files) == ("differs", ("alignment.json",))
    assert "the same request gave other bytes" in step.reason


def test_the_command_says_it_and_fails_where_something_differs(spoken: House) -> None:
    assert CliRunner().invoke(main, ["reproduce", "no.such.line"]).exit_code == 2
    command = ["reproduce", f"alignment/{spoken.line(LATE)}"]
    done = CliRunner().invoke(main, command)
    assert (done.exit_code, "1 the same" in done.output) == (0, True), done.output
    _draw_lots(spoken)
    done = CliRunner().invoke(main, command)
    assert (done.exit_code, "the same request gave other bytes" in done.output) == (1, True), done.output


def test_what_was_paid_for_or_has_lost_its_input_is_not_made_again(spoken: House, tmp_path: Path) -> None:
    late = spoken.line(LATE)
    folder = spoken.object_of("voice_line", late)
    record = Sidecar.from_bytes((folder / "sidecar.json").read_bytes())
    (folder / "sidecar.json").write_bytes(replace(record, cost_usd=0.5).to_bytes())
    (step,) = again(spoken, tmp_path, f"voice_line/{late}").values()
    assert step.verdict == "not made again"
    assert step.reason.startswith("paid")
    (folder / "sidecar.json").unlink()
    steps = again(spoken, tmp_path, f"alignment/{late}")
    assert "voice_line is not in the store any more" in steps["alignment", late].reason


def test_every_step_of_a_film_is_the_same(cinema: Cinema, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIO_ASSETS_WORKERS", "1")  # here: the size of these films is patched in this process
    settings.current.cache_clear()
    steps = again(cinema, tmp_path, next(str(path) for path in (cinema.root / "exports" / "films").rglob("*.mp4")))
    wrong = {key: step.reason for key, step in steps.items() if step.verdict != "same"}
    assert not wrong
    assert {"deliverable", "final_video", "take", "selected_take", "song_audio"} <= {asset for asset, _ in steps}
