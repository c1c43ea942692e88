{{ config(materialized="incremental", incremental_strategy="replace_window", event_time="day") }}

-- Amounts have up to 78 digits, more than any engine's number: they are summed exactly in three parts of 26.
with transfers as (
    select
        block_date,
        token_address,
        from_address,
        to_address,
        lpad(value, 78, '0') as digits
    from {{ source("ethereum", "token_transfers") }}
    where {{ in_window("block_date") }}
)

select
    block_date as day,
    token_address,
    count(*) as transfers_cnt,
    count(distinct from_address) as unique_senders,
    count(distinct to_address) as unique_receivers,
    {{ wei("sum(cast(substring(digits, 1, 26) as decimal(38, 0)))") }} as amount_high,
    {{ wei("sum(cast(substring(digits, 27, 26) as decimal(38, 0)))") }} as amount_middle,
    {{ wei("sum(cast(substring(digits, 53, 26) as decimal(38, 0)))") }} as amount_low
from transfers
group by block_date, token_address
