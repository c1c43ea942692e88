"""The Stacks room's sources as one resource: the node's database, the APIs, the kept answers; locally the sandbox."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import psycopg

from core.clock import Clock
from core.errors import SettingError
from core.loopback import sslmode_for
from core.settings import coingecko, lake, stacks
from core.settings.base import revealed
from resources.clients.http.api import HttpApi
from resources.clients.lake.objects import PublishedObjects
from resources.clients.lake.store_of_uri import store_for
from resources.clients.markets.coingecko import PRO_ROOT, PUBLIC_ROOT, key_headers, require_no_error
from resources.clients.postgres.connection import PostgresAddress
from resources.clients.postgres.embedded import embedded_postgres
from resources.clients.stacks.answers import RawAnswers
from resources.clients.stacks.api import AnswerApi
from resources.clients.stacks.cdn import Cdn
from resources.clients.stacks.indexer import Indexer
from resources.configured import ReadsSettings
from resources.in_force import origins
from resources.io_managers.objects import ObjectIOManager
from resources.samples import SAMPLE, sample_for
from sandbox.stacks.chain import make_chain
from sandbox.stacks.indexer import READER, SCHEMA, install
from sandbox.stacks.server import StacksServer, now_of
from sandbox.stacks.story import SAMPLE as STORY

SAMPLE_DATABASE = "stacks_sandbox"


class Sample(NamedTuple):
    """The sandbox as it runs: where its database is, its APIs, and the moment that everything in it is of."""

    database: PostgresAddress
    server: StacksServer
    now: datetime


class _SampleClock(Clock):
    def __init__(self, now: datetime):
        self._now = now

    def now(self) -> datetime:
        return self._now


class StacksResource(ReadsSettings, dg.ConfigurableResource):
    """The sources behind the ``STACKS_`` settings and ``COINGECKO_PLAN``; each field stands in for its setting."""

    db_host: str | None = None
    db_port: int | None = None
    db_database: str | None = None
    db_schema: str | None = None
    db_seconds: int | None = None
    api_url: str | None = None
    api_calls_per_minute: float | None = None
    count_mode: str | None = None
    universe: str | None = None

    def figures(self) -> stacks.Stacks:
        """The settings, for how things are counted."""
        return self.settings(stacks.Stacks)

    def indexer(self) -> Indexer:
        """The node's database."""
        given = self.figures()
        if (sample := self._sample()) is not None:
            return Indexer(sample.database, SCHEMA, given.db_seconds, role=READER)
        host, user, password = given.require("db_host", "db_user", "db_password")
        address = PostgresAddress(
            host=host,
            port=given.db_port,
            database=given.db_database,
            user=user,
            password=password.get_secret_value(),
            sslmode=given.db_sslmode or sslmode_for(host),
        )
        return Indexer(address, given.db_schema, given.db_seconds)

    def node(self) -> AnswerApi:
        """The node's and its indexer's API."""
        given, sample = self.figures(), self._sample()
        key = revealed(given.api_key)
        return self._api(
            "Stacks API",
            sample.server.root if sample else given.api_url,
            {"x-api-key": key} if key else {},
            given.api_calls_per_minute if sample is None else None,
            "STACKS_API_KEY",
        )

    def prices(self) -> AnswerApi:
        """CoinGecko."""
        if (sample := self._sample()) is not None:
            return self._api("CoinGecko", sample.server.coingecko_root, {}, None, "COINGECKO_API_KEY")
        given = self.settings(coingecko.CoinGecko)
        plan, key = str(given.require("plan")[0]), revealed(given.api_key)
        if plan == SAMPLE:
            raise SettingError(
                "COINGECKO_PLAN=sample has no prices for the node behind STACKS_DB_HOST, which are of now: set "
                "COINGECKO_PLAN=keyless, demo or pro, or leave STACKS_DB_HOST out for the sandbox."
            )
        root = given.url or (PRO_ROOT if plan == "pro" else PUBLIC_ROOT)
        return self._api(
            "CoinGecko",
            root,
            key_headers(plan, key),
            given.calls_per_minute,
            "COINGECKO_API_KEY and COINGECKO_PLAN",
            require_no_error=require_no_error,
        )

    def lunar(self) -> AnswerApi | None:
        """LunarCrush; None without a key."""
        given, sample = self.figures(), self._sample()
        key = revealed(given.lunar_key)
        root = sample.server.lunar_root if sample else given.lunar_url
        headers = {"Authorization": f"Bearer {key}"}
        return self._api("LunarCrush", root, headers, None, "STACKS_LUNAR_KEY") if key else None

    def cdn(self) -> Cdn | None:
        """CloudFront in front of the published objects; None where there is none."""
        distribution = self.figures().cdn_distribution
        return Cdn(distribution) if distribution else None

    def raw(self) -> RawAnswers:
        """The kept answers, in the lake."""
        given = self.settings(lake.Lake)
        return RawAnswers(store_for(given.root(self.of_stage()), given.kms_key))

    def clock(self) -> Clock:
        """The time to go by: the sandbox's has stood still since its chain ended."""
        sample = self._sample()
        return _SampleClock(sample.now) if sample else Clock()

    def in_force(self) -> dict[str, str]:
        """Which database and APIs are read, without secrets."""
        given = self.figures()
        if sample_for(given.db_host, self.of_stage()):
            return {"Stacks": "sandbox: a chain made from a seed, in the embedded PostgreSQL"}
        return {"Stacks": f"postgresql://{self.indexer().address}, API {origins(given.api_url)}"}

    def _sample(self) -> Sample | None:
        stage = self.of_stage()
        return sample_stacks(stage.directory) if sample_for(self.figures().db_host, stage) else None

    def _api(
        self, name: str, root: str, headers: dict[str, str], per_minute: float | None, key_setting: str, **more: Any
    ) -> AnswerApi:
        # Pauses are taken from the machine's clock, moments from the sandbox's.
        return AnswerApi(
            HttpApi(name, root, Clock(), per_minute=per_minute, headers=headers, timeout=30.0),
            self.clock(),
            key_setting,
            **more,
        )


