select
    block_number,
    count(distinct hash) as transactions_cnt,
    count(distinct case when nonce = 0 then from_address end) as new_addresses,
    count(distinct from_address) as unique_senders,
    count(distinct to_address) as unique_receivers,
    {{ wei("sum(value)") }} as value_transferred_wei,
    {{ eth("sum(value)") }} as value_transferred_eth,
    {{ wei("sum(gas)") }} as total_gas_provided,
    avg(cast(gas_price as double precision)) as avg_gas_price,
    block_date as day
from {{ source("ethereum", "transactions") }}
where {{ in_window("block_date") }}
group by block_number, block_date
