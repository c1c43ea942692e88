from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import DayIncomplete, InvalidAnswer, QuotaSpent, SourceMoved, SourceRefused, SourceUnavailable
from resources.clients.markets.blockchair import (
    COST_OF_SUMS,
    Blockchair,
    cost,
    cost_of_blocks,
    cost_of_transactions,
    estimate_of_blocks,
)
from resources.clients.markets.units import UnitLedger
from sandbox.markets.blockchair import failure
from sandbox.markets.server import Fault, MarketServer
from tests.standins.markets import DAY, DayClock, chain, transactions, world

SECRET = "never-to-be-seen"


class CountingLedger(UnitLedger):
    """The ledger without a database."""

    def __init__(self, per_day=Decimal(1440), clock=None):
        super().__init__(None, "Blockchair", per_day, clock or DayClock())
        self.total = Decimal(0)

    def spent(self):
        return self.total

    def charge(self, units):
        if self.per_day is not None and self.total + units > self.per_day:
            raise QuotaSpent("Blockchair: spent")
        self.total += units
        self.charged += units

    def refund(self, units):
        self.total -= units
        self.charged -= units

    def exhaust(self):
        self.total = self.per_day


def serving(*chains, units=None):
    return MarketServer(world(chains), units_per_day=units)


def client(market, per_day=Decimal(1440), clock=None, key=None):
    clock = clock or DayClock()
    return Blockchair(CountingLedger(per_day, clock), clock, root=market.blockchair_root, key=key, per_minute=30)


def test_costs_are_those_of_the_documentation():
    assert cost("blocks", 1, 100) == Decimal("5.7")
    assert cost("transactions", 1, 100) == Decimal("11.4")
    assert cost("transactions", 1, aggregated=True) == COST_OF_SUMS == 16
    assert cost("blocks", 1, aggregated=True) == 13
    assert cost("stats", 0) == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 450), st.sampled_from(["bitcoin", "dogecoin", "ethereum"]))
def test_a_day_comes_whole_and_costs_what_was_said(per_day, name):
    """I15: the estimate covers what is spent, and the ledger says what the API counted."""
    with serving(chain(name, per_day)) as market:
        blockchair = client(market)
        rows = blockchair.blocks(name, DAY)
        assert [row["id"] for row in rows] == list(range(1001, 1001 + per_day))
        assert {row["date"] for row in rows} == {str(DAY)}
        assert blockchair.ledger.charged == market.blockchair.spent == cost_of_blocks(per_day)
        if per_day <= 220 or name != "bitcoin":
            assert blockchair.ledger.charged <= estimate_of_blocks(name)


def test_blocks_that_arrive_meanwhile_do_not_move_the_day():
    for name, count in (("bitcoin", 144), ("dogecoin", 1440), ("ethereum", 7173)):
        with serving(chain(name, count)) as market:
            market.before = lambda request, grown=market.world.chains[name]: grown.grow()
            rows = client(market).blocks(name, DAY)
            assert [row["id"] for row in rows] == list(range(1001, 1001 + count))


def test_no_request_leaves_the_documented_bounds():
    with serving(chain("dogecoin", 1440)) as market:
        client(market).blocks("dogecoin", DAY)
        for request in market.requests:
            assert set(request.parameters) <= {"q", "s", "limit"}
            assert int(request.parameters["limit"]) <= 100


def test_more_rows_than_an_offset_reaches_come_all():
    """The ceiling of 10,100 rows a query: neither blocks nor transactions stop there."""
    with serving(chain("dogecoin", 10_500, transactions=transactions("dogecoin", 10_500))) as market:
        blockchair = client(market, per_day=None)
        assert len(blockchair.blocks("dogecoin", DAY)) == 10_500
        found = blockchair.transactions("dogecoin", DAY, 20_000)
        assert [row["hash"] for row in found] == [row["hash"] for row in market.world.chains["dogecoin"].transactions]


def test_transactions_stay_below_the_state_of_the_first_page():
    with serving(chain("bitcoin", 10, transactions=transactions("bitcoin", 350))) as market:
        blockchair = client(market)
        assert len(blockchair.transactions("bitcoin", DAY, 250)) == 250
        state = market.world.chains["bitcoin"].state
        assert all(f"block_id(..{state})" in request.parameters["q"] for request in market.requests[1:])
        assert blockchair.ledger.charged <= cost_of_transactions(250)


def test_a_reorganisation_of_the_day_while_it_is_read_is_noticed():
    with serving(chain("bitcoin", 250)) as market:
        before = market.world.chains["bitcoin"].in_heights(1101, 1101)[0]

        def move(request):
            if len(market.requests) == 4:
                before["time"] = f"{DAY + timedelta(days=1)} 00:00:00"

        market.before = move
        with pytest.raises(SourceMoved, match="bitcoin changed while 2024-01-02"):
            client(market).blocks("bitcoin", DAY)


