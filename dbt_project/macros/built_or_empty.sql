{#-
    A model of another part, or no rows of these columns where that part was never built: parts are built apart, and
    what one of them lacks is unknown to the others, not a failure. columns: name to type.
-#}
{% macro built_or_empty(relation, columns) -%}
    {%- if execute and load_relation(relation) is none -%}
        (
            select
                {%- for name, type in columns.items() %}
                cast(null as {{ type }}) as {{ name }}{{ "," if not loop.last }}
                {%- endfor %}
            where false
        )
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}
