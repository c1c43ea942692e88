{#-
    The condition that keeps a day column inside the run's window, `start_date` to `end_date`, both included, widened
    by days `back` and `ahead`. Without a window, and in a full refresh, every day is inside.
-#}
{% macro in_window(day, back=0, ahead=0) -%}
    {%- if var('start_date', none) and not flags.FULL_REFRESH -%}
        {{ day }} between cast('{{ var("start_date") }}' as date){{ " - (" ~ back ~ ")" if back }} and cast('{{ var("end_date") }}' as date){{ " + (" ~ ahead ~ ")" if ahead }}
    {%- else -%}
        1 = 1
    {%- endif -%}
{%- endmacro %}
