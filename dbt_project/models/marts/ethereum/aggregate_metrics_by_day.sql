-- The inner join drops blocks without transactions, as the old table did; daily_chain_metrics counts them.
select
    blocks.block_date as day,
    count(blocks.number) as blocks_cnt,
    count(distinct blocks.miner) as unique_miners,
    avg(cast(blocks.difficulty as double precision)) as median_difficulty,
    max(blocks.total_difficulty) as cumulative_difficulty,
    {{ wei("sum(blocks.size)") }} as total_blocksize_bytes,
    {{ wei("sum(blocks.gas_used)") }} as gas_used,
    {{ wei("sum(blocks.transaction_count)") }} as transactions_cnt_from_blocks,
    {{ wei("sum(by_block.transactions_cnt)") }} as transactions_cnt,
    {{ wei("sum(by_block.new_addresses)") }} as new_addresses,
    {{ wei("sum(by_block.unique_senders)") }} as unique_senders,
    {{ wei("sum(by_block.unique_receivers)") }} as unique_receivers,
    {{ wei("sum(by_block.value_transferred_wei)") }} as value_transferred_wei,
    {{ eth("sum(by_block.value_transferred_wei)") }} as value_transferred_eth,
    {{ wei("sum(by_block.total_gas_provided)") }} as total_gas_provided
from {{ source("ethereum", "blocks") }} as blocks
inner join {{ ref("aggregate_transaction_metrics_by_block") }} as by_block
    on
        blocks.number = by_block.block_number
        and blocks.block_date = by_block.day
where {{ in_window("blocks.block_date") }} and {{ in_window("by_block.day") }}
group by blocks.block_date
