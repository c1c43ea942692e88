select
    day,
    sum(tracked_dominance) as total
from {{ ref("fct_dominance_daily") }}
where tracked_dominance is not null and {{ in_window("day") }}
group by day
having abs(sum(tracked_dominance) - 1) > 1e-9
