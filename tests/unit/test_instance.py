"""Dagster's folder of a data root."""

from pathlib import Path

import pytest
from dagster._loggers import default_system_loggers

from audio_assets.instance import open_instance, prepare_home
from audio_assets.settings import Settings


def test_runs_say_no_more_on_the_terminal_than_they_need_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    with open_instance(Settings(data=tmp_path)) as instance:
        ((_, config),) = default_system_loggers(instance)
    assert config["log_level"] == "INFO"


@pytest.mark.parametrize(
    "written", ["event_log_storage:\n  module: nothing\n  class: Nope\n  config: {}\n", "a: [\n", "concurrency: 5\n"]
)
def test_a_slip_in_dagster_yaml_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    settings = Settings(data=tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    (prepare_home(settings) / "dagster.yaml").write_text(written)
    with pytest.raises(RuntimeError) as caught, open_instance(settings):
        pass
    assert str(caught.value).startswith(f"{tmp_path}/dagster/dagster.yaml can not be used: ")
    assert "\n" not in str(caught.value)


def test_a_damaged_database_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data=tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    history = prepare_home(settings) / "history"
    history.mkdir()
    (history / "runs.db").write_bytes(b"no database" * 1000)
    said = r"not a database; is the disk full\? If not, move .*history away"
    with pytest.raises(RuntimeError, match=said), open_instance(settings):
        pass
    history.rename(tmp_path / "away")
    with open_instance(settings) as instance:
        assert instance.get_runs_count() == 0
