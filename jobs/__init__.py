"""What is run together: one module per room."""
