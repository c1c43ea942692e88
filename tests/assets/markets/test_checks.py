"""The checks find what they are there for: late sources, holes, sums that disagree, chains nobody follows."""

import dagster as dg
import pytest

from assets.markets.checks import CHECKS
from assets.markets.models import markets_chains, markets_dimensions
from schedules.markets import ROOM
from tests.assets.markets.conftest import PRICES
from tests.standins.markets import DAY
from tests.standins.runs import QUIET


@pytest.mark.parametrize(
    ("hours", "passed", "severity"),
    [(25, True, None), (27, False, "WARN"), (51, False, "ERROR"), (None, False, "ERROR")],
)
def test_a_source_is_late_after_26_hours_and_too_late_after_50(markets, hours, passed, severity):
    if hours:
        markets.run(PRICES, DAY)
        with markets.database.transaction() as connection:
            connection.execute("UPDATE raw.market_daily SET last_seen_at = now() - make_interval(hours => %s)", [hours])
    check = CHECKS[0]
    result = dg.materialize(
        [*ROOM.assets, check],
        selection=dg.AssetSelection.checks(check),
        resources=markets.resources(),
        instance=markets.instance,
        run_config=QUIET,
    )
    (evaluation,) = result.get_asset_check_evaluations()
    assert evaluation.passed == passed
    assert passed or evaluation.severity.value == severity


@pytest.mark.slow
def test_wrong_chain_facts_are_found(markets):
    """Equal heights of several chains pass; a hole, a count that disagrees and an unknown chain do not."""

    def failed(change=None):
        if change:
            with markets.database.transaction() as connection:
                connection.execute(change)
        result = markets.build(markets_chains, DAY, expect_success=change is None)
        evaluations = result.get_asset_check_evaluations()
        return {check.check_name for check in evaluations if not check.passed} - {"usual_number_of_blocks"}

    markets.at(DAY, hour=7).fetch_chains(DAY)
    markets.build(markets_dimensions)
    assert failed() == set()
    assert failed("UPDATE raw.blocks SET transaction_count = 5 WHERE chain = 'bitcoin' AND height = 1005") == {
        "transactions_of_blocks_are_those_of_the_day"
    }
    assert failed("DELETE FROM raw.blocks WHERE chain = 'dogecoin' AND height = 1005") == {"heights_are_contiguous"}
    found = failed("UPDATE raw.tx_daily_aggregate SET chain = 'litecoin', fee = -1 WHERE chain = 'ethereum'")
    assert "daily_fees_not_negative" in found
    assert [name for name in found if name.startswith("accepted_values_stg_blockchair__tx_daily_chain")]
