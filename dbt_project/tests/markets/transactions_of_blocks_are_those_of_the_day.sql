-- Sums become final some hours after the night's run, and are asked for again by the next: their day is looked at then.
select
    chain,
    day,
    block_tx_count,
    tx_count
from {{ ref("fct_chain_daily") }}
where is_final and block_tx_count <> tx_count and {{ in_reach("day") }}
