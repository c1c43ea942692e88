select
    job,
    day,
    currency_pair,
    split_part(currency_pair, '_', 1) as base_currency,
    split_part(currency_pair, '_', 2) as quote_currency,
    open,
    high,
    low,
    close,
    volume,
    quote_volume,
    trades,
    vwap,
    n_minutes,
    is_complete,
    close / nullif(lag(close) over (partition by job, currency_pair order by day), 0) - 1 as simple_return
from {{ source("exchanges", "ohlcv_1d") }}
