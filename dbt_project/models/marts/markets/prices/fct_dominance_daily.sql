-- Shares of a total that lacks a coin would be shares of something else: they are unknown.
with caps as (
    select
        coin_id,
        day,
        market_cap_usd,
        sum(market_cap_usd) over (partition by day) as tracked_cap_usd,
        count(*) over (partition by day) as coins,
        count(market_cap_usd) over (partition by day) as known
    from {{ ref("int_prices_filled_flags") }}
    where {{ in_reach("day") }}
)

select
    caps.coin_id,
    caps.day,
    caps.market_cap_usd,
    case when caps.coins = caps.known then caps.market_cap_usd / nullif(caps.tracked_cap_usd, 0) end
        as tracked_dominance,
    caps.market_cap_usd / nullif(whole.total_market_cap_usd, 0) as global_dominance
from caps
left join {{ ref("stg_coingecko__global") }} as whole
    on caps.day = whole.day
where caps.market_cap_usd is not null
