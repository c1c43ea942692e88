select
    assets.coin_id,
    chains.chain,
    chains.day,
    prices.market_cap_usd,
    chains.transferred_usd,
    prices.market_cap_usd / nullif(chains.transferred_usd, 0) as nvt
from {{ ref("fct_chain_daily") }} as chains
inner join {{ ref("dim_asset") }} as assets
    on chains.chain = assets.chain
left join {{ ref("fct_prices_daily") }} as prices
    on
        assets.coin_id = prices.coin_id
        and chains.day = prices.day
where {{ in_reach("chains.day") }}
