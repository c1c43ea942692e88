{#-
    The condition that keeps a day column inside the run's window, `--event-time-start` up to but not including
    `--event-time-end`, widened by days `back` and `ahead`. Without a window, and in a full refresh, every day is inside.
    Read when the statement is made, never while dbt parses: a command for other days finds the project parsed.
-#}
{% macro in_window(day, back=0, ahead=0) -%}
    {%- set start, end = invocation_args_dict.get("event_time_start"), invocation_args_dict.get("event_time_end") -%}
    {%- if start and end and not flags.FULL_REFRESH -%}
        ({{ day }} >= cast('{{ (start | string)[:10] }}' as date){{ " - (" ~ back ~ ")" if back }} and {{ day }} < cast('{{ (end | string)[:10] }}' as date){{ " + (" ~ ahead ~ ")" if ahead }})
    {%- else -%}
        1 = 1
    {%- endif -%}
{%- endmacro %}
