-- Blocks and sums are fetched apart: what was not fetched is unknown, not zero.
with assets as (
    -- A coin that got another id has two rows of one chain.
    select
        chain,
        max(decimals) as decimals
    from {{ ref("dim_asset") }}
    group by chain
),

ranges as (
    select
        chain,
        day,
        min(height) as lowest,
        max(height) as highest
    from {{ ref("stg_blockchair__blocks") }}
    where {{ in_window("day", lookback_days() ~ " + 1", 1) }}
    group by chain, day
),

-- Between the heights of a day lie blocks whose time is of a day beside, and they come with it: a day that has no
-- others was not fetched.
fetched as (
    select distinct
        blocks.chain,
        blocks.day
    from {{ ref("stg_blockchair__blocks") }} as blocks
    left join ranges as beside
        on
            blocks.chain = beside.chain
            and blocks.day between beside.day - 1 and beside.day + 1
            and blocks.day <> beside.day
            and blocks.height > beside.lowest
            and blocks.height < beside.highest
    where beside.day is null and {{ in_reach("blocks.day") }}
),

by_blocks as (
    select
        blocks.chain,
        blocks.day,
        count(*) as blocks,
        sum(blocks.tx_count) as block_tx_count,
        avg(blocks.interval_seconds) as mean_interval_seconds,
        sum(blocks.size_bytes) as size_bytes,
        sum(blocks.reward) as reward
    from {{ ref("int_block_intervals") }} as blocks
    inner join fetched
        on
            blocks.chain = fetched.chain
            and blocks.day = fetched.day
    where {{ in_reach("blocks.day") }}
    group by blocks.chain, blocks.day
),

sums as (
    select *
    from {{ ref("stg_blockchair__tx_daily") }}
    where {{ in_reach("day") }}
),

joined as (
    select
        coalesce(by_blocks.chain, sums.chain) as chain,
        coalesce(by_blocks.day, sums.day) as day,
        by_blocks.blocks,
        by_blocks.block_tx_count,
        by_blocks.mean_interval_seconds,
        by_blocks.size_bytes,
        by_blocks.reward,
        sums.tx_count,
        sums.fee,
        sums.fee_usd,
        sums.transferred,
        sums.transferred_usd,
        coalesce(sums.is_final, false) as is_final
    from by_blocks
    full outer join sums
        on
            by_blocks.chain = sums.chain
            and by_blocks.day = sums.day
)

select
    joined.chain,
    joined.day,
    joined.blocks,
    cast(joined.block_tx_count as bigint) as block_tx_count,
    joined.mean_interval_seconds,
    cast(joined.size_bytes as bigint) as size_bytes,
    joined.tx_count,
    joined.fee / power(cast(10 as numeric), assets.decimals) as fees_native,
    joined.fee_usd as fees_usd,
    joined.fee / power(cast(10 as numeric), assets.decimals) / nullif(joined.tx_count, 0) as fee_per_tx_native,
    joined.fee_usd / nullif(joined.tx_count, 0) as fee_per_tx_usd,
    joined.reward / power(cast(10 as numeric), assets.decimals) as reward_native,
    joined.transferred / power(cast(10 as numeric), assets.decimals) as transferred_native,
    joined.transferred_usd,
    joined.is_final
from joined
-- A chain that the seed no longer has keeps its days; what one coin of it is, is unknown then.
left join assets
    on joined.chain = assets.chain
inner join {{ ref("dim_date") }} as dates
    on joined.day = dates.day
