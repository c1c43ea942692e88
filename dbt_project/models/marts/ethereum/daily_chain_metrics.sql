with blocks as (
    select *
    from {{ source("ethereum", "blocks") }}
    where {{ in_window("block_date") }}
),

transactions as (
    select
        transactions.*,
        receipts.status,
        receipts.gas_used,
        receipts.blob_gas_used,
        receipts.blob_gas_price,
        coalesce(receipts.effective_gas_price, transactions.gas_price) as price_paid,
        coalesce(blocks.base_fee_per_gas, 0) as base_fee
    from {{ source("ethereum", "transactions") }} as transactions
    inner join {{ source("ethereum", "receipts") }} as receipts
        on
            transactions.hash = receipts.transaction_hash
            and transactions.block_date = receipts.block_date
    inner join blocks
        on transactions.block_number = blocks.number
    where {{ in_window("transactions.block_date") }} and {{ in_window("receipts.block_date") }}
),

by_blocks as (
    select
        block_date,
        count(*) as blocks_cnt,
        sum(case when transaction_count = 0 then 1 else 0 end) as empty_blocks_cnt,
        min(number) as first_block,
        max(number) as last_block,
        count(distinct miner) as unique_miners,
        sum(size) as total_blocksize_bytes,
        sum(gas_limit) as gas_limit,
        sum(gas_used) as gas_used,
        count(base_fee_per_gas) as blocks_of_london_cnt,
        count(block_access_list_hash) as blocks_of_amsterdam_cnt,
        sum(blob_gas_used) as blob_gas_used
    from blocks
    group by block_date
),

-- Percentiles of different columns stand apart: Redshift allows one ordering in a select.
difficulties as (
    select
        block_date,
        percentile_cont(0.5) within group (order by cast(difficulty as double precision)) as median_difficulty
    from blocks
    group by block_date
),

base_fees as (
    select
        block_date,
        percentile_cont(0.1) within group (order by cast(base_fee_per_gas as double precision)) as p10,
        percentile_cont(0.5) within group (order by cast(base_fee_per_gas as double precision)) as p50,
        percentile_cont(0.9) within group (order by cast(base_fee_per_gas as double precision)) as p90
    from blocks
    where base_fee_per_gas is not null
    group by block_date
),

by_transactions as (
    select
        block_date,
        count(*) as transactions_cnt,
        sum(case when status = 0 then 1 else 0 end) as failed_transactions_cnt,
        count(distinct from_address) as unique_senders,
        count(distinct to_address) as unique_receivers,
        count(distinct case when nonce = 0 then from_address end) as new_addresses,
        sum(value) as value_transferred_wei,
        -- Rollups' own types (0x7e, 0x64 to 0x6a, Polygon's 0x7f) pay no fee on this chain.
        sum(case when {{ pays_no_fee() }} then 0 else (price_paid - base_fee) * gas_used end) as tip_wei,
        -- Of receipts: since Amsterdam a block's own gas does not subtract refunds, which burn nothing.
        sum(case when {{ pays_no_fee() }} then 0 else base_fee * gas_used end) as burnt_wei,
        sum(case when transaction_type = 3 then blob_gas_price * blob_gas_used end) as blob_burnt_wei
    from transactions
    group by block_date
),

by_ether as (
    select
        block_date,
        count(to_address) as ether_transfers_cnt,
        sum(case when to_address is not null then value end) as ether_moved_wei,
        sum(case when to_address is null then value end) as ether_destroyed_wei
    from {{ source("ethereum", "ether_transfers") }}
    where {{ in_window("block_date") }}
    group by block_date
),

by_withdrawals as (
    select
        block_date,
        count(*) as withdrawals_cnt,
        sum(cast(amount as decimal(38, 0)) * 1000000000) as withdrawn_wei
    from {{ source("ethereum", "withdrawals") }}
    where {{ in_window("block_date") }}
    group by block_date
)

select
    by_blocks.block_date as day,
    by_blocks.blocks_cnt,
    cast(by_blocks.empty_blocks_cnt as bigint) as empty_blocks_cnt,
    by_blocks.first_block,
    by_blocks.last_block,
    by_blocks.unique_miners,
    difficulties.median_difficulty,
    cast(by_blocks.total_blocksize_bytes as bigint) as total_blocksize_bytes,
    cast(by_blocks.gas_limit as bigint) as gas_limit,
    cast(by_blocks.gas_used as bigint) as gas_used,
    coalesce(by_transactions.transactions_cnt, 0) as transactions_cnt,
    cast(coalesce(by_transactions.failed_transactions_cnt, 0) as bigint) as failed_transactions_cnt,
    cast(by_transactions.failed_transactions_cnt as double precision) / by_transactions.transactions_cnt
        as failed_share,
    coalesce(by_transactions.unique_senders, 0) as unique_senders,
    coalesce(by_transactions.unique_receivers, 0) as unique_receivers,
    coalesce(by_transactions.new_addresses, 0) as new_addresses,
    {{ wei("coalesce(by_transactions.value_transferred_wei, 0)") }} as value_transferred_wei,
    {{ eth("coalesce(by_transactions.value_transferred_wei, 0)") }} as value_transferred_eth,
    base_fees.p10 / power(10, 9) as base_fee_p10_gwei,
    base_fees.p50 / power(10, 9) as base_fee_p50_gwei,
    base_fees.p90 / power(10, 9) as base_fee_p90_gwei,
    {{ wei("case when by_blocks.blocks_of_london_cnt > 0 then coalesce(by_transactions.burnt_wei, 0) end") }}
        as burnt_wei,
    {{ wei("coalesce(by_transactions.tip_wei, 0)") }} as tip_wei,
    cast(by_blocks.blob_gas_used as bigint) as blob_gas_used,
    {{ wei("coalesce(by_transactions.blob_burnt_wei, 0)") }} as blob_burnt_wei,
    coalesce(by_withdrawals.withdrawals_cnt, 0) as withdrawals_cnt,
    {{ wei("coalesce(by_withdrawals.withdrawn_wei, 0)") }} as withdrawn_wei,
    case when by_blocks.blocks_of_amsterdam_cnt > 0 then coalesce(by_ether.ether_transfers_cnt, 0) end
        as ether_transfers_cnt,
    {{ wei("case when by_blocks.blocks_of_amsterdam_cnt > 0 then coalesce(by_ether.ether_moved_wei, 0) end") }}
        as ether_moved_wei,
    {{ wei("case when by_blocks.blocks_of_amsterdam_cnt > 0 then coalesce(by_ether.ether_destroyed_wei, 0) end") }}
        as ether_destroyed_wei
from by_blocks
inner join difficulties on by_blocks.block_date = difficulties.block_date
left join base_fees on by_blocks.block_date = base_fees.block_date
left join by_transactions on by_blocks.block_date = by_transactions.block_date
left join by_ether on by_blocks.block_date = by_ether.block_date
left join by_withdrawals on by_blocks.block_date = by_withdrawals.block_date
