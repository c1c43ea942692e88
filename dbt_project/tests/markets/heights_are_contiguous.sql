-- Every block has the one before it, of its day or of a neighbour's: of the lowest of a day, if the day before is loaded.
-- The day after the window is looked at as well, since it may have been there first.
with blocks as (
    select
        chain,
        day,
        height,
        min(height) over (partition by chain, day) as lowest
    from {{ ref("stg_blockchair__blocks") }}
    where {{ in_window("day", 0, 1) }}
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
where
    before.height is null
    and (
        blocks.height > blocks.lowest
        or exists (
            select 1
            from {{ ref("stg_blockchair__blocks") }} as day_before
            where
                day_before.chain = blocks.chain
                and day_before.day = blocks.day - 1
                and day_before.height < blocks.height
        )
    )