def test_a_height_with_a_neighbours_time_belongs_to_the_range_and_not_to_the_day():
    """Miners' clocks differ: around midnight, times and heights need not have the same order."""
    with serving(chain("bitcoin", 20)) as market:
        early = market.world.chains["bitcoin"].in_heights(1002, 1002)[0]
        early["time"] = f"{DAY - timedelta(days=1)} 23:59:30"
        rows = client(market).blocks("bitcoin", DAY)
        assert [row["id"] for row in rows] == list(range(1001, 1021))


def test_a_day_that_is_not_over_at_the_source_waits():
    with serving(chain("bitcoin", 20, after=0)) as market, pytest.raises(DayIncomplete, match="2024-01-02"):
        client(market).blocks("bitcoin", DAY)
    with serving(chain("bitcoin", 20)) as market, pytest.raises(DayIncomplete):
        client(market).blocks("bitcoin", DAY + timedelta(days=7))


def test_a_day_larger_than_what_is_left_stops_before_its_pages():
    with serving(chain("bitcoin", 900)) as market:
        with pytest.raises(QuotaSpent, match=r"bitcoin on 2024-01-02 takes up to 51\.3 request units; 24\.0 .* left"):
            client(market, per_day=Decimal(30)).blocks("bitcoin", DAY)
        assert len(market.requests) == 2


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 60), st.integers(1, 600))
def test_no_more_is_spent_than_the_day_allows(units, per_day):
    with serving(chain("bitcoin", per_day), units=Decimal(units)) as market:
        blockchair = client(market, per_day=Decimal(units))
        try:
            rows = blockchair.blocks("bitcoin", DAY)
        except QuotaSpent:
            assert blockchair.ledger.total <= units
        else:
            assert len(rows) == per_day
            assert blockchair.ledger.total <= units


@pytest.mark.parametrize("code", [402, 436, 437])
@pytest.mark.parametrize("status", [200, None])
def test_a_spent_quota_stops_until_midnight_whatever_the_status(code, status, database):
    clock = DayClock()
    with serving(chain("bitcoin", 5)) as market:
        market.faults.append(Fault("bitcoin/blocks", *failure(code, "spent", status)))
        ledger = UnitLedger(database, "Blockchair", Decimal(1440), clock)
        blockchair = Blockchair(ledger, clock, root=market.blockchair_root)
        with pytest.raises(QuotaSpent, match="00:00 UTC"):
            blockchair.blocks("bitcoin", DAY)
        assert ledger.rest() == 0
        with pytest.raises(QuotaSpent):
            ledger.require(Decimal(1), "anything")
        assert len(market.requests) == 1
        clock.moment += timedelta(days=1)
        assert ledger.rest() == 1440


@pytest.mark.parametrize("code", [430, 434])
def test_a_block_stops_at_once_and_alerts(code):
    with serving(chain("bitcoin", 5)) as market:
        market.faults.append(Fault("bitcoin", *failure(code, "blocked")))
        with pytest.raises(SourceRefused, match="blocked this caller"):
            client(market).stats("bitcoin")
        assert len(market.requests) == 1


@pytest.mark.parametrize("code", [429, 435, 500, 503])
@pytest.mark.parametrize("status", [200, None])
def test_a_pause_helps_and_costs_nothing(code, status):
    with serving(chain("bitcoin", 5)) as market:
        market.faults.append(Fault("bitcoin", *failure(code, "later", status)))
        blockchair = client(market)
        assert blockchair.stats("bitcoin")["blocks"] == 1009
        assert blockchair.ledger.charged == market.blockchair.spent == 1
        assert len(market.requests) == 2


def test_an_outage_is_named_and_the_key_is_not():
    with serving(chain("bitcoin", 5)) as market:
        market.faults.append(Fault("", 503, "down", times=99))
        with pytest.raises(SourceUnavailable) as caught:
            client(market, key=SECRET).blocks("bitcoin", DAY)
        assert "bitcoin/blocks?q=time(2024-01-02)" in str(caught.value)
        assert SECRET not in str(caught.value)
        assert market.requests[0].parameters["key"] == SECRET
        assert SECRET not in repr(client(market, key=SECRET).http)


def test_a_refused_request_does_not_show_the_key():
    with serving() as market, pytest.raises(SourceRefused, match="nochain/stats") as caught:
        client(market, key=SECRET).stats("nochain")
    assert SECRET not in str(caught.value)


def test_rows_are_a_list_or_no_rows():
    with serving(chain("bitcoin", 5)) as market:
        body = {"data": {"1001": {}}, "context": {"code": 200, "state": 2000, "total_rows": 1}}
        market.faults.append(Fault("blocks", 200, body))
        with pytest.raises(InvalidAnswer, match="dict, not a list"):
            client(market).blocks("bitcoin", DAY)


