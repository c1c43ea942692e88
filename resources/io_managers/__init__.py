"""IO managers: assets hand over rows, these write them as days and say what they wrote."""
