"""The Stacks node's database for tests, and what its rows amount to when they are counted one by one.

The counting is slow and knows no SQL: it is what the statements are compared with.
"""

import csv
import gzip
import json
import uuid
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest

from core.windows import day_of
from resources.clients.postgres.database import Postgres
from resources.clients.stacks.indexer import Indexer
from sandbox.stacks import indexer as sandbox
from tests.standins.captured import DATA

REAL = DATA / "stacks"
SETS = ("mainnet_2021_01_to_height_30", "mainnet_2023_05_to_height_4", "testnet_nakamoto_to_height_25")
needs_real_rows = pytest.mark.skipif(not REAL.is_dir(), reason="the real rows are not beside the project")


@contextmanager
def indexer_of(server, chain):
    """An indexer's database with a chain, read as the role that only reads; also the connection of its owner."""
    with own_database(server) as address, psycopg.connect(**address.parameters(), autocommit=True) as owner:
        sandbox.install(owner, chain)
        yield reader(address), owner


@contextmanager
def indexer_of_files(server, name):
    """The same with the real rows of a folder."""
    with own_database(server) as address, psycopg.connect(**address.parameters(), autocommit=True) as owner:
        with owner.transaction():
            sandbox.create(owner)
        for path in sorted((REAL / name).glob("*.csv.gz")):
            with gzip.open(path, "rt") as file:
                header, table = file.readline().strip(), path.name.removesuffix(".csv.gz")
                with owner.cursor().copy(
                    f"COPY {sandbox.SCHEMA}.{table} ({header}) FROM STDIN WITH (FORMAT csv)"
                ) as copy:
                    copy.write(file.read())
        yield reader(address), owner


@contextmanager
def own_database(server):
    name = f"stacks_{uuid.uuid4().hex}"
    with psycopg.connect(**server.parameters(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield replace(server, database=name)
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def reader(address):
    return Indexer(replace(address, user=sandbox.READER), sandbox.SCHEMA, 60)


def fresh(server):
    """Another empty database of the house."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(**server.parameters(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return Postgres(replace(server, database=name))


_NUMBERS = {"block_height", "burn_block_time", "asset_event_type_id", "amount", "fee_rate", "mature_block_height"}
_NUMBERS |= {"coinbase_amount", "tx_fees_anchored", "tx_fees_streamed_confirmed", "tx_fees_streamed_produced"}


def real_tables(name):
    """The real rows as the sandbox makes rows: numbers, booleans, None."""
    tables = {}
    for path in sorted((REAL / name).glob("*.csv.gz")):
        with gzip.open(path, "rt", newline="") as file:
            tables[path.name.removesuffix(".csv.gz")] = [
                {column: _value(column, text) for column, text in row.items()} for row in csv.DictReader(file)
            ]
    return tables


def _value(column, text):
    if text in {"t", "f"} and (column.endswith("canonical") or column == "sponsored"):
        return text == "t"
    if text == "":
        return None
    return int(text) if column in _NUMBERS else text


def expected(name):
    return json.loads((REAL / name / "expected.json").read_text())


def counts(row):
    return row["canonical"] and row.get("microblock_canonical", True)


def transactions_by_day(tables):
    """Canonical and all."""
    canonical, legacy = Counter(), Counter()
    for tx in tables["txs"]:
        day = day_of(tx["burn_block_time"])
        legacy[day] += 1
        canonical[day] += counts(tx)
    return canonical, legacy


def addresses_by_day(tables):
    """Sets of principals, canonical and legacy."""
    canonical, legacy, heights = defaultdict(set), defaultdict(set), defaultdict(list)
    blocks = {}
    for block in tables["blocks"]:
        heights[day_of(block["burn_block_time"])].append(block["block_height"])
        if block["canonical"]:
            blocks[block["index_block_hash"]] = day_of(block["burn_block_time"])
    for event in tables["stx_events"]:
        parties = {party for party in (event["sender"], event["recipient"]) if party}
        if counts(event) and event["index_block_hash"] in blocks:
            canonical[blocks[event["index_block_hash"]]] |= parties
        for day, of_day in heights.items():
            if min(of_day) <= event["block_height"] <= max(of_day):
                legacy[day] |= parties
    return canonical, legacy


def balances_at(tables, height):
    """µSTX of each principal, by going through everything that happened."""
    held = Counter()
    for event in tables["stx_events"]:
        if counts(event) and event["block_height"] <= height:
            if event["recipient"]:
                held[event["recipient"]] += event["amount"]
            if event["sender"]:
                held[event["sender"]] -= event["amount"]
    for tx in tables["txs"]:
        if counts(tx) and tx["block_height"] <= height:
            held[tx["sponsor_address"] if tx["sponsored"] else tx["sender_address"]] -= tx["fee_rate"]
    for reward in tables.get("miner_rewards", []):
        if reward["canonical"] and reward["mature_block_height"] <= height:
            held[reward["recipient"]] += sum(
                reward[part]
                for part in (
                    "coinbase_amount",
                    "tx_fees_anchored",
                    "tx_fees_streamed_confirmed",
                    "tx_fees_streamed_produced",
                )
            )
    return {who: amount for who, amount in held.items() if amount}


def height_at_end(tables, day):
    """The highest canonical block of the day or of one before."""
    found = [
        block["block_height"]
        for block in tables["blocks"]
        if block["canonical"] and day_of(block["burn_block_time"]) <= day
    ]
    return max(found, default=-1)
