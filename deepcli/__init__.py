"""Train, evaluate and compare Keras models from one YAML file and one command line."""

__version__ = "0.2.0"
