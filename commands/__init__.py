"""Programs over the definitions, what make calls."""
