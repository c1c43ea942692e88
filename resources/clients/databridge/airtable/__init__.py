"""Airtable: a base's tables by its REST API, and the city's geocoder for their addresses."""
