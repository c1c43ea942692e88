select
    block_date as day,
    count(*) as contracts_cnt,
    cast(sum(case when is_erc20 then 1 else 0 end) as bigint) as erc20_cnt,
    cast(sum(case when is_erc721 then 1 else 0 end) as bigint) as erc721_cnt,
    cast(sum(case when is_erc20 or is_erc721 then 0 else 1 end) as bigint) as other_cnt
from {{ source("ethereum", "contracts") }}
where {{ in_window("block_date") }}
group by block_date
