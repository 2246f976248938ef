"""How a request to a provider fails; the class says what that means for an order that may cost money.

    NotAllowed   it may not be sent as it stands, to that address or with that header: nothing is billed
    NotSent      it never reached the server: nothing is billed, trying again is safe
    Busy         the server said "not now" (429): the same
    Denied       the server said no (any other 4xx): nothing is billed, and it would say no again
    Broken       the server failed (5xx): an answer in the vendor's own form made nothing, a gateway's may have
    LostAnswer   it was sent, and no whole answer came: it may have been done
    BadAnswer    an answer came that can not be read: it may have been done

Messages are one sentence without secrets: who, what was asked, what was answered, the request's id.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from audio_assets.domain.rendering import PermanentError, TransientError, Unavailable
from resources.paid_vendor import NotSubmitted, Refused


class HttpProblem(Exception):  # noqa: N818 - what happened, as a reader says it
    """What all have in common.

    `said` is the server's own explanation, `wait_s` when it wants to be asked again. `is_vendors_own`: a 5xx in the
    vendor's own form. `is_final`: it says that asking again would not help.
    """

    def __init__(
        self, message: str, *, status: int = 0, said: str = "", request_id: str = "", wait_s: float | None = None,
        is_vendors_own: bool = False, is_final: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status = status
        self.said = said
        self.request_id = request_id
        self.wait_s = wait_s
        self.is_vendors_own = is_vendors_own
        self.is_final = is_final


class NotAllowed(HttpProblem, PermanentError):  # noqa: N818 - what happened, as a reader says it
    """Not a URL, address or header that may be sent; nothing was."""


class NotSent(HttpProblem, TransientError):  # noqa: N818
    """No connection: unknown host, refused, no TLS, no free slot in time; or the request could not be sent whole."""


class Busy(HttpProblem, TransientError):  # noqa: N818
    """429: too many requests, or too many at once."""


class Denied(HttpProblem, PermanentError):  # noqa: N818
    """Any 4xx but 408, 425 and 429."""


class Broken(HttpProblem, TransientError):  # noqa: N818
    """5xx, 408 or 425."""


class LostAnswer(HttpProblem, TransientError):  # noqa: N818
    """Reset, timed out or cut off after the request was sent."""


class BadAnswer(HttpProblem, TransientError):  # noqa: N818
    """Not the type or size that was asked for, or not JSON where JSON was promised."""


@contextmanager
def as_order() -> Iterator[None]:
    """Within: failures of the request that orders, as a `PaidVendor.submit` has to tell them.

    What is certainly not taken becomes `Refused` or `NotSubmitted`; everything else is left as it is, and means that
    the order may have been taken.
    """
    try:
        yield
    except (Denied, NotAllowed, Unavailable) as error:
        raise Refused(str(error)) from error
    except (NotSent, Busy) as error:
        raise NotSubmitted(str(error)) from error
    except Broken as error:
        if error.is_vendors_own:
            raise NotSubmitted(str(error)) from error
        raise
