"""When it is run: schedules and the sensors beside them, one module per room."""
