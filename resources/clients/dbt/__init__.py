"""dbt's command line, with a project's parsing kept from one command to the next."""
