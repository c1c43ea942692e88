-- A view: what a token says of itself may be exported after the days it was transferred on.
-- On Redshift it is bound late, so that a refresh can swap the table below it.
{{ config(materialized="view", bind=false) }}

with announced as (
    select
        address,
        symbol,
        name,
        decimals,
        row_number() over (partition by address order by block_number desc) as newest
    from {{ source("ethereum", "tokens") }}
),

-- By transfers first: few tokens announce themselves by their code, and proxies never do.
named as (
    select
        transfers.*,
        coalesce(asked.symbol, announced.symbol) as symbol,
        coalesce(asked.name, announced.name) as name,
        coalesce(asked.decimals, announced.decimals) as decimals
    from {{ ref("int_ethereum__daily_token_transfers") }} as transfers
    left join {{ source("ethereum", "transferred_tokens") }} as asked
        on
            transfers.day = asked.block_date
            and transfers.token_address = asked.address
    left join announced
        on
            transfers.token_address = announced.address
            and announced.newest = 1
)

select
    day,
    token_address,
    symbol,
    name,
    decimals,
    transfers_cnt,
    unique_senders,
    unique_receivers,
    (
        cast(amount_high as double precision) * power(10, 52)
        + cast(amount_middle as double precision) * power(10, 26)
        + cast(amount_low as double precision)
    )
    -- A uint8 in the standard; what is larger is no number of decimals, and overflows on some engines.
    / power(10, case when decimals between 0 and 255 then decimals end) as amount
from named
