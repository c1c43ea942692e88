"""The APIs of the room: a Stacks node's and its indexer's, CoinGecko, LunarCrush. Each answer comes as it was."""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from core.clock import Clock
from core.errors import InvalidAnswer, SourceMoved, SourceRefused
from core.plain import one_line
from resources.clients.http.api import MOST_BYTES, Answer, HttpApi, Unusable, moved_to
from resources.clients.stacks.answers import ABSENT, GONE, OK, RawAnswer

LOG = logging.getLogger("headwater.stacks")

RETRIED = {408, 425, 429}
# A route with more pages than this is no route of ours; listings that move are begun anew so often.
MOST_PAGES, LISTINGS = 200, 3
# What says how many requests are left, and for how many seconds: a hosted gateway's; a node of one's own sends none.
BUDGETS = (("ratelimit-remaining", "ratelimit-reset"), ("x-ratelimit-remaining-stacks-minute", "retry-after"))
LONGEST_RESET = 60.0
# What took the place of routes that a server may have switched off.
SUCCESSORS = {
    "extended/v1/stx_supply": "extended/v3/tokens/stx/supply",
    "extended/v1/address": "extended/v3/principals",
    "extended/v2/addresses": "extended/v3/principals",
    "extended/v1/microblock": "nothing: there are no microblocks since Nakamoto",
}


@dataclass(frozen=True)
class Route:
    """One thing to ask. ``optional``: that the route is absent is an answer, too. ``page``: its pages' length, and
    ``key``: the field that tells their entries apart."""

    name: str
    path: str
    parameters: Mapping[str, Any]
    optional: bool = False
    page: int | None = None
    key: str | None = None


