select
    chain,
    day,
    tx_count,
    fee,
    fee_usd,
    transferred,
    transferred_usd,
    is_final,
    last_seen_at
from {{ source("markets", "tx_daily_aggregate") }}
