-- Nothing is filled in: a day without a price stays without one, and says so.
select
    calendar.coin_id,
    calendar.chain,
    calendar.day,
    prices.price_usd,
    prices.volume_usd,
    prices.market_cap_usd,
    prices.observed_at,
    prices.revision,
    before.price_usd as previous_price_usd,
    before.market_cap_usd as previous_market_cap_usd,
    prices.price_usd is null as is_missing,
    coalesce(
        prices.price_usd = before.price_usd
        and prices.volume_usd = before.volume_usd
        and prices.market_cap_usd = before.market_cap_usd,
        false
    ) as is_stale
from {{ ref("int_asset_calendar") }} as calendar
left join {{ ref("stg_coingecko__daily") }} as prices
    on
        calendar.coin_id = prices.coin_id
        and calendar.day = prices.day
left join {{ ref("stg_coingecko__daily") }} as before
    on
        calendar.coin_id = before.coin_id
        and calendar.day - 1 = before.day
