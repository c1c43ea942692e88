"""What Blockchair writes otherwise for account chains, holes between days, and items that fail alone."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest

from assets.markets import extract_chains
from assets.markets.extract_chains import ChainDay
from assets.markets.fields import as_declared
from assets.markets.tables import BLOCKS, CHAIN_STATS, TRANSACTIONS
from core.errors import (
    InvalidAnswer,
    QuotaSpent,
    SourceInconsistent,
    SourceMoved,
    SourceRefused,
    SourceUnavailable,
)

DAY = date(2024, 1, 2)
ONE = timedelta(days=1)
NOW = datetime(2024, 1, 3, 1, tzinfo=UTC)
SIX_HOURS = timedelta(hours=6)
HASH = "9021e2084217939053c8478c393a44f2f6b7dd11023e6e5887d2001d950f1031"


class Chains:
    """Answers given beforehand, by chain or by chain and day; an exception is raised. ``asked`` is what was asked."""

    requests, units = 1, Decimal(0)

    def __init__(self, answers):
        self.answers, self.asked = answers, []
        self.http = SimpleNamespace(address=lambda path: path)
        self.ledger = SimpleNamespace(require=lambda units, what: self.asked.append(units))

    def _answer(self, *key):
        self.asked.append(key)
        found = self.answers[key] if key in self.answers else self.answers[key[0]]
        if isinstance(found, Exception):
            raise found
        return found

    def blocks(self, chain, day):
        return self._answer(chain, day)

    def transactions(self, chain, day, most):
        return self._answer(chain, day)

    def stats(self, chain):
        return self._answer(chain)

    def sums_by(self, sorts, chain, day, fields):
        return 7, self._answer(chain, day)

    def require_blocks(self, chains, what):
        pass

    def require_transactions(self, most, days, what):
        pass

    def address_of(self, chain, table, day):
        return f"{chain}/{table}"


def parts(*pairs):
    return {f"{chain}|{day}": ChainDay(chain, day) for chain, day in pairs}


def nothing_unsettled(chain, days):
    return []


def sums(rows, chain="ethereum", unsettled=nothing_unsettled, now=NOW):
    source = Chains({chain: rows})
    ((_, batch),) = extract_chains.tx_daily_aggregate(source, parts((chain, DAY)), now, SIX_HOURS, unsettled)
    return source, {row["day"]: row for row in batch.rows}


def sort(type_, failed, count, value, fee="10"):
    return {
        "date": "2024-01-02", "type": type_, "failed": failed, "count()": count,
        "sum(value)": value, "sum(value_usd)": value, "sum(fee)": fee, "sum(fee_usd)": fee,
    }  # fmt: skip


CALLS = [sort("call", False, 1, "500000000000000000"), sort("call", True, 1, "500000000000000000")]
REWARD = sort("synthetic_coinbase", False, 1, "2000000000000000000", None)


@pytest.mark.parametrize("failed", [lambda value: value, int, lambda value: str(int(value))])
@pytest.mark.parametrize("rewards", [[], [REWARD], [REWARD, REWARD | {"failed": None}]])
def test_rewards_are_no_transactions_and_failed_ones_moved_nothing(failed, rewards):
    _, found = sums([row | {"failed": failed(row["failed"])} for row in CALLS] + rewards)
    row = found[DAY]
    assert (row["tx_count"], row["transferred"], row["transferred_usd"]) == (2, 5 * 10**17, 5 * 10**17)
    assert (row["fee"], row["fee_usd"]) == (20, 20)


def test_sums_of_which_a_part_is_unknown_are_unknown():
    _, found = sums([CALLS[0], CALLS[1] | {"sum(fee)": None}, sort("create", False, 3, None)])
    assert (found[DAY]["tx_count"], found[DAY]["fee"], found[DAY]["transferred"]) == (5, None, None)


@pytest.mark.parametrize("row", [{"type": None}, {"type": 7}, {"failed": None}, {"failed": "maybe"}, {"count()": []}])
def test_sums_that_do_not_tell_their_sort_are_refused(row):
    with pytest.raises(InvalidAnswer, match="sums of ethereum for 2024-01-02"):
        sums([CALLS[0] | row])


@pytest.mark.parametrize("left", [{"count()", "sum(value)", "sum(fee)", "date"}, {"count()", "date"}])
def test_sums_of_an_account_chain_that_came_ungrouped_are_refused(left):
    """A source that passes over the grouping adds rewards and failures up with the rest."""
    with pytest.raises(InvalidAnswer, match="do not tell their sort"):
        sums([{name: value for name, value in CALLS[0].items() if name in left}])


def test_the_other_chains_have_one_sort():
    row = {"date": "2024-01-02", "count()": 3, "sum(fee)": 5, "sum(fee_usd)": 1, "sum(output_total)": 9}
    _, found = sums([row], "bitcoin")
    assert (found[DAY]["tx_count"], found[DAY]["transferred"], found[DAY]["transferred_usd"]) == (3, 9, None)


def test_sums_asked_too_early_are_asked_again_by_the_next_night():
    seen = []

    def unsettled(chain, days):
        seen.append((chain, days))
        return [DAY - ONE]

    source, found = sums(CALLS, unsettled=unsettled)
    assert seen == [("ethereum", [DAY - back * ONE for back in (1, 2, 3)])]
    assert source.asked[0] == 32  # units for both days are asked for before the first request
    assert {day: row["is_final"] for day, row in found.items()} == {DAY: False, DAY - ONE: True}
    # A run of an older day asks for that day alone.
    source, found = sums(CALLS, unsettled=unsettled, now=NOW + 5 * ONE)
    assert (len(seen), set(found)) == (1, {DAY})


@pytest.mark.parametrize("failing", [DAY, DAY - ONE])
@pytest.mark.parametrize("failure", [InvalidAnswer("odd"), SourceUnavailable("down")])
def test_a_day_asked_again_and_the_night_that_asks_take_each_other_not_with_them(failing, failure):
    bitcoin = {"count()": 3, "sum(fee)": 5, "sum(fee_usd)": 1, "sum(output_total)": 9, "sum(output_total_usd)": 1}
    source = Chains({("bitcoin", day): [bitcoin] for day in (DAY, DAY - ONE)})
    source.answers["bitcoin", failing] = failure
    found, one = [], parts(("bitcoin", DAY))
    with pytest.raises(type(failure), match=str(failure)):
        found.extend(extract_chains.tx_daily_aggregate(source, one, NOW, SIX_HOURS, lambda chain, days: days[:1]))
    assert {row["day"] for _, batch in found for row in batch.rows} == {DAY, DAY - ONE} - {failing}


@pytest.mark.parametrize("failure", [QuotaSpent("spent"), SourceRefused("blocked")])
def test_what_was_paid_for_before_the_units_were_spent_is_kept(failure):
    source = Chains({("ethereum", DAY): CALLS, ("ethereum", DAY - ONE): failure})
    found = []
    with pytest.raises(type(failure)):
        found.extend(
            extract_chains.tx_daily_aggregate(
                source, parts(("ethereum", DAY), ("bitcoin", DAY)), NOW, SIX_HOURS, lambda chain, days: days[:2]
            )
        )
    assert [row["day"] for _, batch in found for row in batch.rows] == [DAY]
    assert ("ethereum", DAY - 2 * ONE) not in source.asked
    assert ("bitcoin", DAY) not in source.asked


def test_the_last_time_that_sums_are_asked_again_is_told(caplog):
    sums(CALLS, unsettled=lambda chain, days: [days[-1]])
    assert "the sums of ethereum on 2023-12-30 are asked for once more" in caplog.text


# Answers of each chain with the fields that Blockchair's documentation gives it.
BITCOIN_STATS = {
    "best_block_time": "2022-10-22 10:04:47", "best_block_height": 759_900, "best_block_hash": HASH, "difficulty": 1,
    "hashrate_24h": "1", "circulation": 1_917_000_000_000_000, "blocks_24h": 144, "transactions_24h": 1,
    "mempool_transactions": 1, "market_price_usd": 1, "market_dominance_percentage": 1,
}  # fmt: skip
ETHEREUM_STATS = {name: value for name, value in BITCOIN_STATS.items() if name != "circulation"} | {
    "circulation_approximate": "122375301624480000000000000"
}
ETHEREUM_BLOCK = {
    "id": 11_440_000, "hash": f"0x{HASH}", "date": "2024-01-02", "time": "2024-01-02 00:00:05", "size": 1,
    "miner": "0xab", "difficulty": 1, "gas_used": 1, "gas_limit": 1, "uncle_count": 0, "transaction_count": 2,
    "fee_total": "1", "synthetic_transaction_count": 1, "generation": "1", "reward": "1",
}  # fmt: skip
ETHEREUM_TRANSACTION = {
    "block_id": 11_440_000, "id": 1, "index": 0, "hash": f"0x{HASH}", "date": "2024-01-02",
    "time": "2024-01-02 00:00:05", "failed": False, "type": "call", "sender": "0xab", "recipient": "0xab",
    "call_count": 1, "value": "5", "value_usd": 5,
    "internal_value": "5", "internal_value_usd": 5, "fee": "1", "fee_usd": 1, "gas_used": 1, "gas_limit": 1,
}  # fmt: skip
# What account chains do not have; no other column may be null in such an answer.
NOT_OF_ACCOUNTS = {
    BLOCKS.name: {"weight", "input_count", "output_count"},
    TRANSACTIONS.name: {"size", "input_count", "output_count", "block_hash"},
    CHAIN_STATS.name: set(),
}


@pytest.mark.parametrize(
    ("table", "chain", "answer"),
    [
        (CHAIN_STATS, "bitcoin", BITCOIN_STATS),
        (CHAIN_STATS, "ethereum", ETHEREUM_STATS),
        (BLOCKS, "ethereum", ETHEREUM_BLOCK),
        (TRANSACTIONS, "ethereum", ETHEREUM_TRANSACTION),
    ],
)
def test_no_column_is_null_that_the_source_knows(table, chain, answer):
    told = as_declared(table, chain, answer)
    absent = NOT_OF_ACCOUNTS[table.name] if chain == "ethereum" else set()
    null = {column.name for column in table.columns if column.source and told.get(column.source) is None}
    assert null <= absent


@pytest.mark.parametrize("written", [HASH, f"0x{HASH}"])
def test_hashes_of_account_chains_begin_with_0x_in_every_table(written):
    for table, answer, field in (
        (CHAIN_STATS, ETHEREUM_STATS, "best_block_hash"),
        (BLOCKS, ETHEREUM_BLOCK, "hash"),
        (TRANSACTIONS, ETHEREUM_TRANSACTION, "hash"),
    ):
        assert as_declared(table, "ethereum", answer | {field: written})[field] == f"0x{HASH}"
        assert as_declared(table, "bitcoin", answer | {field: written})[field] == written


def test_the_answer_of_october_2022():
    source = Chains({"ethereum": ETHEREUM_STATS})
    ((_, batch),) = extract_chains.chain_stats(source, ["ethereum"])
    (row,) = batch.rows
    assert row["circulation"] == 122375301624480000000000000
    assert row["best_block_hash"] == f"0x{HASH}"


def test_rewards_among_single_transactions_are_left_out_and_counted():
    reward = ETHEREUM_TRANSACTION | {"type": "synthetic_coinbase", "hash": None, "fee": None}
    source = Chains({"ethereum": [ETHEREUM_TRANSACTION, reward, reward]})
    one = parts(("ethereum", DAY))
    ((_, batch),) = extract_chains.transactions(source, one, 10, lambda chain, heights: {11_440_000: "0xcd"})
    (row,) = batch.rows
    assert (row["output_total"], row["is_coinbase"], row["failed"], row["block_hash"]) == (5, False, False, "0xcd")
    assert (batch.seen, batch.rejected) == (3, {extract_chains.NO_TRANSACTIONS: 2})


def block(height, day=DAY):
    return {"id": height, "hash": str(height), "time": f"{day} 12:00:00"}


def joined(heights, loaded, day=DAY):
    source = Chains({"bitcoin": [block(height, day) for height in heights]})
    return list(extract_chains.blocks(source, parts(("bitcoin", day)), lambda chain, day: loaded))


@pytest.mark.parametrize(
    ("heights", "loaded", "hole"),
    [
        ((1006, 1007), {DAY - ONE: (1001, 1003)}, "1004 to 1005"),
        ((1001, 1003), {DAY + ONE: (1006, 1008)}, "1004 to 1005"),
        ((1005, 1006), {DAY - ONE: (1001, 1003)}, "1004 to 1004"),
        ((1005, 1006), {DAY - ONE: (1001, 1003), DAY: (1005, 1006)}, "1004 to 1004"),
    ],
)
def test_heights_missing_between_two_days_are_named(heights, loaded, hole):
    with pytest.raises(SourceInconsistent, match=f"bitcoin has heights {hole}"):
        joined(range(heights[0], heights[1] + 1), loaded)


@pytest.mark.parametrize(
    "loaded",
    [
        {},
        {DAY - ONE: (990, 1000)},
        {DAY + ONE: (1004, 1010)},
        # Around midnight, times and heights need not have the same order.
        {DAY - ONE: (990, 1002), DAY + ONE: (1002, 1010)},
        # What is loaded again comes nearer to its neighbour than it was: a part of a hole is mended.
        {DAY - ONE: (990, 999), DAY: (1002, 1003)},
        {DAY + ONE: (1006, 1010), DAY: (1001, 1002)},
    ],
)
def test_days_that_join_are_taken(loaded):
    ((_, batch),) = joined([1001, 1002, 1003], loaded)
    assert len(batch.rows) == 3


FAILURES = [InvalidAnswer("odd"), SourceMoved("moved"), SourceUnavailable("down"), SourceInconsistent("torn")]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda error: type(error).__name__)
def test_a_chain_or_day_that_fails_takes_no_other_with_it(failure):
    days = [DAY - 2 * ONE, DAY - ONE, DAY]
    wanted = parts(*(("bitcoin", day) for day in days))
    source = Chains({("bitcoin", day): [block(1000 + at, day)] for at, day in enumerate(days)})
    source.answers["bitcoin", DAY - ONE] = failure
    found = []
    with pytest.raises(type(failure), match=str(failure)):
        found.extend(extract_chains.blocks(source, wanted, lambda chain, day: {}))
    assert [key for key, _ in found] == [f"bitcoin|{DAY - 2 * ONE}", f"bitcoin|{DAY}"]

    source = Chains({"bitcoin": failure, "ethereum": ETHEREUM_STATS})
    found = []
    with pytest.raises(type(failure), match=str(failure)):
        found.extend(extract_chains.chain_stats(source, ["bitcoin", "ethereum"]))
    assert [row["chain"] for _, batch in found for row in batch.rows] == ["ethereum"]


@pytest.mark.parametrize("failure", [QuotaSpent("spent"), SourceRefused("blocked")])
def test_a_spent_quota_or_a_block_is_told_at_once(failure):
    source = Chains({"bitcoin": BITCOIN_STATS, "dogecoin": failure, "ethereum": ETHEREUM_STATS})
    found = []
    with pytest.raises(type(failure), match=str(failure)):
        found.extend(extract_chains.chain_stats(source, ["bitcoin", "dogecoin", "ethereum"]))
    assert [row["chain"] for _, batch in found for row in batch.rows] == ["bitcoin"]
    assert ("ethereum",) not in source.asked


def test_several_failures_are_told_together_and_as_what_cannot_wait():
    source = Chains({"a": InvalidAnswer("odd"), "b": SourceUnavailable("down"), "c": QuotaSpent("spent")})
    with pytest.raises(QuotaSpent, match="odd\ndown\nspent"):
        list(extract_chains.chain_stats(source, ["a", "b", "c"]))
    source = Chains({"a": InvalidAnswer("odd"), "b": SourceUnavailable("down")})
    with pytest.raises(SourceUnavailable, match="odd\ndown"):  # which is tried again
        list(extract_chains.chain_stats(source, ["a", "b"]))
