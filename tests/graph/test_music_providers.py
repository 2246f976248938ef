"""Remixes that are made elsewhere: the whole recipe over servers of the vendors' shapes, through the ledger."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
import soundfile
from click.testing import CliRunner

from audio_assets.books.songbook import REMIX_SCHEMA
from audio_assets.cli import main
from audio_assets.domain.action import Action
from audio_assets.domain.remix_spec import style_record
from audio_assets.domain.rendering import INTENDED
from audio_assets.domain.schemas.records import Sidecar
from audio_assets.plan import Plan, plan
from audio_assets.render import Outcome, render
from audio_assets.stages.remix import MusicRemix
from audio_assets.stages.song_sources import RemixRequest
from resources.engines.remixer import identity
from resources.ledger import Ledger
from resources.paid_jobs import Patience
from resources.vendors import ace_step
from tests.concert import Concert
from tests.servers.ace_step import AceStep
from tests.servers.elevenlabs_music import ElevenLabsMusic
from tests.servers.faulty import LOST_ANSWER, FaultyProxy, first, on
from tests.servers.serving import serving
from tests.tunes import tune

pytestmark = pytest.mark.usefixtures("slept_s")
forked = multiprocessing.get_context("fork")

PRICES = """
[[prices]]
provider = "elevenlabs_music"
model = "*"
usd_per_second = 0.01
valid_from = 2020-01-01

