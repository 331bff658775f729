"""Cost of training steps, decoding, the results store and the search."""
