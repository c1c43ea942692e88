"""Databridge: tables that YAML files configure, from a city's databases and apps to Carto and PostgreSQL.

Source: Oracle SDE, PostgreSQL/PostGIS or anything SQLAlchemy reads; Knack; Airtable. Flow: source -> object of a run's
own (CSV, schema JSON, manifest) -> temporary table -> swap. Grain: one row per source row; each run replaces the table.
Known gap: the SQL for Oracle is compared with what is expected of it, and was never run on an Oracle.
"""
