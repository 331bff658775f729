"""What a step, an evaluation, the store and the search cost."""
