"""What any spec needs: components, registries, field types, YAML 1.2, trees of values, plugins."""
