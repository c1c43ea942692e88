"""What `verify` found of a day, as it is written and as it is said."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from assets.ethereum.audit.comparing import differences
from assets.ethereum.audit.foreign import ForeignDay
from assets.ethereum.audit.proving import Finding, Known, Proof

# Kept of what is not so; the count is of all.
MOST_FINDINGS = 1_000


@dataclass
class Report:
    """A day's verdict. ``blocks``: of the headers; ``proved``: of these, by table; ``unproved``: and why."""

    day: date
    source: str
    against: str
    blocks: int = 0
    proved: dict[str, int] = field(default_factory=dict)
    unproved: list[str] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    found: int = 0

    @property
    def passed(self) -> bool:
        return not self.found

    def add(self, finding: dict[str, Any]) -> None:
        self.found += 1
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(finding)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"passed": self.passed} | asdict(self) | {"day": str(self.day)}

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.source}, {self.day}, against {self.against}: {'as it must be' if self.passed else 'NOT AS IT IS'}"
        for name, count in self.proved.items():
            yield f"  {name}: {count:,} of {self.blocks:,} blocks proved"
        yield from (f"  not proved: {why}" for why in self.unproved)
        yield from (
            f"  {', '.join(f'{name} {value}' for name, value in one.items())}" for one in self.findings[:QUOTED]
        )
        if self.found > QUOTED:
            yield f"  and {self.found - QUOTED:,} more"


QUOTED = 20


def proof_report(source: str, against: str, day: ForeignDay, knowns: Iterable[Known]) -> Report:
    """The day's rows held against proved blocks."""
    report, proof, before = Report(day.day, source, against), Proof(day), None
    seen, bare = set(), False
    for known in knowns:
        header = known.header
        if before and (header["number"] != before["number"] + 1 or header["parent_hash"] != before["hash"]):
            report.add(asdict(Finding(header["number"], "parent_hash", header["parent_hash"], before["hash"])))
        before = header
        seen.add(header["number"])
        bare |= known.transactions is None
        for finding in proof.block(known):
            report.add(asdict(finding))
    for number in proof.numbers():
        if number not in seen:
            report.add(asdict(Finding(number, "blocks", "1 row", "no such block of the day")))
    if bare:
        proof.unproved.append(
            "transactions: headers alone were given, and the files hold no signatures (v, r, s) that a root could be "
            "worked out from; give whole blocks, or a node"
        )
    report.blocks, report.proved, report.unproved = len(seen), proof.proved, proof.unproved
    return report


def comparison_report(first_uri: str, first: ForeignDay, second_uri: str, second: ForeignDay) -> Report:
    """Two lakes' rows of the day held against each other."""
    report = Report(first.day, first_uri, second_uri)
    report.unproved = sorted(
        {*(f"first: {why}" for why in first.unproved), *(f"second: {why}" for why in second.unproved)}
    )
    for one in differences(first, second, MOST_FINDINGS):
        report.add(one)
    return report
