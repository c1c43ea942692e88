select
    blocks.*,
    cast(extract(epoch from blocks.block_time - before.block_time) as double precision) as interval_seconds
from {{ ref("stg_blockchair__blocks") }} as blocks
left join {{ ref("stg_blockchair__blocks") }} as before
    on
        blocks.chain = before.chain
        and blocks.height - 1 = before.height
