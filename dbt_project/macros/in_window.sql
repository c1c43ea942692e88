{#-
    The condition that keeps a day column inside the run's window, `start_date` to `end_date`, both included.
    Without a window, and in a full refresh, every day is inside.
-#}
{% macro in_window(day) -%}
    {%- if var('start_date', none) and not flags.FULL_REFRESH -%}
        {{ day }} between cast('{{ var("start_date") }}' as date) and cast('{{ var("end_date") }}' as date)
    {%- else -%}
        1 = 1
    {%- endif -%}
{%- endmacro %}
