"""What every room shares, free of Dagster and of any outside system: tables, days, keys, manifests, errors."""
