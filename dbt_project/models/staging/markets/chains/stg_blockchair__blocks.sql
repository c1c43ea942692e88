select
    chain,
    height,
    block_hash,
    block_date as day,
    block_time,
    size as size_bytes,
    transaction_count as tx_count,
    fee_total as fee,
    generation,
    reward,
    difficulty,
    last_seen_at
from {{ source("markets", "blocks") }}
where not is_orphan
