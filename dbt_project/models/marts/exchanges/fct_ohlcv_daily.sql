-- depends_on: {{ ref("fct_gaps_daily") }}
-- One view after the other: Redshift refuses one of two that are made at once (error 1023).
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
    -- Across a missing day it would be the return of two.
    case
        when lag(day) over (partition by job, currency_pair order by day) = day - 1
            then close / nullif(lag(close) over (partition by job, currency_pair order by day), 0) - 1
    end as simple_return
from {{ source("exchanges", "ohlcv_1d") }}
