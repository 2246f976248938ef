"""What a provider sells against what a shot needs: the length and the size to ask for."""

from collections.abc import Sequence


def sold_seconds(offered: Sequence[int], needed_s: float) -> int:
    """The shortest length on offer that covers the shot.

    Raises:
        ValueError: none does; one sentence.
    """
    for seconds in sorted(offered):
        if seconds >= needed_s - 1e-6:
            return seconds
    raise ValueError(f"sells clips of at most {max(offered)} s, the scene lasts {needed_s:.2f} s: lower clip_seconds")


def nearest_size(offered: Sequence[tuple[int, int]], width: int, height: int) -> tuple[int, int]:
    """The size on offer that is nearest in shape, then in area; of the same orientation where there is one."""

    def distance(size: tuple[int, int]) -> tuple[bool, float, int]:
        return ((size[0] > size[1]) != (width > height), abs(size[0] / size[1] - width / height),
                abs(size[0] * size[1] - width * height))  # fmt: skip

    return min(offered, key=distance) if offered else (width, height)
