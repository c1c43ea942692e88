{#-
    What a test looks at. Only the days of the run, so that a day's cost does not grow with history; a test of what has
    no day says in its own `where` which rows it means.
-#}
{% macro get_where_subquery(relation) -%}
    (select * from {{ relation }} where {{ config.get("where") or in_window("day") }}) as dbt_subquery
{%- endmacro %}
