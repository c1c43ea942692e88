-- Null unless the calendar day before has a price, too: a return over a gap is none of one day. Neither is one over a
-- jump that no market makes, unless the factor is known that makes the price before it comparable.
with comparable as (
    select
        prices.coin_id,
        prices.day,
        prices.is_missing,
        prices.price_usd,
        case
            when jumps.coin_id is null then prices.previous_price_usd
            else prices.previous_price_usd * jumps.factor
        end as previous_price_usd
    from {{ ref("int_prices_filled_flags") }} as prices
    left join {{ ref("int_price_jumps") }} as jumps
        on
            prices.coin_id = jumps.coin_id
            and prices.day = jumps.day
)

select
    coin_id,
    day,
    is_missing,
    price_usd / nullif(previous_price_usd, 0) - 1 as simple_return,
    case
        when price_usd > 0 and previous_price_usd > 0
            then ln(cast(price_usd as double precision) / cast(previous_price_usd as double precision))
    end as log_return
from comparable
