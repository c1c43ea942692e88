"""What AWS offers beside S3: jobs on Batch, and its failures as ours."""
