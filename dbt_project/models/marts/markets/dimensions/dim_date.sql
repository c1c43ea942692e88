select
    cast(day as date) as day,
    cast(extract(year from day) as integer) as year,
    cast(extract(quarter from day) as integer) as quarter,
    cast(extract(month from day) as integer) as month,
    cast(extract(day from day) as integer) as day_of_month,
    cast(extract(isodow from day) as integer) as day_of_week,
    cast(extract(week from day) as integer) as iso_week,
    cast(extract(isodow from day) as integer) >= 6 as is_weekend
from generate_series(timestamp '2009-01-01', timestamp '2049-12-31', interval '1 day') as series (day)
