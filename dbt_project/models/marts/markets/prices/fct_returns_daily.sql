-- A price that came late or was corrected changes the return of the day after, too.
{% set ahead = 1 %}
{{ config(meta={"days_ahead": ahead}) }}

select
    coin_id,
    day,
    simple_return,
    log_return
from {{ ref("int_returns") }}
where not is_missing and {{ in_reach("day", ahead) }}
