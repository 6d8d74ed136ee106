"""A whole spec: its schema, and how it is read, merged, checked and worded in errors."""
