"""The partition key of a scene, `s003|song`, as Dagster writes a key of the dimensions scene and song."""

SEPARATOR = "|"


def scene_id(number: int) -> str:
    """The id of a song's scene by its number from 1: `s001`."""
    return f"s{number:03}"


def scene_key(scene: str, song: str) -> str:
    """The partition key of a scene of a song."""
    return f"{scene}{SEPARATOR}{song}"


def parse_scene_key(key: str) -> tuple[str, str]:
    """The (scene, song) of a partition key.

    Raises:
        ValueError: `key` is not of that form.
    """
    scene, separator, song = key.partition(SEPARATOR)
    if not (separator and scene and song) or SEPARATOR in song:
        raise ValueError(f"the partition key {key!r} is not of the form <scene>|<song>")
    return scene, song


def song_of(key: str) -> str:
    """The song of a scene's key; any other key is its own."""
    return key.rpartition(SEPARATOR)[2]
