"""The lake: days of tables as objects in a directory, on S3 or in memory."""