[[prices]]
provider = "ace_step"
model = "*"
usd_per_request = 0.0
valid_from = 2020-01-01
"""
STYLES = """
[dusty]
prompt = "dusty drums"
[dusty.compose]
bpm = 84
"""
CUE = {"scene_id": "pier", "target_style": "dusty", "duration_s": 12.0}
ELEVEN = {**CUE, "provider": "elevenlabs_music"}
ACE = {**CUE, "provider": "ace_step"}


@dataclass
class Label(Concert):
    """A studio without songs that orders music: `eleven` for money, `ace` for nothing."""

    eleven: ElevenLabsMusic
    ace: AceStep
    urls: dict[str, str]

    def set_up(self, more: str = "", **urls: str) -> None:
        """Write `providers.toml`."""
        tables = [f'[providers.{name}]\nurl = "{url}"\n' for name, url in {**self.urls, **urls}.items()]
        self.write("providers.toml", "\n".join([more, *tables]))

    def ask(self, name: str = "cue", **request: Any) -> None:
        """Register a remix request."""
        record = {"schema": REMIX_SCHEMA, "name": name, "request": request or ELEVEN}
        self.studio().store.write(f"remixes/{name}.json", orjson.dumps(record))

    def make(self, name: str = "cue") -> Outcome:
        """Bring one remix up to date."""
        (outcome,) = render(MusicRemix(self.studio()), [name], run_id="run")
        return outcome

    def planned(self) -> Plan:
        studio = self.studio()
        return plan(studio, [MusicRemix(studio)])

    def action(self, name: str = "cue") -> Action:
        return MusicRemix(self.studio()).describe(name)

    @property
    def ledger(self) -> Ledger:
        return self.studio().ledger

    def states(self) -> list[str]:
        return [entry.state for entry in self.ledger.entries()]


@pytest.fixture
def label(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Label]:
    eleven = ElevenLabsMusic(tmp_path / "made.db")
    ace = AceStep(tmp_path / "tasks.db", tune(12.0))
    monkeypatch.setenv("ELEVENLABS_API_KEY", eleven.key)
    monkeypatch.setattr(ace_step, "PATIENCE", Patience(first_s=0.001, longest_s=0.002, deadline_s=0.1, n_fetches=2))
    with serving(eleven.app) as eleven_url, serving(ace.app) as ace_url:
        found = Label(root, eleven, ace, {"elevenlabs_music": eleven_url, "ace_step": ace_url})
        found.set_up()
        found.write("price_card.toml", PRICES)
        found.write("remix_styles.toml", STYLES)
        yield found


def sidecar_of(outcome: Outcome) -> Sidecar:
    assert outcome.failure is None, outcome.failure.reason
    assert outcome.sidecar is not None
    return outcome.sidecar


def reason_of(outcome: Outcome) -> str:
    assert outcome.failure is not None
    return outcome.failure.reason


# --- Bought --------------------------------------------------------------------------------------------------------


def test_music_is_bought_once_with_its_cost_and_all_that_is_known_of_it(label: Label) -> None:
    label.ask()
    outcome = label.make()
    sidecar = sidecar_of(outcome)
    assert outcome.state == "rendered"
    assert set(sidecar.files) == {"remix.wav", "remix.json", "original.mp3", "picture.png"}
    (made,) = label.eleven.made
    known = {"provider": "elevenlabs_music", "model": "music_v2", "prompt": "dusty drums", "asked_s": 12.0,
             "scene_id": "pier", "style": "dusty", "cost_is_estimate": True}  # fmt: skip
    assert {key: sidecar.facts[key] for key in known} == known
    assert sidecar.facts["job_id"]
    assert sidecar.cost_usd == 0.12
    assert sidecar.action["params"]["sent"] == made
    assert "ElevenLabs Music Terms" in sidecar.licence
    assert all(check.passed for check in sidecar.checks)
    (entry,) = label.ledger.entries()
    assert (entry.project, entry.scene, entry.asset, entry.actual_micro) == ("cue", "", "music_remix", 120_000)
    assert label.make().state == "cached"
    assert len(label.eleven.made) == 1
    assert label.planned().n_current == 1


def test_the_sound_is_what_came_and_lasts_what_was_asked(label: Label) -> None:
    label.ask(**ACE)
    outcome = label.make()
    folder = label.root / outcome.folder
    assert (folder / "original.flac").read_bytes() == tune(12.0)
    samples, rate_hz = soundfile.read(folder / "remix.wav")
    assert (rate_hz, len(samples)) == (44_100, 12 * 44_100)
    assert sidecar_of(outcome).cost_usd == 0
    assert not list(label.studio().settings.scratch.glob("*"))


def test_a_changed_prompt_is_another_order_and_a_changed_chain_of_effects_is_none(label: Label) -> None:
    label.ask()
    label.make()
    before = label.action().key
    versions = [RemixRequest(label.studio()).version("cue")]
    label.write("remix_styles.toml", STYLES + '\n[other]\nprompt = "else"\n')
    label.write("remix_styles.toml", STYLES.replace("[dusty]", '[dusty]\nsteps = [{ effect = "reverb" }]', 1))
    assert label.action().key == before
    label.write("remix_styles.toml", STYLES.replace("dusty drums", "dusty drums, oboe"))
    versions.append(RemixRequest(label.studio()).version("cue"))
    (stale,) = label.planned().stale
    assert (stale.estimated_usd, "sent prompt" in " ".join(stale.causes)) == (0.12, True)
    assert versions[0] != versions[1]
    assert label.make().state == "rendered"
    assert [made["prompt"].split(", 84")[0] for made in label.eleven.made] == ["dusty drums", "dusty drums, oboe"]


@pytest.mark.parametrize(
    "change", [{"seed": 2}, {"model": "music_v1"}, {"mood_tags": ["calm"]}, {"duration_s": 13.0}, {"lyrics": "La la"}]
)
def test_all_that_is_asked_for_is_in_the_key(label: Label, change: dict[str, Any]) -> None:
    label.ask()
    label.ask("other", **{**ELEVEN, **change})
    label.ask("same", **{**ELEVEN, "fallback": "remixer"})
    assert label.action("other").key != label.action().key
    assert label.action("same").key == label.action().key


def test_another_server_of_the_same_kind_makes_the_same(label: Label) -> None:
    label.set_up(f'[providers.second]\nkind = "ace_step"\nurl = "{label.urls["ace_step"]}"\n')
    label.ask(**ACE)
    label.ask("other", **{**ACE, "provider": "second"})
    assert label.action().key == label.action("other").key


# --- Not bought ----------------------------------------------------------------------------------------------------


def test_without_a_price_nothing_is_sent(label: Label) -> None:
    price = "usd_per_second = 0.01"
    label.write("price_card.toml", PRICES.replace(price, f"{price}\nvalid_until = 2020-12-31"))
    label.ask()
    assert "nothing is ordered: elevenlabs_music music_v2 has had no price since 2020-12-31" in reason_of(label.make())
    assert (label.eleven.made, label.states()) == ([], [])


def test_a_retired_model_is_not_asked(label: Label) -> None:
    price = "usd_per_second = 0.01"
    label.write("price_card.toml", PRICES.replace(price, f"{price}\nretired_on = 2026-01-01"))
    label.ask()
    outcome = label.make()
    assert outcome.failure is not None
    assert (outcome.failure.kind, "was retired on 2026-01-01" in outcome.failure.reason) == ("unavailable", True)
    assert label.eleven.made == []
    assert [one.state for one in label.planned().stuck] == ["failed"]
    label.write("price_card.toml", PRICES)
    assert [one.partition for one in label.planned().stale] == ["cue"]


def test_over_a_cap_nothing_is_sent_and_nobody_stands_in(label: Label) -> None:
    label.ledger.set_cap("project", "cue", "0.11", "ana")
    label.ask(**ELEVEN, fallback="remixer")
    outcome = label.make()
    assert outcome.failure is not None
    assert (outcome.state, outcome.failure.kind, label.eleven.made) == ("failed", "budget", [])


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({**ELEVEN, "source_track": "x.wav"}, "elevenlabs_music makes music from words only: leave source_track out"),
        ({**ACE, "duration_s": 6.0}, "duration_s is 6, and ace_step makes 10 to 600 s: change duration_s"),
        ({**CUE, "lyrics": "La"}, "remixer does not sing: leave lyrics out"),
        ({**CUE, "source_track": "x.wav", "source_share": 0.5}, "leave source_share out"),
        ({**ELEVEN, "provider": "elevenlab_music"}, "there is no music provider 'elevenlab_music'; did you mean"),
        ({**ELEVEN, "model": "music_v9"}, 'elevenlabs_music has no model "music_v9": use music_v2 or'),
        ({**ACE, "model": "x"}, 'ace_step has no model "x"'),
        ({**ACE, "seed": 2**40}, "takes seeds up to 4294967295"),
    ],
)
def test_what_can_not_be_done_is_one_sentence_and_final(label: Label, request_: dict[str, Any], says: str) -> None:
    (label.root / "x.wav").write_bytes(tune(12.0, "wav"))
    label.ask(**request_)
    outcome = label.make()
    assert says in reason_of(outcome)
    assert outcome.failure is not None
    assert outcome.failure.kind == "permanent"
    assert [one.state for one in label.planned().stuck] == ["failed"]
    assert label.eleven.made == label.ace.tasks == []


def test_a_refused_prompt_costs_nothing_and_waits_for_a_change(label: Label) -> None:
    label.write("remix_styles.toml", STYLES.replace("dusty drums", "like the Beatles"))
    label.ask()
    assert "it suggests: A 1960s British beat band" in reason_of(label.make())
    assert (label.states(), [one.state for one in label.planned().stuck]) == (["released"], ["failed"])
    label.write("remix_styles.toml", STYLES)
    assert label.make().state == "rendered"


# --- Sources -------------------------------------------------------------------------------------------------------


def test_a_track_goes_along_and_only_its_content_counts(label: Label) -> None:
    track = label.root / "harbour.wav"
    track.write_bytes(tune(12.0, "wav"))
    request = {"scene_id": "pier", "target_style": "dusty", "source_track": "harbour.wav", "provider": "ace_step"}
    label.ask(**request)
    sidecar = sidecar_of(label.make())
    (task,) = label.ace.tasks
    assert (task["task_type"], task["audio_duration"], task["audio_cover_strength"]) == ("cover", 12.0, 0.5)
    assert task["source"] == sidecar.action["inputs"]["track"]
    assert sidecar.facts["source_duration_s"] == 12.0
    before = label.action().key
    track.rename(label.root / "pier.wav")
    label.ask(**{**request, "source_track": "pier.wav"})
    assert label.action().inputs == sidecar.action["inputs"]
    (label.root / "pier.wav").write_bytes(tune(13.0, "wav"))
    assert label.action().key != before
    label.ask(**{**request, "source_track": "pier.wav", "duration_s": 30.0})
    assert "ace_step keeps the length of source_track (13.0 s): leave duration_s out" in reason_of(label.make())


# --- Crashes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["settle", "submitted"])
def test_a_run_that_is_killed_after_the_answer_does_not_pay_again(
    label: Label, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    label.ask()

    def die(*_arguments: object, **_options: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def make_and_die() -> None:
        monkeypatch.setattr(Ledger, step, die)
        label.make()

    child = forked.Process(target=make_and_die)
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    assert len(label.eleven.made) == 1
    assert label.make().state == "rendered"
    assert (len(label.eleven.made), label.states()) == (1, ["settled"])


def test_a_run_that_is_killed_while_a_task_is_made_goes_on_with_it(label: Label) -> None:
    label.ask(**ACE)
    label.ace.n_looks = 1_000_000
    child = forked.Process(target=label.make)
    child.start()
    while not label.ace.tasks or label.states() != ["submitted"]:
        assert child.is_alive()
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join(60)
    label.ace.n_looks = 0
    assert label.make().state == "rendered"
    assert (len(label.ace.tasks), label.states()) == (1, ["settled"])


def test_a_lost_answer_is_held_and_neither_ordered_again_nor_stood_in_for(label: Label) -> None:
    label.ask(**ELEVEN, fallback="remixer")
    with FaultyProxy(label.urls["elevenlabs_music"], on("/v1/music", first(1, LOST_ANSWER))) as proxy:
        label.set_up(elevenlabs_music=proxy.url)
        for _ in range(2):
            assert "it is not known whether elevenlabs_music took the order" in reason_of(label.make())
    assert (len(label.eleven.made), label.states()) == (1, ["unknown"])


# --- Stand-ins -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named_by", ["request", "studio"])
def test_the_remixer_stands_in_and_gives_way(label: Label, monkeypatch: pytest.MonkeyPatch, named_by: str) -> None:
    request = {**ELEVEN, "seed": 5, "lyrics": "La la"}
    if named_by == "request":
        request["fallback"] = "remixer"
    else:
        label.set_up('[fallback]\nmusic = "remixer"\n')
    label.ask(**request)
    monkeypatch.delenv("ELEVENLABS_API_KEY")
    outcome = label.make()
    sidecar = sidecar_of(outcome)
    assert outcome.state == "stood_in"
    failed = {check.name: check.detail for check in sidecar.checks if not check.passed}
    assert failed[INTENDED].startswith("remixer stands in: elevenlabs_music needs a key")
    params = sidecar.action["params"]
    assert (params["stands_in_for"], params["request"]["seed"]) == ("elevenlabs_music", 5)
    assert params["style"] == style_record(label.studio().songs.styles["dusty"])
    assert "lyrics" not in params["request"]
    assert sidecar.facts["provider"] == "local"
    monkeypatch.setenv("ELEVENLABS_API_KEY", label.eleven.key)
    assert [one.partition for one in label.planned().stale] == ["cue"]
    assert label.make().state == "rendered"
    assert len(label.eleven.made) == 1


def test_without_a_stand_in_nobody_stands_in(label: Label, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ELEVENLABS_API_KEY")
    label.ask()
    outcome = label.make()
    assert outcome.failure is not None
    assert (outcome.state, outcome.failure.kind) == ("failed", "unavailable")


def test_a_provider_elsewhere_may_stand_in_too(label: Label, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ELEVENLABS_API_KEY")
    label.ask(**ELEVEN, fallback="ace_step")
    assert label.make().state == "stood_in"
    assert (len(label.ace.tasks), label.eleven.made) == (1, [])


# --- Who makes it where nobody is named ----------------------------------------------------------------------------


def test_the_studio_s_provider_and_model_serve_requests_that_name_none(label: Label) -> None:
    label.ask(**CUE)
    assert label.action().provider == identity()
    label.set_up('[use]\nmusic = "elevenlabs_music:music_v1"\n')
    assert label.action().provider["model"] == "music_v1"
    label.make()
    assert label.eleven.made[0]["model_id"] == "music_v1"
    label.ask("other", **{**CUE, "provider": "remixer"})
    assert label.action("other").provider == identity()
    label.ask("third", **{**CUE, "provider": "ace_step"})
    assert label.action("third").provider["model"] == "acestep-v15-turbo"


def test_a_remix_of_before_keeps_its_key_its_version_and_its_bytes(label: Label) -> None:
    (label.root / "harbour.wav").write_bytes(tune(6.0, "wav"))
    label.write("remix_styles.toml", '[dusty]\nsteps = [{ effect = "reverb" }]\n')
    request = {"scene_id": "pier", "target_style": "dusty", "source_track": "harbour.wav", "seed": 1}
    label.ask(**request)
    style = style_record(label.studio().songs.styles["dusty"])
    written = {**request, "mood_tags": [], "duration_s": None}
    action = label.action()
    assert action.as_record() == {
        "asset": "music_remix", "code_version": "1", "provider": identity(),
        "params": {"request": written, "style": style}, "inputs": {"track": action.inputs["track"]},
    }  # fmt: skip
    version = RemixRequest(label.studio()).version("cue")
    label.write("remix_styles.toml", '[dusty]\nprompt = "said to others"\nsteps = [{ effect = "reverb" }]\n')
    label.set_up('[fallback]\nmusic = "ace_step"\n')
    assert (label.action().key, RemixRequest(label.studio()).version("cue")) == (action.key, version)
    label.ask("named", **{**request, "provider": "remixer", "model": "remixer", "fallback": "ace_step"})
    assert label.action("named").key == action.key
    outcome = label.make()
    assert set(sidecar_of(outcome).files) == {"remix.wav", "remix.json", "picture.png"}
    record = orjson.loads((label.root / outcome.folder / "remix.json").read_bytes())
    assert record["request"] == written
    assert list(record["style"]) == ["name", "about", "target_lufs", "steps", "compose"]


# --- The command ---------------------------------------------------------------------------------------------------


def test_the_command_orders_and_says_what_came(label: Label) -> None:
    label.write("words.txt", "[Verse]\nLamp on the water\n")
    asked = ["remix", "--scene", "pier", "--style", "dusty", "--duration", "12", "--provider", "elevenlabs_music",
             "--model", "music_v1", "--lyrics", str(label.root / "words.txt"), "--json"]  # fmt: skip
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.output
    said = orjson.loads(done.stdout)
    assert (said["provider"], said["model"], said["cached"]) == ("elevenlabs_music", "music_v1", False)
    assert Path(said["artifact"]).is_file()
    assert label.eleven.made[0]["composition_plan"]["sections"][0]["lines"] == ["Lamp on the water"]
    assert orjson.loads(CliRunner().invoke(main, asked).stdout)["cached"] is True
    assert len(label.eleven.made) == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--provider", "eleven"], "there is no music provider 'eleven'"),
        (["--fallback", "nobody"], "there is no music provider 'nobody'"),
        (["--provider", "elevenlabs_music", "--duration", "601"], "duration_s is 601"),
        (["--lyrics", "."], ". is no file"),
        (["--lyrics", "absent.txt"], "absent.txt is no file"),
        (["--provider", "elevenlabs_music", "--source-share", "0.2"], "name a source_track, or leave it out"),
    ],
)
def test_a_mistake_at_the_command_is_one_sentence_and_leaves_nothing(
    label: Label, options: list[str], says: str
) -> None:
    done = CliRunner().invoke(main, ["remix", "--scene", "pier", "--style", "dusty", *options])
    assert done.exit_code != 0
    assert says in done.output
    assert "Traceback" not in done.output
    assert not list((label.root / "remixes").glob("*"))


def test_a_task_that_is_not_finished_stays_registered_and_is_gone_on_with(label: Label) -> None:
    label.ace.n_looks = 1_000_000
    asked = ["remix", "--scene", "pier", "--style", "dusty", "--duration", "12", "--provider", "ace_step"]
    done = CliRunner().invoke(main, asked)
    assert (done.exit_code != 0, "is not finished after" in done.output) == (True, True)
    assert [path.name for path in (label.root / "remixes").iterdir()] == ["pier-dusty.json"]
    label.ace.n_looks = 0
    assert CliRunner().invoke(main, asked).exit_code == 0
    assert len(label.ace.tasks) == 1
