"""Every partition set of the graph. Keys are built, parsed and validated in `domain.lines`, never by hand.

Names of dynamic sets are shared by all code locations of one Dagster instance, hence the prefix.
"""

import dagster as dg

lines = dg.DynamicPartitionsDefinition(name="audio_assets_lines")
"""One dialogue line in one language: `<script>.<line id>.<lang>`."""

mixes = dg.DynamicPartitionsDefinition(name="audio_assets_mixes")
"""One mix: `<script>.<label>.<lang>` for a script's label, `spec.<name>.mix` for a mix from a file."""


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
