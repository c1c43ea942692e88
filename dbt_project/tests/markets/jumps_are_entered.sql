-- Each jump that no market makes stands in the seed price_breaks with its factor, 1 where the price did jump.
{{ config(severity="warn") }}

select
    coin_id,
    day,
    previous_price_usd,
    price_usd
from {{ ref("int_price_jumps") }}
where factor is null and {{ in_reach("day", 1) }}
