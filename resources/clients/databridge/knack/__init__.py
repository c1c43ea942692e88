"""Knack: an app's objects by its REST API."""
