"""The CDN as an asset."""
