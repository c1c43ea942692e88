{#-
    Incremental strategy `replace_window`: the run's days of the target become exactly the rows selected, in the
    model's own transaction. Unlike delete+insert by key, rows that a day no longer has go, also all of them.
    The day column is the model's `event_time`.
-#}
{% macro get_incremental_replace_window_sql(arg_dict) %}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}
    delete from {{ arg_dict["target_relation"] }}
    where {{ in_window(config.get("event_time")) }};

    insert into {{ arg_dict["target_relation"] }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict["temp_relation"] }}
{% endmacro %}
