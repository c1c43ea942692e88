{#-
    Whoever may read the warehouse may read what dbt makes from now on. Said by dbt's own user, whose tables they are;
    the loaded tables are the migration's to grant.
-#}
{% macro readers_may_read() -%}
    {%- set reader = env_var("WAREHOUSE_READER_ROLE", "") -%}
    {%- if execute and reader and target.type != "duckdb" and target.type == env_var("WAREHOUSE", "duckdb") -%}
        alter default privileges grant select on tables to {{ "role " if target.type == "redshift" }}{{ adapter.quote(reader) }}
    {%- endif -%}
{%- endmacro %}
