"""Lines and takes that a ComfyUI server makes, through the graph: what a sidecar keeps, and what becomes stale."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from audio_assets.launch import MUSIC
from audio_assets.stages.speech import VoiceLine
from resources.comfyui import ComfySpeech, ComfyVideo
from tests.cinema import EDITING, Cinema
from tests.house import GOOD, House
from tests.servers.comfyui import ComfyServer
from tests.servers.serving import serving

REPOSITORY = Path(__file__).parents[2]
CAST = """
[narrator]
voice = "af_heart"
[characters.anna]
engine = "comfyui_speech"
voice = "bf_emma"
[characters.bo]
engine = "comfyui_speech"
voice = "am_puck"
"""


@pytest.fixture
def server(tmp_path: Path) -> ComfyServer:
    return ComfyServer(tmp_path / "jobs.db", is_quick=True)


@pytest.fixture
def url(server: ComfyServer) -> Iterator[str]:
    with serving(server.app()) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The studio's own workflows: the shipped ones and those of the tests."""
    found = tmp_path / "workflows"
    shutil.copytree(REPOSITORY / "workflows" / "comfyui", found)
    shutil.copytree(REPOSITORY / "tests" / "comfyui", found, dirs_exist_ok=True)
    return found


def test_a_line_keeps_its_workflow_and_file_and_only_a_changed_one_is_stale(
    house: House, server: ComfyServer, url: str, folder: Path
) -> None:
    house.overrides["comfyui_speech"] = ComfySpeech(url=url, template_folders=[str(folder)])
    house.write("cast.toml", CAST)
    house.register()
    outcomes = {outcome.partition: outcome for _, outcome in house.render(kinds=(VoiceLine,))}
    assert {one.state for one in outcomes.values()} == {"rendered"}
    sidecar = outcomes[house.line(GOOD)].sidecar
    assert sidecar is not None
    assert sidecar.facts["source_file"].startswith("audio-assets/speech_0000")
    assert sidecar.facts["workflow"]["name"] == sidecar.action["provider"]["workflow"] == "tts_comfy"
    assert sidecar.facts["workflow"]["sha256"] == sidecar.action["provider"]["workflow_sha256"]
    assert (sidecar.licence, sidecar.cost_usd) == ("Apache-2.0 (Kokoro-82M)", 0.0)
    n_ordered = len(server.jobs())
    assert n_ordered == 4

    bindings = folder / "tts_comfy.toml"
    bindings.write_text(bindings.read_text().replace('= "am_puck"', '= "am_fenrir"'))
    stale = {entry.partition: entry.causes for entry in house.plan((VoiceLine,)).stale}
    assert {outcomes[one].sidecar.facts["character"] for one in stale} == {"Bo"}  # type: ignore[union-attr]
    workflow = folder / "tts_comfy.json"
    workflow.write_text(workflow.read_text().replace("audio-assets/speech", "mine/speech"))
    stale = {entry.partition: entry.causes for entry in house.plan((VoiceLine,)).stale}
    assert len(stale) == 4
    assert any(cause.startswith("workflow sha256 ") for cause in stale[house.line(GOOD)])
    house.render(kinds=(VoiceLine,))
    assert len(server.jobs()) == n_ordered + 4


def test_a_workflow_that_can_not_be_used_is_one_sentence_at_its_lines(
    house: House, server: ComfyServer, url: str, folder: Path
) -> None:
    (folder / "tts_comfy.json").write_text('{"nodes": [], "links": []}')
    house.overrides["comfyui_speech"] = ComfySpeech(url=url, template_folders=[str(folder)])
    house.write("cast.toml", CAST)
    house.register()
    reasons = {one.partition: one.reason for one in house.plan((VoiceLine,)).stuck}
    assert len(reasons) == 4
    assert "tts_comfy.json is a workflow in ComfyUI's own format" in reasons[house.line(GOOD)]
    assert len([one for _, one in house.render(kinds=(VoiceLine,)) if one.state == "rendered"]) == 1
    assert server.jobs() == []


def test_takes_are_filmed(cinema: Cinema, server: ComfyServer, url: str, folder: Path) -> None:
    cinema.beside = {"comfyui": ComfyVideo(url=url, template_folders=[str(folder)])}
    cinema.edit('title = "', 'video_provider = "comfyui"\nvideo_model = "plain_video"\ntitle = "')
    assert not cinema.render(MUSIC, EDITING)
    filmed = [one for scene in cinema.scenes() for one in cinema.takes(scene).values() if one.is_current]
    assert {(one.provider, one.model) for one in filmed} == {("comfyui", "plain_video")}
    assert len(server.jobs()) == len(set(server.jobs())) == len(filmed)
    assert set(cinema.film_plan().counts()) == {"deliverable"}
