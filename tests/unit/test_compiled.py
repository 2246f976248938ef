import pytest
from numba.core import caching

from audio_assets.domain.dsp.compiled import compiled


def double(value: float) -> float:
    return 2.0 * value


def test_a_kernel_computes_what_its_python_does() -> None:
    assert compiled(double)(21.0) == double(21.0)


def test_an_install_that_can_not_be_written_compiles_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    implementation = caching.FunctionCache._impl_class
    owner = next(kind for kind in implementation.__mro__ if "_locator_classes" in vars(kind))
    monkeypatch.setattr(owner, "_locator_classes", [])
    with pytest.raises(RuntimeError, match="cannot cache"):
        caching.FunctionCache(double)
    assert compiled(double)(21.0) == 42.0
