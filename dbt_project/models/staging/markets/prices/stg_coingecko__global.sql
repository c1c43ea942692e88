select
    price_date as day,
    nullif(total_market_cap, 0) as total_market_cap_usd,
    observed_at,
    last_seen_at
from {{ source("markets", "global_daily") }}
where vs_currency = 'usd'
