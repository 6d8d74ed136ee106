"""Training and prediction with Keras and TensorFlow; `import_tensorflow` makes their first import quick and quiet."""
