select
    coin_id,
    cast(observed_at at time zone 'UTC' as date) as day,
    observed_at,
    price as price_usd,
    nullif(market_cap, 0) as market_cap_usd,
    nullif(market_cap_rank, 0) as market_cap_rank,
    nullif(volume, 0) as volume_usd,
    nullif(circulating_supply, 0) as circulating_supply,
    last_seen_at
from {{ source("markets", "market_snapshot") }}
where vs_currency = 'usd'
