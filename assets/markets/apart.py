"""Items of one run, coins, chains or days, that must not take each other with them."""

from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import HeadwaterError, QuotaSpent, SourceRefused, SourceUnavailable, TransientError

# After these nobody else is asked: the next answer would be the same.
AT_ONCE = (QuotaSpent, SourceRefused)
# One item may be unavailable alone; two of them are an outage, and each costs minutes.
MOST_UNAVAILABLE = 2


class Apart:
    """Goes on with the others when one item fails, and says in the end what failed.

    ``over``: the source itself is at its end, so that asking for more is of no use.
    """

    def __init__(self) -> None:
        self.failures: list[HeadwaterError] = []

    @contextmanager
    def item(self) -> Iterator[None]:
        """One item; its failure is kept."""
        try:
            yield
        except HeadwaterError as error:
            self.failures.append(error)

    @property
    def over(self) -> bool:
        unavailable = sum(isinstance(error, SourceUnavailable) for error in self.failures)
        return unavailable >= MOST_UNAVAILABLE or any(isinstance(error, AT_ONCE) for error in self.failures)

    def tell(self) -> None:
        """Raise what failed, if anything did: as what cannot wait, else as what may pass, else as what cannot.

        Raises:
            HeadwaterError: with the sentences of all, each once.
        """
        if not self.failures:
            return
        for kind in (AT_ONCE, TransientError, HeadwaterError):
            if leading := next((error for error in self.failures if isinstance(error, kind)), None):
                raise type(leading)("\n".join(dict.fromkeys(map(str, self.failures)))) from leading