class StacksObjectIOManager(ObjectIOManager):
    """The published objects: below ``STACKS_OBJECTS_URI``, or in the lake; with ACLs unless ``STACKS_ACL=none``."""

    def objects(self) -> PublishedObjects:
        """The plain client."""
        given, of_lake = self.settings(stacks.Stacks), self.settings(lake.Lake)
        return PublishedObjects(store_for(self._root(), of_lake.kms_key), self.acls and given.acl != "none")

    def in_force(self) -> dict[str, str]:
        """Where the objects are published."""
        return {"Stacks objects": self._root()}

    def _root(self) -> str:
        given, of_lake = self.settings(stacks.Stacks), self.settings(lake.Lake)
        return self.uri or given.objects_uri or of_lake.root(self.of_stage())


@cache
def sample_stacks(home: Path) -> Sample:
    """The sandbox below a home directory: its chain in the embedded PostgreSQL, its APIs served from this process."""
    chain = make_chain(STORY)
    server = embedded_postgres(home)
    with psycopg.connect(**server.parameters(), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", [SAMPLE_DATABASE])
        there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [SAMPLE_DATABASE]).fetchall()
        if not there:
            connection.execute(f"CREATE DATABASE {SAMPLE_DATABASE}".encode())
        address = replace(server, database=SAMPLE_DATABASE)
        with psycopg.connect(**address.parameters(), autocommit=True) as inside:
            if not there or not inside.execute("SELECT to_regclass(%s)", [f"{SCHEMA}.chain_tip"]).fetchall()[0][0]:
                install(inside, chain)
    now = now_of(chain)
    return Sample(address, StacksServer(chain, now).start(), datetime.fromtimestamp(now, UTC))
