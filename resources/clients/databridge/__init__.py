"""Tables on their way from a city's sources to what serves them: rows as CSV, geometries as EWKT, a schema beside."""
