"""Which pairs belong to a job: a file of this folder for each version, checked when it is read."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assets.exchanges.names import ALLOWED, JobName
from core.errors import SettingError
from core.plain import one_line
from core.settings.exchanges import PAIR

FOLDER = Path(__file__).parent / "universes"
# The largest exchange lists some 3,000 markets.
MOST_PAIRS, MOST_BYTES = 5_000, 1 << 20
_VERSION = re.compile(r"v[1-9][0-9]{0,2}(\.[1-9][0-9]{0,2})?")
_VENDORS = {vendor.upper(): vendor for vendor in ALLOWED["vendor"]}


@dataclass(frozen=True)
class Universe:
    """One version: pairs by vendor and exchange, and the sha256 of the file they were read from."""

    version: str
    pairs: Mapping[tuple[str, str], tuple[str, ...]]
    sha256: str

    def of(self, job: JobName) -> tuple[str, ...]:
        """The job's pairs, in the file's order.

        Raises:
            SettingError: when the version has none for its vendor and exchange.
        """
        found = self.pairs.get((job.vendor, job.exchange_id))
        if not found:
            known = ", ".join(f"{vendor} {exchange}" for vendor, exchange in sorted(self.pairs))
            raise SettingError(
                f"universe {self.version} has no pairs of {job.vendor} {job.exchange_id}; it has {known}"
            )
        return found


def versions(folder: Path = FOLDER) -> list[str]:
    """The versions there are files of, oldest first."""
    names = [path.stem for path in folder.glob("*.json") if _VERSION.fullmatch(path.stem)]
    return sorted(names, key=lambda name: [int(part) for part in name[1:].split(".")])


def load(version: str, folder: Path = FOLDER) -> Universe:
    """A version, checked.

    Raises:
        SettingError: naming the file and what is wrong in it.
    """
    if not _VERSION.fullmatch(version):
        raise SettingError(f"universe {version[:40]!r}: expected a version such as v7.3; there are {versions(folder)}")
    path = folder / f"{version}.json"
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise SettingError(
            f"universe {version}: {path.name} cannot be read ({error.strerror}); there are {versions(folder)}"
        ) from None
    if len(data) > MOST_BYTES:
        raise SettingError(f"universe file {path.name} has more than {MOST_BYTES:,} bytes")
    return decode(version, data)


def decode(version: str, data: bytes) -> Universe:
    """A version from its file's bytes.

    Raises:
        SettingError: as ``load``.
    """
    try:
        document = json.loads(data, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise SettingError(f"universe file {version}.json is no JSON: {one_line(error, 200)}") from None
    try:
        pairs = dict(_pairs(document))
    except ValueError as error:
        raise SettingError(f"universe file {version}.json: {error}") from None
    return Universe(version, pairs, hashlib.sha256(data).hexdigest())


def _once(items: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(items)
    if len(found) != len(items):
        raise ValueError("a name stands in it twice")
    return found


def _pairs(document: Any) -> list[tuple[tuple[str, str], tuple[str, ...]]]:
    found = []
    for section, exchanges in _object(document, "the file").items():
        if section not in _VENDORS:
            raise ValueError(f"{section[:40]!r} is none of the vendors {', '.join(_VENDORS)}")
        for exchange, pairs in _object(exchanges, section).items():
            if exchange not in ALLOWED["exchange_id"]:
                raise ValueError(f"{section}: {exchange[:40]!r} is none of {', '.join(ALLOWED['exchange_id'])}")
            found.append(((_VENDORS[section], exchange), _checked(pairs, f"{section} {exchange}")))
    if not found:
        raise ValueError("it has no pairs")
    return found


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is no object")
    return value


def _checked(pairs: Any, where: str) -> tuple[str, ...]:
    if not isinstance(pairs, list) or not 1 <= len(pairs) <= MOST_PAIRS:
        raise ValueError(f"{where} is no list of 1 to {MOST_PAIRS:,} pairs")
    wrong = [pair for pair in pairs if not isinstance(pair, str) or not PAIR.fullmatch(pair)]
    if wrong:
        raise ValueError(f"{where}: {str(wrong[0])[:60]!r} is no pair such as BTC_USDT")
    repeated = sorted({pair for pair in pairs if pairs.count(pair) > 1})
    if repeated:
        raise ValueError(f"{where}: {', '.join(repeated)} stands in it twice")
    return tuple(pairs)


def changes(old: Universe, new: Universe) -> dict[str, tuple[Sequence[str], Sequence[str]]]:
    """Pairs that came and went from one version to another, by ``vendor exchange``; nothing where none did."""
    found: dict[str, tuple[Sequence[str], Sequence[str]]] = {}
    for key in sorted({*old.pairs, *new.pairs}):
        before, after = set(old.pairs.get(key, ())), set(new.pairs.get(key, ()))
        if before != after:
            found[" ".join(key)] = (sorted(after - before), sorted(before - after))
    return found