def test_the_sums_of_a_day_are_of_that_day():
    with serving(chain("bitcoin", 5, transactions=transactions("bitcoin", 30))) as market:
        state, sums = client(market).sums("bitcoin", DAY, ["fee", "fee_usd", "output_total_usd"])
        assert (state, sums["count()"], sums["sum(fee)"]) == (1008, 30, 30_000)
        with pytest.raises(InvalidAnswer, match="0 rows"):
            client(market).sums("bitcoin", DAY + timedelta(days=1), ["fee"])


def test_the_standin_refuses_what_the_documentation_does_not_know():
    with serving(chain("bitcoin", 5)) as market:
        blockchair = client(market)
        for parameters in ({"date": "2024-01-02"}, {"limit": 1000}, {"offset": 10_001}, {"q": "size(1)"}):
            with pytest.raises(SourceRefused, match="400"):
                blockchair.http.get(
                    "bitcoin/blocks",
                    parameters,
                    lambda answer: blockchair._judge(answer, "x", Decimal(0)),
                )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.decimals(0, 60, places=1), max_size=12))
def test_the_shared_counter_never_exceeds_the_day(database, charges):
    clock = DayClock()
    one, other = (UnitLedger(database, "Blockchair", Decimal(100), clock) for _ in range(2))
    one.refund(one.spent())
    for at, units in enumerate(charges):
        before = one.spent()
        try:
            (one, other)[at % 2].charge(units)
            assert one.spent() == other.spent() == before + units
        except QuotaSpent:
            assert before + units > 100
            assert one.spent() == before
        assert one.spent() <= 100


def test_a_server_error_is_no_spent_unit():
    with serving(chain("bitcoin", 5)) as market:
        market.faults.append(replace(Fault("bitcoin", 500), times=99))
        blockchair = client(market)
        with pytest.raises(SourceUnavailable):
            blockchair.stats("bitcoin")
        assert blockchair.ledger.charged == 0


def told(cost, code=200, data=()):
    return {"data": list(data), "context": {"code": code, "state": 2000, "total_rows": 0, "request_cost": cost}}


@pytest.mark.parametrize(
    ("cost", "counted"),
    [(30, 30), ("30", 30), (Decimal("30.5"), Decimal("30.5")), (0, 0), (1, 1)]
    + [(senseless, 1) for senseless in (None, -1, "x", "", [], {}, True, 10**9, "1e99", "NaN", "9" * 500)],
)
def test_what_an_answer_says_of_its_price_counts(cost, counted, caplog):
    with serving(chain("bitcoin", 5)) as market:
        market.faults.append(Fault("stats", 200, told(cost) | {"data": {"blocks": 7}}))
        blockchair = client(market)
        blockchair.stats("bitcoin")
        assert blockchair.units == blockchair.ledger.total == counted
        assert ("its own word counts" in caplog.text) == (counted != 1)


@pytest.mark.parametrize(("code", "error"), [(402, QuotaSpent), (430, SourceRefused), (400, SourceRefused)])
def test_a_refusal_that_says_what_it_cost_is_charged(code, error):
    for price, counted in ((3, 3), (None, 0)):
        with serving(chain("bitcoin", 5)) as market:
            market.faults.append(Fault("stats", code, told(price, code)))
            blockchair = client(market)
            with pytest.raises(error):
                blockchair.stats("bitcoin")
            assert blockchair.units == counted
    with serving(chain("bitcoin", 5)) as market:
        market.faults += [Fault("stats", 429, told(2, 429)), Fault("stats", 503, told(None, 503))]
        blockchair = client(market)
        blockchair.stats("bitcoin")
        assert blockchair.units == 2 + 1


def test_what_the_source_has_taken_is_counted_beyond_the_days_units(database):
    clock = DayClock()
    ledger = UnitLedger(database, "Blockchair", Decimal(10), clock)
    ledger.charge(Decimal(8))
    ledger.refund(Decimal(-22))
    assert (ledger.spent(), ledger.rest(), ledger.charged) == (30, 0, 30)
    with pytest.raises(QuotaSpent):
        ledger.charge(Decimal(1))


def test_an_answer_after_midnight_corrects_the_day_that_its_request_was_charged_to(database):
    clock = DayClock()
    ledger = UnitLedger(database, "Blockchair", Decimal(1440), clock)
    ledger.charge(Decimal(16))
    clock.moment += timedelta(days=1)
    other = UnitLedger(database, "Blockchair", Decimal(1440), clock)
    other.charge(Decimal(1))
    ledger.refund(Decimal(16))
    assert other.spent() == 1


