"""One client's session: its messages passed on to a PostgreSQL session of its own, statements rewritten on the way.

Statements that PostgreSQL has no word for (COPY from S3) are carried out here, in the client's own transaction: with
the simple protocol on the same server session, between the client's messages.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.standins.redshift import rewrite
from tests.standins.redshift.loading import load
from tests.standins.redshift.wire import RedshiftError, Stream, data_row, error_body, error_fields, text

if TYPE_CHECKING:
    from tests.standins.redshift.server import RedshiftStandIn

# The message that ends the server's answer to each of the client's.
ANSWERED_BY = {b"P": b"1", b"B": b"2", b"C": b"3", b"E": b"CIs", b"D": b"Tn"}
SERIALIZATION_FAILURE, CHECK_VIOLATION = "40001", "23514"


class ConnectionCutError(Exception):
    """The test asked for the connection to end here."""


@dataclass
class Session:
    """A client connected to its server session, both past start-up. ``pid``: of the server's process."""

    client: Stream
    server: Stream
    standin: "RedshiftStandIn"
    database: str
    user: str
    pid: int
    status: bytes = b"I"
    query_group: str = "default"
    _statements: dict[bytes, rewrite.Planned] = field(default_factory=dict)
    _portals: dict[bytes, rewrite.Planned] = field(default_factory=dict)
    _expected: deque[bytes] = field(default_factory=deque)
    _skipping: bool = False

    def run(self) -> None:
        """Serve until the client leaves.

        Raises:
            ConnectionLostError, ConnectionCutError: when it ends otherwise.
        """
        while True:
            kind, body = self.client.receive()
            if kind == b"X":
                return
            if kind == b"S":
                self._sync()
            elif kind == b"Q":
                self._simple(body[:-1].decode())
            elif kind == b"H":
                self._drain()
            elif not self._skipping:
                self._extended(kind, body)

    # What the client sent as one query string.

    def _simple(self, query: str) -> None:
        self._skipping = False
        try:
            plans = rewrite.plan(query)
            if all(plan.action is None for plan in plans):
                self._pass_on(query, "; ".join(plan.sql for plan in plans), plans)
            else:
                for plan in plans:
                    self._carry_out(plan)
        except RedshiftError as error:
            self._fail(error)
        self._ready()

    def _pass_on(self, query: str, rewritten: str, plans: list[rewrite.Planned]) -> None:
        with self.standin.statement(self, query) as after:
            self.server.send(b"Q", text(rewritten))
            self._relay_until_ready(silently=after)
        for plan in plans:
            self._remember(plan)

    def _carry_out(self, plan: rewrite.Planned) -> None:
        """One statement of several, or one that the proxy itself executes.

        Raises:
            RedshiftError: when it fails.
        """
        if plan.action is None:
            with self.standin.statement(self, plan.original):
                for answer in self.command(plan.sql):
                    self.client.send(*answer)
            self._remember(plan)
            return
        with self.standin.statement(self, plan.original) as after:
            tag = self._act(plan)
            if not after:
                self.client.send(b"C", text(tag))

    def _act(self, plan: rewrite.Planned) -> str:
        if plan.action is rewrite.Action.COPY:
            if self.status == b"E":
                raise RedshiftError("current transaction is aborted, commands ignored until end of transaction block",
                                    "25P02")  # fmt: skip
            return f"COPY {load(self, plan.original)}"
        self.command(plan.sql)
        if self.status == b"T":  # TRUNCATE commits the transaction it is in
            self.command("COMMIT")
        return plan.tag

    def _remember(self, plan: rewrite.Planned) -> None:
        if plan.query_group is not None:
            self.query_group = plan.query_group

    # What it sent as parsed statements, bound portals and their executions.

    def _extended(self, kind: bytes, body: bytes) -> None:
        if kind == b"P":
            self._parse(*body.split(b"\0", 2))
        elif kind == b"B":
            portal, statement, _ = body.split(b"\0", 2)
            plan = self._portals[portal] = self._statements.get(statement, rewrite.NOTHING)
            self._answer_or_forward(plan, kind, body, [(b"2", b"")])
        elif kind == b"D":
            plan = (self._statements if body[:1] == b"S" else self._portals).get(body[1:-1], rewrite.NOTHING)
            nothing = [(b"t", b"\0\0"), (b"n", b"")] if body[:1] == b"S" else [(b"n", b"")]
            self._answer_or_forward(plan, kind, body, nothing)
        elif kind == b"E":
            self._execute(self._portals.get(body.split(b"\0", 1)[0], rewrite.NOTHING), body)
        elif kind == b"C":
            plan = (self._statements if body[:1] == b"S" else self._portals).pop(body[1:-1], rewrite.NOTHING)
            self._answer_or_forward(plan, kind, body, [(b"3", b"")])
        else:
            self.server.send(kind, body)

    def _parse(self, name: bytes, query: bytes, types: bytes) -> None:
        try:
            plans = rewrite.plan(query.decode())
            if len(plans) > 1:
                raise RedshiftError("cannot insert multiple commands into a prepared statement", "42601")
        except RedshiftError as error:
            self._fail(error)
            return
        plan = self._statements[name] = plans[0] if plans else rewrite.NOTHING
        self._answer_or_forward(plan, b"P", text(name.decode()) + text(plan.sql) + types, [(b"1", b"")])

    def _answer_or_forward(
        self, plan: rewrite.Planned, kind: bytes, body: bytes, answers: list[tuple[bytes, bytes]]
    ) -> None:
        if plan.action is None:
            self.server.send(kind, body)
            self._expected.append(ANSWERED_BY[kind])
            return
        self._drain()
        if not self._skipping:
            for answer in answers:
                self.client.send(*answer)

    def _execute(self, plan: rewrite.Planned, body: bytes) -> None:
        self._drain()
        if self._skipping:
            return
        try:
            with self.standin.statement(self, plan.original) as after:
                if plan.action is not None:
                    tag = self._act(plan)
                    if not after:
                        self.client.send(b"C", text(tag))
                    return
                self.server.send(b"E", body)
                if after:
                    self.server.send(b"S")
                    self._relay_until_ready(silently=True)
                else:
                    self._expected.append(ANSWERED_BY[b"E"])
            self._remember(plan)
        except RedshiftError as error:
            self._fail(error)

    def _sync(self) -> None:
        self._expected.clear()
        self._skipping = False
        self.server.send(b"S")
        self._relay_until_ready()
        self._ready()

    def _drain(self) -> None:
        """Pass on the answers to everything forwarded so far."""
        if self._expected:
            self.server.send(b"H")
        while self._expected:
            kind, body = self._receive()
            self.client.send(kind, body)
            if kind == b"E":
                self._expected.clear()
                self._skipping = True
            elif kind in self._expected[0]:
                self._expected.popleft()

    # The server's side.

    def _receive(self) -> tuple[bytes, bytes]:
        kind, body = self.server.receive()
        if kind == b"Z":
            self.status = body
        return (kind, _as_redshift_says(body)) if kind == b"E" else (kind, body)

    def _relay_until_ready(self, silently: bool = False) -> None:
        while (answer := self._receive())[0] != b"Z":
            if not silently:
                self.client.send(*answer)

    def _ready(self) -> None:
        self.client.send(b"Z", self.status)

    def _fail(self, error: RedshiftError) -> None:
        """Answer an error found here, and let it end the transaction as the server's own do."""
        raised = (
            f"DO $raise$ BEGIN RAISE EXCEPTION USING ERRCODE = '{'XX000' if error.code == '25P02' else error.code}', "
            "MESSAGE = 'raised by the stand-in'; END $raise$"
        )
        self.server.send(b"Q", text(raised))
        self._relay_until_ready(silently=True)
        self.client.send(b"E", error.body())
        self._skipping = True

    def command(self, statement: str) -> list[tuple[bytes, bytes]]:
        """Execute in the client's session and transaction; the server's answers.

        Raises:
            RedshiftError: when the server refuses.
        """
        self.server.send(b"Q", text(statement))
        return self._answers()

    def _answers(self) -> list[tuple[bytes, bytes]]:
        answers = []
        while (answer := self._receive())[0] != b"Z":
            answers.append(answer)
        for kind, body in answers:
            if kind == b"E":
                fields = error_fields(body)
                raise RedshiftError(fields["M"], fields["C"], fields.get("D", ""))
        return answers

    def rows(self, query: str) -> list[list[str | None]]:
        """The rows of a query in the client's session."""
        return [data_row(body) for kind, body in self.command(query) if kind == b"D"]

    def copy_in(self, statement: str, chunks: Iterable[bytes]) -> None:
        """A COPY FROM STDIN of the server's own.

        Raises:
            RedshiftError: when it refuses.
        """
        self.server.send(b"Q", text(statement))
        kind, body = self._receive()
        while kind in (b"N", b"A"):
            kind, body = self._receive()
        if kind == b"G":
            for chunk in chunks:
                self.server.send(b"d", chunk)
            self.server.send(b"c")
            self._answers()
            return
        while self._receive()[0] != b"Z":
            pass
        fields = error_fields(body)
        raise RedshiftError(fields["M"], fields["C"], fields.get("D", ""))


def _as_redshift_says(body: bytes) -> bytes:
    """An ErrorResponse in Redshift's words, where they differ in what a client must do."""
    fields = error_fields(body)
    if fields["C"] == SERIALIZATION_FAILURE:
        detail = "Serializable isolation violation on table, transactions forming the cycle are: unknown"
        return error_body(fields | {"C": "XX000", "M": "1023", "D": detail})
    if fields["C"] == CHECK_VIOLATION and fields.get("n", "").startswith("varchar_bytes_"):
        length = fields["n"].rsplit("_", 1)[-1]
        return error_body(fields | {"C": "22001", "M": f"value too long for type character varying({length})"})
    return body
