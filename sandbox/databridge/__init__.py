"""The databridge's world without a network: a city's database, a Knack app, an Airtable base and a Carto account."""
