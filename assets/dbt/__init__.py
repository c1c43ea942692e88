"""dbt's models as assets: one project, one translator, one set of assets per room."""
