{#- Days before the run's that are built anew each time: sources correct a day up to three days later. -#}
{% macro lookback_days() -%}
    3
{%- endmacro %}

{#- The days that a model of a room with corrections replaces; `ahead` as in its `meta`. -#}
{% macro in_reach(day, ahead=0) -%}
    {{ in_window(day, lookback_days(), ahead) }}
{%- endmacro %}
