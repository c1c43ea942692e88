-- A table, not a view: the seed it reads is made anew by every build.
{{ config(materialized="table") }}

-- Logarithms of ratios. A price that goes up or down by more than half is looked at; fivefold is made by no market.
{% set large, impossible, same = "ln(1.5)", "ln(5.0)", "ln(1.1)" %}

with prices as (
    select
        coin_id,
        day,
        price_usd,
        previous_price_usd,
        market_cap_usd,
        previous_market_cap_usd,
        lead(price_usd) over (partition by coin_id order by day) as next_price_usd,
        lag(previous_price_usd) over (partition by coin_id order by day) as price_before_usd
    from {{ ref("int_prices_filled_flags") }}
),

changes as (
    select
        *,
        abs(ln(price_usd / previous_price_usd)) as change,
        ln(price_usd / previous_price_usd) - ln(nullif(market_cap_usd, 0) / nullif(previous_market_cap_usd, 0))
            as beyond_cap,
        abs(ln(nullif(next_price_usd, 0) / previous_price_usd)) as undone,
        abs(ln(price_usd / nullif(price_before_usd, 0))) as undoes
    from prices
    where price_usd > 0 and previous_price_usd > 0
),

jumps as (
    select
        coin_id,
        day,
        price_usd,
        previous_price_usd,
        market_cap_usd,
        previous_market_cap_usd
    from changes
    where
        change > {{ impossible }}
        -- The capitalisation does not follow: coins were split, merged or swapped.
        or (change > {{ large }} and abs(beyond_cap) > {{ large }})
        -- There and back: one day's figure is wrong.
        or (change > {{ large }} and (undone < {{ same }} or undoes < {{ same }}))
)

select
    coalesce(jumps.coin_id, breaks.coin_id) as coin_id,
    coalesce(jumps.day, breaks.day) as day,
    jumps.price_usd,
    jumps.previous_price_usd,
    jumps.market_cap_usd,
    jumps.previous_market_cap_usd,
    breaks.factor
from jumps
full outer join {{ ref("price_breaks") }} as breaks
    on
        jumps.coin_id = breaks.coin_id
        and jumps.day = breaks.day
