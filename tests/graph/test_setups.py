"""The set-ups of the README, each followed word for word: afterwards the provider can be asked, as far as we know.

Keys are made up, and nothing is asked: what a server answers is with the tests of each provider.
"""

import re
from pathlib import Path

import pytest

from audio_assets.domain.song_settings import parse_song_settings
from resources.remote import RemoteProvider
from resources.vendors.lip_sync_command import LipSyncCommand
from tests.house import House

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
BLOCK = README.partition("Set up, each in three lines:\n\n```\n")[2].partition("```")[0]
COLUMN = 19
USES = ("speech", "alignment", "music", "lip_sync")


def setups() -> dict[str, str]:
    """What is to be done by the names beside it."""
    found: dict[str, str] = {}
    names = ""
    for line in BLOCK.splitlines():
        left, right = line[:COLUMN].strip(), line[COLUMN:].strip()
        if left and not names.endswith(","):
            names = left
            found[names] = right
        else:
            text = f"{found.pop(names)}\n{right}"
            names = f"{names} {left}".strip()
            found[names] = text
    return found


SETUPS = setups()


def follow(text: str, house: House, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Do what is written; the providers that are set up by it."""
    for key in re.findall(r"\b([A-Z_]+(?:KEY|TOKEN|SECRET))\b", text):
        monkeypatch.setenv(key, "made-up-key-of-nobody-0123456789")
    used = {name: who for name in USES for who in re.findall(rf'\b{name} = "(\w+)"', text)}
    urls = re.findall(r'url = "(\S+)"\s+under \[providers\.(\w+)\]', text)
    tables = [f'[providers.{name}]\nurl = "{url}"\n' for url, name in urls]
    house.write("providers.toml", "\n".join(["[use]", *(f'{k} = "{v}"' for k, v in used.items()), *tables]))
    voices = re.findall(r'voice = "(\S+)"', text)
    house.write("cast.toml", "\n".join(f'[characters.c{i}]\nvoice = "{voice}"' for i, voice in enumerate(voices)))
    if voices:
        house.register("== dawn ==\n" + "\n".join(f"c{i}: Good morning." for i in range(len(voices))))
    studio = house.studio()
    found = {name for _, name in urls}
    for capability, name in used.items():
        assert studio.providers.find(capability, name).name == name  # type: ignore[arg-type]
        found.add(name)
    for key, voice in zip(studio.dialogue.cues, voices, strict=True):
        request = studio.dialogue.request(key)
        assert request.engine == voice.partition(":")[0]
        assert not request.stand_in
        found.add(request.engine)
    for name in re.findall(r'provider = "(\w+)"\s+in a remix', text):
        assert studio.music(name).name == name
        found.add(name)
    for name, model in re.findall(r'video_provider = "(\w+)", video_model = "([^"]+)"', text):
        settings = parse_song_settings(f'video_provider = "{name}"\nvideo_model = "{model}"'.encode(), "song.toml")
        assert (settings.video_provider, settings.video_model) == (name, model)
        video = studio.video(name)
        if "<" not in model:
            assert model in video.models()
            assert studio.price(name, model)
        found.add(name)
    found |= {name for name in re.findall(r"audio-assets providers (\w+)", text) if name in studio.providers.all}
    return found


@pytest.mark.parametrize("names", SETUPS)
def test_a_set_up_of_the_readme_sets_the_provider_up(names: str, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up = follow(SETUPS[names], house, monkeypatch)
    assert set_up
    assert set_up & {name.strip() for name in names.split(",")}, set_up
    for name in set_up:
        provider = house.studio().providers.all[name]
        assert isinstance(provider, RemoteProvider | LipSyncCommand)
        problem = provider.problem()
        assert not problem or isinstance(provider, LipSyncCommand), problem


def test_every_set_up_is_read() -> None:
    named = {name.strip() for names in SETUPS for name in names.split(",")}
    assert {"comfyui", "fal", "openrouter", "sglang", "openai_videos", "latentsync", "sync_so"} <= named
