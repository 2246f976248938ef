"""An action of a spoken line, for tests of keys and causes."""

from typing import Any

from audio_assets.domain.action import Action


def action(**different: Any) -> Action:
    """The same each time, but for the named fields."""
    fields: dict[str, Any] = {
        "asset": "voice_line",
        "code_version": "1",
        "provider": {"engine": "kokoro", "model": "a"},
        "params": {"text": "Hello.", "speed": 1.0},
        "inputs": {"voice_line": "0" * 64},
    }
    return Action(**{**fields, **different})
