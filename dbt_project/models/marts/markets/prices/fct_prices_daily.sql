select
    coin_id,
    day,
    price_usd,
    volume_usd,
    market_cap_usd,
    is_stale,
    observed_at,
    revision
from {{ ref("int_prices_filled_flags") }}
where not is_missing and {{ in_reach("day") }}
