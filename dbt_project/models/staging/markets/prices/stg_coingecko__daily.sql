select
    coin_id,
    price_date as day,
    price as price_usd,
    -- Zeros stand for unknown: rows of earlier versions hold them.
    nullif(volume, 0) as volume_usd,
    nullif(market_cap, 0) as market_cap_usd,
    observed_at,
    revision,
    first_seen_at,
    last_seen_at
from {{ source("markets", "market_daily") }}
where vs_currency = 'usd'
