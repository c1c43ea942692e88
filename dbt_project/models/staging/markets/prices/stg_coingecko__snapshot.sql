select
    coin_id,
    cast(observed_at at time zone 'UTC' as date) as day,
    observed_at,
    price as price_usd,
    market_cap as market_cap_usd,
    market_cap_rank,
    volume as volume_usd,
    circulating_supply,
    last_seen_at
from {{ source("markets", "market_snapshot") }}
where vs_currency = 'usd'
