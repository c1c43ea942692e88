-- A table, not a view: the seed it reads is made anew by every build.
{{ config(materialized="table") }}

-- What raw prices know stays, also of a coin or of days that the seed no longer has.
with known as (
    select
        coin_id,
        min(day) as first_day,
        max(day) as last_day
    from {{ ref("stg_coingecko__daily") }}
    where price_usd is not null
    group by coin_id
),

newest as (
    select max(day) as day
    from {{ ref("stg_coingecko__daily") }}
),

-- A coin that got another id is two rows of the seed.
listed as (
    select
        coin_id,
        chain,
        first_day,
        last_day
    from {{ ref("dim_asset") }}
),

lives as (
    select
        coalesce(listed.coin_id, known.coin_id) as coin_id,
        listed.chain,
        least(listed.first_day, known.first_day) as first_day,
        case
            when listed.coin_id is null then known.last_day
            else greatest(least(coalesce(listed.last_day, newest.day), newest.day), known.last_day)
        end as last_day
    from listed
    full outer join known
        on listed.coin_id = known.coin_id
    cross join newest
)

select
    lives.coin_id,
    lives.chain,
    dates.day
from lives
inner join {{ ref("dim_date") }} as dates
    on dates.day between lives.first_day and lives.last_day
