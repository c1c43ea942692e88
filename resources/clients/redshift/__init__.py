"""Redshift: loaded by COPY from the lake on S3."""
