"""What a spec can name, as pages, as a JSON schema and as specs to start from."""
