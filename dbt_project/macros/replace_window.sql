{#-
    Incremental strategy `replace_window`: the run's days of the target become exactly the rows selected, in the
    model's own transaction. Unlike delete+insert by key, rows that a day no longer has go, also all of them.
    The day column is the model's `event_time`. A model whose rows depend on other days says so in its `meta`:
    `looks_back` for the days that may still be corrected, `days_ahead` for those that follow from the run's.
-#}
{% macro get_incremental_replace_window_sql(arg_dict) %}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}
    delete from {{ arg_dict["target_relation"] }}
    {%- set meta = config.get("meta") or {} %}
    {%- set back = lookback_days() if meta.get("looks_back") else 0 %}
    where {{ in_window(config.get("event_time"), back, meta.get("days_ahead", 0)) }};

    insert into {{ arg_dict["target_relation"] }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict["temp_relation"] }}
{% endmacro %}
