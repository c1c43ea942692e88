-- A view: what a token says of itself may be exported after the days it was transferred on.
-- On Redshift it is bound late, so that a refresh can swap the table below it.
{{ config(materialized="view", bind=false) }}

with numbered as (
    select
        address,
        symbol,
        name,
        decimals,
        row_number() over (partition by address order by block_number desc) as newest
    from {{ source("ethereum", "tokens") }}
)

select
    transfers.day,
    transfers.token_address,
    tokens.symbol,
    tokens.name,
    tokens.decimals,
    transfers.transfers_cnt,
    transfers.unique_senders,
    transfers.unique_receivers,
    (
        cast(transfers.amount_high as double precision) * power(10, 52)
        + cast(transfers.amount_middle as double precision) * power(10, 26)
        + cast(transfers.amount_low as double precision)
    )
    -- A uint8 in the standard; what is larger is no number of decimals, and overflows on some engines.
    / power(10, case when tokens.decimals between 0 and 255 then tokens.decimals end) as amount
from {{ ref("int_ethereum__daily_token_transfers") }} as transfers
left join numbered as tokens
    on
        transfers.token_address = tokens.address
        and tokens.newest = 1
