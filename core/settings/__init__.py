"""Every setting, declared once: one module of frozen models for each system."""
