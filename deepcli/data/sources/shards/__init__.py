"""Shards of own data: which files there are, what records they hold, and which fields are picture and target."""
