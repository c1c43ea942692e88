"""The published objects as assets."""
