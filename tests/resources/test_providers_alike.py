"""Who made something, by the identity that was recorded: the very same, else one of its engine, else nobody."""

from pathlib import Path

from audio_assets.books.providerbook import ProviderBook
from audio_assets.domain.speech import SpeechRequest
from tests.fakes import ToneSpeech

REQUEST = SpeechRequest("Hello", "en", (("af_heart", 1.0),))


def book(root: Path, **models: str) -> ProviderBook:
    """Engines of one kind by name, each with its model."""
    return ProviderBook(
        root, {name: ToneSpeech(engine="kokoro", folder="", model=said) for name, said in models.items()}
    )


def named(found: ProviderBook, **identity: str) -> list[str]:
    wanted = {"licence": "CC0-1.0", **identity}
    return [name for name, _ in found.alike("speech", wanted, lambda one, _: one.identity(REQUEST))]


def test_the_very_same_wins_then_the_same_engine(tmp_path: Path) -> None:
    there = book(tmp_path, first="tones 1", second="tones 2", third="tones 2")
    assert named(there, engine="kokoro", model="tones 1") == ["first"]
    assert named(there, engine="kokoro", model="tones 2") == ["second", "third"], "who is asked, others say"
    assert named(there, engine="kokoro", model="tones 3") == ["first", "second", "third"]
    assert named(there, engine="retired", model="tones 1") == []


def test_one_that_is_not_set_up_is_nobody(tmp_path: Path) -> None:
    def ask(one: ToneSpeech, _model: str) -> dict[str, str]:
        if one.model == "tones 1":
            raise ValueError("its files are not here")
        return dict(one.identity(REQUEST))

    there = book(tmp_path, first="tones 1", second="tones 2")
    assert [name for name, _ in there.alike("speech", {"engine": "kokoro"}, ask)] == ["second"]
