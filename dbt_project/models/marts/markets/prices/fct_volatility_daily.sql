-- A price that came late or was corrected is in the windows of the 90 days that follow it.
{% set ahead = 90 %}
{{ config(meta={"days_ahead": ahead}) }}

with first_days as (
    select
        coin_id,
        min(day) as day
    from {{ ref("stg_coingecko__daily") }}
    where price_usd is not null
    group by coin_id
),

-- One row for each calendar day: so many rows are so many days.
returns as (
    select
        returns.coin_id,
        returns.day,
        returns.log_return
    from {{ ref("int_returns") }} as returns
    inner join first_days
        on
            returns.coin_id = first_days.coin_id
            and returns.day >= first_days.day
    where {{ in_window("returns.day", lookback_days() ~ " + 90", ahead) }}
),

rolled as (
    select
        coin_id,
        day,
        count(log_return) over week as known_7,
        count(log_return) over month as known_30,
        count(log_return) over quarter as known_90,
        stddev_samp(log_return) over week as spread_7,
        stddev_samp(log_return) over month as spread_30,
        stddev_samp(log_return) over quarter as spread_90
    from returns
    window
        week as (partition by coin_id order by day rows between 6 preceding and current row),
        month as (partition by coin_id order by day rows between 29 preceding and current row),
        quarter as (partition by coin_id order by day rows between 89 preceding and current row)
)

select
    coin_id,
    day,
    case when known_7 = 7 then spread_7 * sqrt(365) end as volatility_7d,
    case when known_30 = 30 then spread_30 * sqrt(365) end as volatility_30d,
    case when known_90 = 90 then spread_90 * sqrt(365) end as volatility_90d
from rolled
where {{ in_reach("day", ahead) }}
