"""What follows from a change to how things are made (a voice, a prompt, a template, code), by asset.

    [policy]             # backfill.toml in the data root
    default = "auto"     # what stands for every asset that is not named
    scene_take = "ask"

`auto`: rendered by itself. `ask`: left in the plan until somebody asks for it. `off`: as `ask`, but not counted among
what waits for an answer (`asks` of `stale_plan`). Without a word of the settings it is `ask` where a render is paid,
else `auto`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from audio_assets.domain.toml_tables import check_keys, parse_toml, table
from audio_assets.domain.toml_values import one_of

FILE = "backfill.toml"
Policy = Literal["auto", "ask", "off"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Policies:
    """What the settings say: by asset, and for the rest ("" where nothing is said)."""

    by_asset: Mapping[str, Policy] = field(default_factory=dict)
    default: Policy | Literal[""] = ""

    def of(self, asset: str, *, is_paid: bool) -> Policy:
        """The policy for one partition of an asset."""
        said = self.by_asset.get(asset) or self.default
        return said or ("ask" if is_paid else "auto")


def parse_policies(data: bytes, path: str, assets: Collection[str]) -> Policies:
    """Read the settings; `assets` are the names that they may have.

    Raises:
        TomlError: something in it means nothing; one sentence.
    """
    tables = parse_toml(data, path)
    check_keys(tables, ("policy",), "", path)
    said = table(tables.get("policy", {}), "policy", path)
    check_keys(said, (_DEFAULT, *assets), "policy", path)
    found: dict[str, Policy] = {
        name: policy for name in said if (policy := one_of(said, name, POLICIES, "policy", path))
    }
    return Policies({name: policy for name, policy in found.items() if name != _DEFAULT}, found.get(_DEFAULT, ""))
