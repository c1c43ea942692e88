"""Answers of the APIs, kept as they came: what was asked without the secrets, when, and the untouched body."""

import gzip
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from core.errors import DayMissing, InvalidAnswer
from core.plain import one_line
from resources.clients.lake.object_store import ObjectStore
from resources.clients.lake.objects import LARGEST_IN_MEMORY, decompressed

FOLDER = "raw/stacks"
OK, NOT_FOUND, GONE = 200, 404, 410
ABSENT = {NOT_FOUND, GONE}
LONGEST_NAME, LATEST = 200, 10**11
_STAMP = "%Y-%m-%dT%H%M%S.%fZ"


@dataclass(frozen=True)
class RawAnswer:
    """One answer. ``name``: what it was asked for. ``address``: without secrets. ``fetched_at``: ISO, UTC."""

    name: str
    address: str
    status: int
    fetched_at: str
    attempt: int
    body: str

    @property
    def document(self) -> Any:
        """The body's JSON.

        Raises:
            InvalidAnswer: when it is none, though the status says that all is well.
        """
        try:
            return json.loads(self.body)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidAnswer(
                f"{self.address}: the kept answer is no JSON ({one_line(error, 200)}). Fetch it again."
            ) from error


@dataclass(frozen=True)
class Bundle:
    """Answers that belong to one moment."""

    name: str
    observed_at: datetime
    answers: tuple[RawAnswer, ...]

    def pages(self, name: str) -> list[Any]:
        """The documents of a name; none when the route is absent."""
        return [answer.document for answer in self.answers if answer.name == name and answer.status not in ABSENT]

    def document(self, name: str) -> Any:
        """The only document of a name; None when the route is absent."""
        return next(iter(self.pages(name)), None)

    def absent(self) -> dict[str, str]:
        """What could not be had, by name, each with the reason."""
        return {
            answer.name: f"{answer.address} answers {answer.status}: {one_line(answer.body, 200)}"
            for answer in self.answers
            if answer.status in ABSENT
        }


class RawAnswers:
    """The folder of kept answers: an object for each bundle, written once and never again."""

    def __init__(self, store: ObjectStore):
        self.store = store

    def keep(self, bundle: Bundle) -> str:
        """Write a bundle. Its key, which says when it was and begins its hash: other content is another object."""
        document = {"observed_at": bundle.observed_at.isoformat(), "answers": [asdict(one) for one in bundle.answers]}
        data = gzip.compress(json.dumps(document).encode(), mtime=0)
        moment = bundle.observed_at.astimezone(UTC).strftime(_STAMP)
        key = f"{FOLDER}/{bundle.name}/{moment}-{hashlib.sha256(data).hexdigest()[:16]}.json.gz"
        if self.store.read(key) is None:
            self.store.write(key, data)
        return key

    def newest(self, name: str) -> Bundle:
        """The newest bundle of a name.

        Raises:
            DayMissing: when none was kept.
            InvalidAnswer, LakeDamaged: when it is not what was written.
        """
        keys = [found.key for found in self.store.list(f"{FOLDER}/{name}") if found.key.endswith(".json.gz")]
        if not keys:
            raise DayMissing(
                f"Lake: no answers below {self.store.uri(f'{FOLDER}/{name}')}. Materialize raw/stacks/{name} first."
            )
        return self._read(name, max(keys))

    def _read(self, name: str, key: str) -> Bundle:
        data, uri = self.store.read(key, LARGEST_IN_MEMORY) or b"", self.store.uri(key)
        try:
            document = json.loads(decompressed(data, uri))
            answers = tuple(RawAnswer(**one) for one in document["answers"])
            return Bundle(name, datetime.fromisoformat(document["observed_at"]), answers)
        except (ValueError, RecursionError, KeyError, TypeError) as error:
            raise InvalidAnswer(
                f"Lake: {uri} is no bundle of answers ({one_line(error, 200)}). Delete it, and fetch again."
            ) from error


def results(pages: Sequence[Any], key: str) -> Iterator[Mapping[str, Any]]:
    """The entries of paged documents, each once: a page may repeat what the one before had.

    Raises:
        InvalidAnswer: when a page is not as the API's contract says.
    """
    seen = set()
    for page in pages:
        entries = page.get("results") if isinstance(page, dict) else None
        if not isinstance(entries, list):
            raise InvalidAnswer(f"Stacks API: a page has no list `results`: {one_line(page, 200)}. Update the client.")
        for entry in entries:
            identity = str(required(entry, key))
            if identity not in seen:
                seen.add(identity)
                yield entry


def required(document: Any, *path: str) -> Any:
    """A field of a document, by path.

    Raises:
        InvalidAnswer: when it is not there, or null.
    """
    value = document
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        raise InvalidAnswer(f"An answer has no {'.'.join(path)}: {one_line(document, 200)}. Update the client.")
    return value


def whole(value: Any, what: str) -> int:
    """A whole number that an API gives as a number or as text, of at most 40 digits.

    Raises:
        InvalidAnswer: when it is none.
    """
    digits = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not re.fullmatch(r"-?[0-9]{1,40}", digits):
        raise InvalidAnswer(f"{what} is {one_line(value, 80)!r}, not a whole number. Update the client.")
    return int(digits)


def moment(value: Any, what: str, per_second: int = 1) -> int:
    """A moment in Unix seconds, of a whole number of so many parts of a second; from 1970 to the year 5138.

    Raises:
        InvalidAnswer: when it is none.
    """
    found = whole(value, what) // per_second
    if not 0 <= found < LATEST:
        raise InvalidAnswer(f"{what} is {one_line(value, 40)}, no moment from 1970 on. Update the client.")
    return found


def text(value: Any, what: str) -> str:
    """A name: text of at most 200 characters.

    Raises:
        InvalidAnswer: when it is none.
    """
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME:
        raise InvalidAnswer(f"{what} is {one_line(value, 80)!r}, not a name. Update the client.")
    return value


def decimal(value: Any, what: str) -> float:
    """A finite number.

    Raises:
        InvalidAnswer: when it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e30 or value != value:  # noqa: PLR0124 - NaN
        raise InvalidAnswer(f"{what} is {one_line(value, 80)!r}, not a number. Update the client.")
    return float(value)
