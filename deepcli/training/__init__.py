"""Training and prediction with Keras on a backend; `import_backend` makes the first import quick and quiet."""
