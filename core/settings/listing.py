"""The list of all models: a room that brings settings adds its module and a line here."""

from functools import cache

from core.settings.base import Setting, Settings, listed
from core.settings.blockchair import Blockchair
from core.settings.coingecko import CoinGecko
from core.settings.databridge import Databridge
from core.settings.ethereum import Ethereum
from core.settings.exchanges import Exchanges
from core.settings.lake import Lake
from core.settings.notices import MailNotices, TelegramNotices, WebhookNotices
from core.settings.postgres import Postgres
from core.settings.redshift import Redshift
from core.settings.stacks import Stacks
from core.settings.stage import Stage
from core.settings.warehouse import Warehouse

MODELS: tuple[type[Settings], ...] = (
    Stage,
    Ethereum,
    Lake,
    Warehouse,
    Redshift,
    Postgres,
    CoinGecko,
    Blockchair,
    Exchanges,
    Databridge,
    Stacks,
    WebhookNotices,
    TelegramNotices,
    MailNotices,
)


@cache
def all_settings() -> tuple[Setting, ...]:
    """Every setting there is: what documents and deployments are compared with, and what is kept secret."""
    return tuple(listed(field) for model in MODELS for field in model.model_fields.values())
