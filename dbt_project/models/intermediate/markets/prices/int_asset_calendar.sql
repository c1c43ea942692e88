-- A table, not a view: the seed it reads is made anew by every build.
{{ config(materialized="table") }}

with last_day as (
    select max(day) as day
    from {{ ref("stg_coingecko__daily") }}
)

select
    assets.coin_id,
    assets.chain,
    dates.day
from {{ ref("dim_asset") }} as assets
cross join last_day
inner join {{ ref("dim_date") }} as dates
    on dates.day between assets.first_day and last_day.day
