"""Find a learning rate and a batch size for a spec by trying them in real training steps, of which nothing is kept."""
