"""How money is written for people: the same everywhere, and never rounded to what it is not."""

from decimal import Decimal

_CENT = Decimal("0.01")
_NANO = 9


def dollars(amount: Decimal | float | int | str) -> str:
    """Dollars to read, exact: `$12.00`, `$0.0004`, `-$1.50`; what is beyond the ninth place is noise of floats."""
    exact = round(Decimal(str(amount)), _NANO)
    shown = exact.quantize(_CENT) if exact % _CENT == 0 else exact.normalize()
    return f"{'-' if exact < 0 else ''}${abs(shown):,f}"
