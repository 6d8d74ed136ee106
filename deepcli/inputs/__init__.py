"""What a model may be asked about: pictures, arrays and texts, from files or a pipe, one after another."""
