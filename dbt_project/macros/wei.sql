{#- Exact wei, and wei as ether in floating point. -#}
{% macro wei(expression) -%}
    cast({{ expression }} as decimal(38, 0))
{%- endmacro %}

{% macro eth(expression) -%}
    cast({{ expression }} as double precision) / power(10, 18)
{%- endmacro %}
