import numpy as np
import pytest

from audio_assets.domain.lut import LutError, apply_lut, read_cube


def cube(size: int, change: object = None, head: str = "") -> bytes:
    steps = np.linspace(0, 1, size)
    rows = [(r, g, b) for b in steps for g in steps for r in steps]
    if callable(change):
        rows = [change(*row) for row in rows]
    body = "\n".join(f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in rows)
    return f'TITLE "grade"\n# made here\n{head}\nLUT_3D_SIZE {size}\n{body}\n'.encode()


PICTURE = np.random.default_rng(1).integers(0, 256, (40, 30, 3), np.uint8)


@pytest.mark.parametrize("size", [2, 5, 17, 33])
def test_the_identity_changes_nothing(size: int) -> None:
    assert np.array_equal(apply_lut(PICTURE, read_cube(cube(size))), PICTURE)


def test_red_runs_fastest_in_the_file() -> None:
    swapped = apply_lut(PICTURE, read_cube(cube(9, lambda r, g, b: (b, r, g))))
    assert np.array_equal(swapped, PICTURE[:, :, [2, 0, 1]])


def test_colours_between_points_are_interpolated_in_three_directions() -> None:
    # The product of the channels is linear in each of them: two points a side hold it exactly.
    graded = apply_lut(PICTURE, read_cube(cube(2, lambda r, g, b: (r * g * b, 1 - g, r * b))))
    r, g, b = np.moveaxis(PICTURE / 255.0, 2, 0)
    expected = np.stack([r * g * b, 1 - g, r * b], axis=2) * 255
    assert np.abs(graded - expected).max() <= 0.501


def test_values_out_of_range_are_held_and_the_domain_counts() -> None:
    beyond = apply_lut(PICTURE, read_cube(cube(2, lambda r, g, b: (3 * r - 1, g, b))))
    assert np.abs(beyond[..., 0] - np.clip(PICTURE[..., 0] * 3.0 - 255, 0, 255)).max() <= 1
    narrow = apply_lut(PICTURE, read_cube(cube(2, head="DOMAIN_MIN 0 0 0\nDOMAIN_MAX 0.5 0.5 0.5")))
    assert np.abs(narrow - np.clip(PICTURE * 2.0, 0, 255)).max() <= 0.501


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xff\xfe\x00", "is not text"),
        (b"hello world\n", 'line 1: "hello world" is no three numbers'),
        (b"", "no LUT_3D_SIZE"),
        (b"LUT_1D_SIZE 4\n", "one-dimensional"),
        (b"LUT_3D_SIZE x\n", "line 1: LUT_3D_SIZE is a whole number from 2 to 129"),
        (b"LUT_3D_SIZE 500\n", "LUT_3D_SIZE"),
        (b"LUT_3D_SIZE 2\n0 0 0\n", "8 rows, and has 1"),
        (b"LUT_3D_SIZE 2\n0 nan 0\n", "line 2: a value is not finite"),
        (cube(2, head="DOMAIN_MIN 1 0 0"), "DOMAIN_MIN"),
    ],
)
def test_what_is_no_grade_is_refused_with_its_line(data: bytes, says: str) -> None:
    with pytest.raises(LutError, match=says):
        read_cube(data, "warm.cube")
