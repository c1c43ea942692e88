"""Runs beside each other: one load at a time for each Carto account, and no account waits for another."""

import threading
import time

import dagster as dg
from dagster._core.execution.plan import instance_concurrency_context

from assets.databridge.factory import assets_of
from resources.databridge import DatabridgeResource

TABLE, OTHER = "databridge/ppr/bench_inventory", "knack/carto_gsg/ppr/classes"
POOL = "carto_carto_phl"
POOLS = {"concurrency": {"pools": {"default_limit": 1, "granularity": "op"}}}


def test_a_load_waits_for_another_of_its_account_and_other_accounts_go_on(bridge, home, monkeypatch):
    monkeypatch.setattr(DatabridgeResource, "connections", lambda self: bridge.connections)
    monkeypatch.setattr(DatabridgeResource, "store", lambda self: bridge.store)
    monkeypatch.setattr(instance_concurrency_context, "MAX_CONCURRENCY_CLAIM_BLOCKED_INTERVAL", 0.1)
    production = bridge.world.accounts["carto-prod"]
    with dg.instance_for_test(overrides=POOLS) as instance:
        storage, before_it_ended = instance.event_log_storage, []

        def run(name):
            resources = {"databridge": DatabridgeResource()}
            return dg.materialize(assets_of(bridge.tables[name]), resources=resources, instance=instance).success

        def end_the_other_load():
            deadline = time.monotonic() + 60
            while not storage.get_concurrency_info(POOL).pending_step_count and time.monotonic() < deadline:
                time.sleep(0.05)
            before_it_ended.extend(production.statements)
            before_it_ended.append(storage.get_concurrency_info(POOL).pending_step_count)
            storage.free_concurrency_slots_for_run("another run")

        storage.initialize_concurrency_limit_to_default(POOL)
        assert storage.claim_concurrency_slot(POOL, "another run", "its load").is_claimed
        assert run(OTHER)
        ending = threading.Thread(target=end_the_other_load, daemon=True)
        ending.start()
        assert run(TABLE)
        ending.join(60)
    assert before_it_ended == [1]
    assert bridge.live("SELECT count(*) FROM bench_inventory") == [(60,)]
