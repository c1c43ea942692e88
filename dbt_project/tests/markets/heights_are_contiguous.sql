-- Every block but the lowest of its day has the one before it, of that day or of a neighbour's.
with blocks as (
    select
        chain,
        day,
        height,
        min(height) over (partition by chain, day) as lowest
    from {{ ref("stg_blockchair__blocks") }}
    where {{ in_window("day") }}
)

select
    blocks.chain,
    blocks.day,
    blocks.height
from blocks
left join {{ ref("stg_blockchair__blocks") }} as before
    on
        blocks.chain = before.chain
        and blocks.height - 1 = before.height
where blocks.height > blocks.lowest and before.height is null
