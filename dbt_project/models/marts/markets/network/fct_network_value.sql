-- Takes prices and chains, which are built apart: without prices the capitalisation is unknown, without chains there
-- is no row.
{% set chain_columns = {"chain": "text", "day": "date", "transferred_usd": "numeric"} %}
{% set price_columns = {"coin_id": "text", "day": "date", "market_cap_usd": "numeric"} %}
{% set asset_columns = {"coin_id": "text", "chain": "text", "first_day": "date", "last_day": "date"} %}

-- A coin that got another id has two rows of one chain, one after the other.
with assets as (
    select
        coin_id,
        chain,
        case when first_day > min(first_day) over (partition by chain) then first_day end as first_day,
        last_day
    -- Named, since a query that stands in for the table has to be.
    from {{ built_or_empty(ref("dim_asset"), asset_columns) }} as listed  -- noqa: AL05
)

select
    assets.coin_id,
    chains.chain,
    chains.day,
    prices.market_cap_usd,
    chains.transferred_usd,
    prices.market_cap_usd / nullif(chains.transferred_usd, 0) as nvt
from {{ built_or_empty(ref("fct_chain_daily"), chain_columns) }} as chains
inner join assets
    on
        chains.chain = assets.chain
        and chains.day >= coalesce(assets.first_day, chains.day)
        and chains.day <= coalesce(assets.last_day, chains.day)
left join {{ built_or_empty(ref("fct_prices_daily"), price_columns) }} as prices
    on
        assets.coin_id = prices.coin_id
        and chains.day = prices.day
where {{ in_reach("chains.day") }}
