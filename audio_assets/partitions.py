"""Every partition set of the graph. Keys are built, parsed and validated in `domain.lines`, never by hand.

Names of dynamic sets are shared by all code locations of one Dagster instance, hence the prefix.
"""

import dagster as dg

from audio_assets.domain.film_settings import DELIVERIES
from audio_assets.domain.scene_key import SEPARATOR, parse_scene_key, scene_id
from audio_assets.settings import current

lines = dg.DynamicPartitionsDefinition(name="audio_assets_lines")
"""One dialogue line in one language: `<script>.<line id>.<lang>`."""

mixes = dg.DynamicPartitionsDefinition(name="audio_assets_mixes")
"""One mix: `<script>.<label>.<lang>` for a script's label, `spec.<name>.mix` for a mix from a file."""

songs = dg.DynamicPartitionsDefinition(name="audio_assets_songs")
"""One song: the slug of its path below the inbox."""

scenes = dg.MultiPartitionsDefinition(
    {
        "song": songs,
        "scene": dg.StaticPartitionsDefinition([scene_id(n) for n in range(1, current().scene_slots + 1)]),
    }
)
"""One scene of a song: `<scene>|<song>`. A song uses as many of the slots as its storyboard has scenes."""

deliveries = dg.MultiPartitionsDefinition({"song": songs, "delivery": dg.StaticPartitionsDefinition(DELIVERIES)})
"""One format that a song's film is delivered in: `<format>|<song>`. A song uses those that its settings name."""

remixes = dg.DynamicPartitionsDefinition(name="audio_assets_remixes")
"""One remix: the slug of its request."""

stems = dg.DynamicPartitionsDefinition(name="audio_assets_stems")
"""One stem: `stem.name.jose`."""

messages = dg.DynamicPartitionsDefinition(name="audio_assets_messages")
"""One message: `double_anchor.jose.ana`, or the id of its request."""

WHOLE = "all"
whole = dg.StaticPartitionsDefinition([WHOLE])
"""One partition of everything: the index over all stems, the entries of a file of settings."""

live_messages = dg.DynamicPartitionsDefinition(name="audio_assets_live_messages")
"""One message of a live stream: `m` and the number of its arrival."""

of_song = dg.MultiToSingleDimensionPartitionMapping("song")
"""Between a song and its scenes or deliveries, in both directions."""


def event_key(partition: str) -> str:
    """The key as an event wants it: Dagster finds the dimensions only in a key of its own class."""
    if SEPARATOR not in partition:
        return partition
    first, song = parse_scene_key(partition)
    return dg.MultiPartitionKey({"delivery" if first in DELIVERIES else "scene": first, "song": song})


def sync(instance: dg.DagsterInstance, definition: dg.DynamicPartitionsDefinition, wanted: list[str]) -> None:
    """Make `definition`'s keys on `instance` exactly `wanted`; new keys keep the order of `wanted`."""
    name = definition.name
    if name is None:
        raise ValueError("a dynamic partitions definition of this project has a name")
    present = set(instance.get_dynamic_partitions(name))
    new = [key for key in wanted if key not in present]
    if new:
        instance.add_dynamic_partitions(name, new)
    for key in present.difference(wanted):
        instance.delete_dynamic_partition(name, key)
