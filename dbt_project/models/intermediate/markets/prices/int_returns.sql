-- Null unless the calendar day before has a price, too: a return over a gap is none of one day.
select
    coin_id,
    day,
    is_missing,
    price_usd / nullif(previous_price_usd, 0) - 1 as simple_return,
    case
        when price_usd > 0 and previous_price_usd > 0
            then ln(cast(price_usd as double precision) / cast(previous_price_usd as double precision))
    end as log_return
from {{ ref("int_prices_filled_flags") }}
