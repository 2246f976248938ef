"""Who serves what, and how each provider is set up: `providers.toml` of the data root, read and checked.

    [use]                        # where no character, song or remix names somebody
    speech = "kokoro"
    video = "fal:fal-ai/wan/v2.2"     # with the model, for those that have several

    [fallback]                   # who stands in where a provider can not serve; without one the work fails, and says so
    speech = "kokoro"            # or with a voice: "kokoro:af_bella"

    [providers.cartesia]         # settings of a provider: `audio-assets providers cartesia` lists them
    model = "sonic-3.5-2026-05-04"

    [providers.studio_tts]       # a provider of your own: another server of a kind
    kind = "openai_speech"
    url = "http://10.0.0.5:8880"

Keys are no settings: they stay in the environment. What a provider's own settings may be its resource says.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from audio_assets.domain import toml_values as value
from audio_assets.domain.provider_catalogue import CAPABILITIES, Capability
from audio_assets.domain.redaction import secret_names
from audio_assets.domain.toml_tables import TomlError, check_keys, parse_toml, table

EMBEDDED: Mapping[Capability, str] = {
    "speech": "kokoro", "alignment": "pocketsphinx", "music": "remixer", "video": "animatic", "lip_sync": "mouth_warp",
}  # fmt: skip
"""Who serves where nobody is named: the engines on this machine."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


class ProviderSettingsError(ValueError):
    """A mistake in `providers.toml`; one sentence names the key and what to do."""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """A read `providers.toml`; `tables` are the settings of each provider as they stand there."""

    path: str = "providers.toml"
    uses: Mapping[Capability, str] = field(default_factory=dict)
    fallbacks: Mapping[Capability, str] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def use(self, capability: Capability) -> str:
        """Who serves a capability where nobody is named."""
        return self.uses.get(capability) or EMBEDDED[capability]


def parse_provider_settings(data: bytes, path: str) -> ProviderSettings:
    """Read `providers.toml`.

    Raises:
        ProviderSettingsError: a TOML mistake, an unknown capability, a name that can not be one, a key in the file.
    """
    try:
        root = parse_toml(data, path)
        check_keys(root, ("use", "fallback", "providers"), "", path)
        tables = {
            name: _provider(name, part, path)
            for name, part in table(root.get("providers", {}), "providers", path).items()
        }
        return ProviderSettings(path, _chosen(root, "use", path), _chosen(root, "fallback", path), tables)
    except TomlError as error:
        raise ProviderSettingsError(str(error)) from error


def _chosen(root: Mapping[str, Any], key: str, path: str) -> dict[Capability, str]:
    values = table(root.get(key, {}), key, path)
    check_keys(values, CAPABILITIES, key, path)
    named = {capability: value.text(values, capability, key, path) for capability in CAPABILITIES}
    return {capability: name for capability, name in named.items() if name}


def _provider(name: str, part: object, path: str) -> Mapping[str, Any]:
    key = f"providers.{name}"
    if not _NAME.fullmatch(name):
        raise TomlError(path, key, "is no name for a provider", "use small letters, digits and _, a letter first")
    values = table(part, key, path)
    secrets = [one for one in secret_names(values) if not one.endswith("_variable")]
    if secrets:
        raise TomlError(
            path, key, f"{secrets[0]} looks like a key, which must not stand in a file",
            "put the key into the environment, and name that variable with key_variable where it is another",
        )  # fmt: skip
    variable = values.get("key_variable", "")
    if isinstance(variable, str) and variable and not _VARIABLE.fullmatch(variable):
        raise TomlError(
            path, f"{key}.key_variable", "is no name of a variable", 'name the one that has the key, as "MY_API_KEY"'
        )  # fmt: skip
    at_once = values.get("at_once", 1)
    if isinstance(at_once, int) and at_once < 1:
        raise TomlError(path, f"{key}.at_once", f"is {at_once}", "write 1 or more")
    return values