class AnswerApi:
    """An API whose answers are kept.

    ``key_setting``: what an error about credentials tells to check. ``require_no_error``: raises for an answer that is
    an error by the API's own codes, which say more than the status; address: what was asked.
    """

    def __init__(
        self,
        http: HttpApi,
        clock: Clock,
        key_setting: str,
        require_no_error: Callable[[Answer, str], None] = lambda answer, address: None,
    ):
        self.http, self.clock, self.key_setting, self.require_no_error = http, clock, key_setting, require_no_error
        self._pause_until = clock.monotonic()

    def ask(self, route: Route) -> list[RawAnswer]:
        """The answers to a route: one, or one for each page.

        Raises:
            SourceUnavailable: when there was no usable answer in time.
            QuotaSpent: when the API's quota is used up, and no pause helps.
            SourceRefused: when the request or the key is refused, or a route that is needed is absent.
            SourceMoved: when a listing changed while it was paged through, again and again.
        """
        if route.page is None:
            return [self._one(route, route.parameters)]
        for _ in range(LISTINGS):
            answers, complete = self._listing(route, route.page)
            if complete:
                return answers
        raise SourceMoved(
            f"{self.http.name}: {self.http.address(route.path)} has pages that do not add up to its total, {LISTINGS} "
            "times. Run again."
        )

    def _listing(self, route: Route, length: int) -> tuple[list[RawAnswer], bool]:
        """The pages of a listing, and whether they hold as many entries as each of them says that there are.

        An entry given twice stands for one that moved to a page already read, and was not seen.
        """
        answers: list[RawAnswer] = []
        totals, named = set[int](), list[str]()
        entries = size = 0
        while len(answers) < MOST_PAGES:
            answer = self._one(route, {**route.parameters, "limit": length, "offset": len(answers) * length})
            answers.append(answer)
            size += len(answer.body)
            self._require_fit(route, size)
            document = answer.document if answer.status == OK else None
            page = document.get("results") if isinstance(document, dict) else None
            if not isinstance(document, dict) or not isinstance(page, list):
                return answers, True  # absent, or against its contract, as whoever reads it will say
            entries += len(page)
            named += [str(entry[route.key]) for entry in page if isinstance(entry, dict) and route.key in entry]
            total = document.get("total")
            totals |= {total} if isinstance(total, int) else set()
            if len(totals) > 1 or len(page) < length or entries >= max(totals, default=entries + 1):
                return answers, totals <= {entries} and len(set(named)) == len(named)
        raise SourceMoved(f"{self.http.name}: {self.http.address(route.path)} has no end after {MOST_PAGES} pages.")

    def _require_fit(self, route: Route, size: int) -> None:
        if size > MOST_BYTES:
            raise InvalidAnswer(
                f"{self.http.name}: the pages of {self.http.address(route.path)} have more than {MOST_BYTES:,} "
                "characters. Check what serves that address; nothing of it was used."
            )

    def _one(self, route: Route, parameters: Mapping[str, Any]) -> RawAnswer:
        self.clock.sleep(self._pause_until - self.clock.monotonic())
        attempts = [0]

        def counted() -> None:
            attempts[0] += 1

        answer = self.http.get(route.path, parameters, self._judge(route, parameters), before=counted)
        return RawAnswer(
            name=route.name,
            address=self.http.address(route.path, parameters),
            status=answer.status,
            fetched_at=self.clock.now().astimezone(UTC).isoformat(),
            attempt=attempts[0],
            body=answer.text,
        )

    def _judge(self, route: Route, parameters: Mapping[str, Any]) -> Callable[[Answer], Answer]:
        def judge(answer: Answer) -> Answer:
            self._obey_budget(answer.headers)
            self._tell_deprecation(route, answer.headers)
            if answer.status not in ABSENT:
                self.require_no_error(answer, self.http.address(route.path, parameters))
            if answer.status in RETRIED or answer.status >= 500:
                raise Unusable(f"{answer.status} {one_line(answer.text, 100)}")
            if answer.status in ABSENT and route.optional:
                return answer
            if answer.status != OK or _is_error(answer.document):
                raise SourceRefused(self._refusal(route, parameters, answer))
            if answer.document is None:
                raise Unusable("the answer is no JSON")
            return answer

        return judge

    def _refusal(self, route: Route, parameters: Mapping[str, Any], answer: Answer) -> str:
        remedy = f"Check {self.key_setting}." if answer.status in {401, 403} else "Update the client."
        if answer.status in ABSENT:
            after = next((new for old, new in SUCCESSORS.items() if route.path.startswith(old)), None)
            gone = "is switched off" if answer.status == GONE else "is not there"
            remedy = f"The route {gone}; " + (f"use {after}." if after else "check the API's address and its changes.")
        remedy = moved_to(answer, "the setting of its address") or remedy
        return (
            f"{self.http.name} refuses {self.http.address(route.path, parameters)}: {answer.status} "
            f"{one_line(answer.text, 200)}. {remedy}"
        )

    def _obey_budget(self, headers: Mapping[str, str]) -> None:
        """Ask nothing more until the budget is renewed, when an answer says that it is spent."""
        known = {name.lower(): value.strip() for name, value in headers.items()}
        for remaining, reset in BUDGETS:
            if re.fullmatch(r"0+|-[0-9]+", known.get(remaining, "")):
                text = known.get(reset, "")
                seconds = float(text) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) else LONGEST_RESET
                self._pause_until = self.clock.monotonic() + min(seconds, LONGEST_RESET)
                return

    def _tell_deprecation(self, route: Route, headers: Mapping[str, str]) -> None:
        told = next((value for name, value in headers.items() if name.lower() == "warning"), "")
        if told.startswith("299"):
            LOG.warning("%s: %s is going away: %s", self.http.name, self.http.address(route.path), one_line(told, 200))


def _is_error(document: Any) -> bool:
    """Whether a body of status 200 is an error all the same."""
    return isinstance(document, dict) and (
        bool(document.get("error"))
        or document.get("Response") == "Error"
        or "error_code" in str(document.get("status"))
    )
