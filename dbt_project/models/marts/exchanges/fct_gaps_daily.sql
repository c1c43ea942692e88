select
    job,
    day,
    currency_pair,
    gap_class,
    status,
    count(*) as gaps,
    cast(sum(minutes) as bigint) as minutes,
    max(minutes) as longest_minutes
from {{ source("exchanges", "ohlcv_gaps") }}
group by job, day, currency_pair, gap_class, status
