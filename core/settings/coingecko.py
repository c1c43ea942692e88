"""CoinGecko."""

from typing import Annotated, Literal

from core.settings.base import Address, Between, Secret, Settings, setting


class CoinGecko(Settings):
    """CoinGecko."""

    plan: Literal["sample", "keyless", "demo", "pro"] | None = setting(
        "COINGECKO_PLAN",
        "Which CoinGecko is asked: the sample of this repository, the public API without a key, or with a demo "
        "or pro key. Locally sample when not set; elsewhere it has to be set.",
        "demo",
    )
    api_key: Secret | None = setting(
        "COINGECKO_API_KEY",
        "Key of the demo or pro plan.",
        "CG-from-your-account",
    )
    url: Address | None = setting(
        "COINGECKO_URL",
        "Root of the API, where it is not the plan's own (a proxy).",
        "https://api.coingecko.com/api/v3",
    )
    calls_per_minute: Annotated[float, Between(0.01, 100_000)] = setting(
        "COINGECKO_CALLS_PER_MINUTE",
        "Most calls a minute.",
        "100",
        25,
    )
