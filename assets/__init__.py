"""One room per outside system, and the dbt models built from them."""
