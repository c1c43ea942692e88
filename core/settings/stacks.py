"""The Stacks node's database, its API, and how the datasets are counted and published."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from core.settings.base import Address, Between, Port, Secret, Settings, Text, setting


def _names(value: str) -> str:
    pairs = [pair.split("=") for pair in value.split(",") if pair.strip()]
    addresses = {pair[0].strip() for pair in pairs}
    if len(addresses) < len(pairs) or not all(len(pair) == 2 and pair[0].strip() and pair[1].strip() for pair in pairs):
        raise ValueError("pairs address=name with commas between them, each address once")
    return value


class Stacks(Settings):
    """The Stacks node's database, its API, and how the datasets are counted and published."""

    db_host: Text | None = setting(
        "STACKS_DB_HOST",
        "Host of the PostgreSQL that the Stacks API's indexer writes, or the directory of its socket file. Locally "
        "the sandbox chain serves, for the database and all APIs, when it is not set.",
        "stacks-db.example.com",
    )
    db_port: Port = setting("STACKS_DB_PORT", "Its port.", "5432", 5432)
    db_database: Text = setting("STACKS_DB_DATABASE", "Its database.", "stacks_blockchain_api", "stacks_blockchain_api")
    db_schema: Text = setting(
        "STACKS_DB_SCHEMA",
        "Schema of the indexer's tables: its own since 2025-12-03, public before.",
        "public",
        "stacks_blockchain_api",
    )
    db_user: Text | None = setting("STACKS_DB_USER", "Role that reads it.", "headwater_reader")
    db_password: Secret | None = setting("STACKS_DB_PASSWORD", "Its password.", "from-your-secret-store")
    db_sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = setting(
        "STACKS_DB_SSLMODE",
        "How the connection is secured. When not set: prefer on this machine, verify-full to any other.",
        "verify-full",
    )
    db_seconds: Annotated[int, Between(1, 86_400)] = setting(
        "STACKS_DB_SECONDS", "Seconds that a statement on it may take.", "600", 300
    )
    api_url: Address = setting(
        "STACKS_API_URL",
        "Root of the Stacks API: Hiro's, or that of a node of yours.",
        "https://api.hiro.so",
        "https://api.hiro.so",
    )
    api_key: Secret | None = setting("STACKS_API_KEY", "Key of Hiro's API.", "from-your-account")
    api_calls_per_minute: Annotated[float, Between(0.01, 100_000)] = setting(
        "STACKS_API_CALLS_PER_MINUTE",
        "Most calls a minute to the Stacks API; what its answers say of the budget counts as well.",
        "500",
        50,
    )
    lunar_key: Secret | None = setting(
        "STACKS_LUNAR_KEY", "Key of LunarCrush; its scores are left out without one.", "from-your-account"
    )
    lunar_url: Address = setting(
        "STACKS_LUNAR_URL",
        "Root of LunarCrush's API.",
        "https://lunarcrush.com/api4",
        "https://lunarcrush.com/api4",
    )
    count_mode: Literal["canonical", "legacy"] = setting(
        "STACKS_COUNT_MODE",
        "What is counted: canonical, or legacy, which counts forks as well, as the old system did.",
        "legacy",
        "canonical",
    )
    universe: Literal["d3", "all"] = setting(
        "STACKS_UNIVERSE",
        "Whose balances are published: d3, of everybody who was in an STX event of a day, or all, also of who only "
        "paid fees, earned rewards, or is of a genesis outside every day.",
        "all",
        "d3",
    )
    acl: Literal["public-read", "none"] = setting(
        "STACKS_ACL",
        "ACL of the latest objects: public-read as ever, or none for a bucket that takes no ACLs.",
        "none",
        "public-read",
    )
    objects_uri: Text | None = setting(
        "STACKS_OBJECTS_URI",
        "Root of the published objects, where it is not the lake.",
        "s3://my-public-bucket",
    )
    cdn_distribution: Text | None = setting(
        "STACKS_CDN_DISTRIBUTION",
        "CloudFront distribution in front of the published objects, whose origin path is their root; changed objects "
        "are invalidated there. No CDN is told of anything without one.",
        "E2QWRUHAPOMQZL",
    )
    explorer: Text = setting(
        "STACKS_EXPLORER",
        "What the address of a transaction in the explorer begins with.",
        "https://explorer.hiro.so/txid/",
        "https://explorer.hiro.so/txid/",
    )
    blocks: Annotated[int, Between(1, 100_000)] = setting(
        "STACKS_BLOCKS", "Blocks that tx_per_block and the newest mints look back.", "1000", 100
    )
    tip_hours: Annotated[float, Between(0.1, 10_000)] = setting(
        "STACKS_TIP_HOURS", "Hours after which the newest block counts as late.", "3", 3
    )
    pool_names: Annotated[Text, AfterValidator(_names)] = setting(
        "STACKS_POOL_NAMES",
        "Names of pools, as address=name, comma-separated; a pool without one goes by its address.",
        "SP000000000000000000002Q6VF78=friends,SP2VNPVCQJ4NZYWQTTC0SR65ZPQ73S2RBBR3MESV5=others",
        "",
    )

    @property
    def legacy(self) -> bool:
        """Whether forks are counted, too."""
        return self.count_mode == "legacy"

    @property
    def names_of_pools(self) -> dict[str, str]:
        """Names by address."""
        pairs = (pair.partition("=") for pair in self.pool_names.split(",") if pair.strip())
        return {address.strip(): name.strip() for address, _, name in pairs}
