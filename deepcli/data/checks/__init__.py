"""Looking at data before training: what they are, and what is wrong with them."""