def test_units_said_to_be_spent_are_those_of_the_day_that_the_request_was_made_on(database):
    clock = DayClock()
    ledger, other = (UnitLedger(database, "Blockchair", Decimal(1440), clock) for _ in range(2))
    ledger.charge(Decimal(16))
    clock.moment += timedelta(days=1)
    other.charge(Decimal(1))
    ledger.exhaust()
    assert other.rest() == 1439
    clock.moment -= timedelta(days=1)
    assert other.rest() == 0


@pytest.mark.parametrize("row", [[1], "x", None, 7])
@pytest.mark.parametrize("table", ["blocks", "transactions"])
def test_rows_that_are_none_are_told(row, table):
    with serving(chain("bitcoin", 5)) as market:
        market.faults.append(Fault(table, 200, told(1, data=[row])))
        with pytest.raises(InvalidAnswer, match=f"bitcoin/{table}.* is a list of {type(row).__name__}"):
            client(market).blocks("bitcoin", DAY) if table == "blocks" else client(market).sums("bitcoin", DAY, ["fee"])


ODD = [None, "x", "", -1, 1.5, True, [], {}, 2**63, "9" * 30, "1e3", "\u0661"]


@pytest.mark.parametrize("value", ODD, ids=str)
def test_a_height_or_number_that_is_none_is_told(value):
    for body in ({"id": value, "time": f"{DAY} 00:00:01"}, {"time": f"{DAY} 00:00:01"}):
        with serving(chain("bitcoin", 5)) as market:
            answer = told(1, data=[body])
            answer["context"]["total_rows"] = 1
            market.faults.append(Fault("blocks", 200, answer, times=9))
            with pytest.raises(InvalidAnswer, match="bitcoin on 2024-01-02 holds .* in id"):
                client(market).blocks("bitcoin", DAY)
            market.faults.append(Fault("transactions", 200, answer))
            with pytest.raises(InvalidAnswer, match="bitcoin on 2024-01-02 holds .* in id"):
                client(market).transactions("bitcoin", DAY, 5)


@pytest.mark.parametrize(
    "value", [None, 7, "noon", [], "9999-12-31T23:59:59-23:59", "2" * 500], ids=lambda v: str(v)[:30]
)
def test_a_time_that_is_none_is_told(value):
    with serving(chain("bitcoin", 5)) as market:
        market.world.chains["bitcoin"].in_heights(1002, 1002)[0]["time"] = value

        def keep(request):
            if "id(1001..1005)" in request.parameters.get("q", ""):
                page = market.world.chains["bitcoin"].in_heights(1001, 1005)
                answer = told(1, data=page)
                answer["context"]["total_rows"] = 5
                market.faults.append(Fault("blocks", 200, answer))

        market.before = keep
        with pytest.raises(InvalidAnswer, match="bitcoin on 2024-01-02 holds .* in time"):
            client(market).blocks("bitcoin", DAY)


def test_a_day_whose_ends_are_far_apart_is_refused_before_its_pages():
    with serving(chain("bitcoin", 5)) as market:
        for height in (1, 4_000_000_000):
            answer = told(1, data=[{"id": height, "time": f"{DAY} 12:00:00"}])
            answer["context"] |= {"total_rows": 1, "state": 2**62}
            market.faults.append(Fault("blocks", 200, answer))
        with pytest.raises(InvalidAnswer, match="from height 1 to 4000000000"):
            client(market, per_day=None).blocks("bitcoin", DAY)
        assert len(market.requests) == 2


def test_sums_come_by_the_sorts_that_are_asked_for():
    with serving(chain("ethereum", 5)) as market:
        state, found = client(market).sums_by(("type", "failed"), "ethereum", DAY, ["fee"])
        assert (state, [row["type"] for row in found]) == (1008, ["call"])
        assert market.requests[-1].parameters["a"] == "date,type,failed,count(),sum(fee)"


@pytest.mark.parametrize("field", ["total_rows", "state"])
@pytest.mark.parametrize("value", ["absent", None, "many", 1.5, [], True])
def test_an_answer_that_does_not_tell_what_pages_are_measured_by_is_refused(field, value):
    """Taken for 0, it was a day that is not over, or a chain that changed: told to run again, for ever."""

    def without(request):
        if "a" not in request.parameters:
            _, answer = market.blockchair.answer(request.path.split("/blockchair/")[-1], request.parameters)
            answer["context"] |= {field: value}
            if value == "absent":
                del answer["context"][field]
            market.faults.append(Fault("bitcoin/", 200, answer))

    with serving(chain("bitcoin", 5, transactions=transactions("bitcoin", 7))) as market:
        market.before = without
        for ask in (
            lambda: client(market).blocks("bitcoin", DAY),
            lambda: client(market).transactions("bitcoin", DAY, 5),
        ):
            with pytest.raises(InvalidAnswer, match=f"tells no {field}"):
                ask()
