select
    coin_id,
    price_date as day,
    price as price_usd,
    volume as volume_usd,
    market_cap as market_cap_usd,
    observed_at,
    revision,
    first_seen_at,
    last_seen_at
from {{ source("markets", "market_daily") }}
where vs_currency = 'usd'
