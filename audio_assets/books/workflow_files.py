"""The files that say how things are made: which there are, and their entries of today.

Each is shipped in `workflows/`, stands in the data root, or both; the data root's comes over the shipped one.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from audio_assets.domain.causes import Kind
from audio_assets.domain.message_template import FOLDER as SHIPPED_MESSAGES
from audio_assets.domain.message_template import OWN_FOLDER as OWN_MESSAGES
from audio_assets.domain.setting_entries import entries_of_toml, entry_hash
from audio_assets.settings import Settings

Entries = Mapping[str, str]
"""A hash by the name of an entry."""


@dataclass(frozen=True)
class WorkflowFiles:
    """One kind of such files, as an asset of that name; `cause` is why most of what an edit touches is stale."""

    asset: str
    cause: Kind
    description: str
    entries: Callable[[Settings], Entries]


def _table(name: str) -> Callable[[Settings], Entries]:
    """The values of a TOML file, wherever it stands."""

    def entries(settings: Settings) -> Entries:
        found: dict[str, str] = {}
        for path in (settings.workflows / name, settings.root / name):
            if path.is_file():
                found |= entries_of_toml(path.read_bytes())
        return found

    return entries


def _folder(shipped: Callable[[Settings], Path], own: Callable[[Settings], Path]) -> Callable[[Settings], Entries]:
    """Whole files, by their names."""

    def entries(settings: Settings) -> Entries:
        found: dict[str, str] = {}
        for folder in (shipped(settings), own(settings)):
            found |= {path.name: entry_hash(path.read_bytes()) for path in _files(folder)}
        return found

    return entries


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.glob("*")) if path.suffix in (".json", ".toml") and path.is_file())


WORKFLOW_FILES: tuple[WorkflowFiles, ...] = (
    WorkflowFiles("cast", "voice", "Who speaks with which voice: cast.toml.", _table("cast.toml")),
    WorkflowFiles("lexicon", "lexicon", "How names and invented words are said: lexicon.toml.", _table("lexicon.toml")),
    WorkflowFiles("mix_settings", "settings", "Loudness, ducking and beds of mixes: mix.toml.", _table("mix.toml")),
    WorkflowFiles(
        "comfyui_workflows",
        "workflow",
        "Workflows of ComfyUI with their bindings: workflows/comfyui.",
        _folder(lambda s: s.workflows / "comfyui", lambda s: s.root / "workflows" / "comfyui"),
    ),
    WorkflowFiles(
        "prompt_presets", "prompt", "The wording of scene prompts, and presets: prompts.toml.", _table("prompts.toml")
    ),
    WorkflowFiles(
        "message_templates",
        "workflow",
        "How messages are put together: workflows/messages.",
        _folder(lambda s: s.workflows / SHIPPED_MESSAGES, lambda s: s.root / OWN_MESSAGES),
    ),
    WorkflowFiles("remix_styles", "text", "How tracks are remixed: remix_styles.toml.", _table("remix_styles.toml")),
    WorkflowFiles("video_models", "model", "What video models can do: video_models.toml.", _table("video_models.toml")),
    WorkflowFiles("price_card", "price", "What providers ask: price_card.toml.", _table("price_card.toml")),
    WorkflowFiles("provider_settings", "model", "Which provider does what: providers.toml.", _table("providers.toml")),
    WorkflowFiles("stem_settings", "settings", "Sample rate and voices of stems: stems.toml.", _table("stems.toml")),
)
