"""`providers.toml`: mistakes are named, and a key that got into it is not repeated."""

import pytest

from audio_assets.domain.provider_settings import ProviderSettingsError, parse_provider_settings

PASTED = "sk_live_0123456789"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f'key_variable = "{PASTED}"', "[providers.cartesia.key_variable] is no name of a variable"),
        ("at_once = 0", "[providers.cartesia.at_once] is 0; write 1 or more"),
        (f'api_key = "{PASTED}"', "looks like a key, which must not stand in a file"),
    ],
)
def test_what_can_not_be_meant_is_refused(line: str, said: str) -> None:
    with pytest.raises(ProviderSettingsError) as error:
        parse_provider_settings(f"[providers.cartesia]\n{line}\n".encode(), "providers.toml")
    assert said in str(error.value)
    assert PASTED not in str(error.value)
