"""How this package compiles its inner loops: one typed decorator over numba, no kernels of its own.

Machine code is cached beside the source; where that is read-only numba uses the user's cache directory (or
`NUMBA_CACHE_DIR`), and where no place can be written the kernel is compiled once per process.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Kernel = TypeVar("Kernel", bound=Callable[..., Any])

# Sums may be taken in any order, so that LLVM uses vector registers. The order is fixed by the machine code and the
# array's length, never by its address: equal arrays give equal bits. No NaN: callers have looked for it.
_REORDERED = {"reassoc", "nsz", "nnan"}


def compiled(kernel: Kernel) -> Kernel:
    """`kernel` as machine code, strict floating point, without the GIL."""
    return _compile(kernel, fastmath=False)


def compiled_reordering_sums(kernel: Kernel) -> Kernel:
    """`kernel` as machine code whose sums and maxima may be vectorised; see `_REORDERED`."""
    return _compile(kernel, fastmath=_REORDERED)


def _compile(kernel: Kernel, *, fastmath: bool | set[str]) -> Kernel:
    try:
        return cast(Kernel, numba.njit(cache=True, nogil=True, fastmath=fastmath)(kernel))
    except RuntimeError as error:  # numba raises it when it finds no directory to cache in
        if "cannot cache" not in str(error):
            raise
        return cast(Kernel, numba.njit(nogil=True, fastmath=fastmath)(kernel))
