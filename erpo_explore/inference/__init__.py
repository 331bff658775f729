"""What is done with a trained model: load it, translate, score, sample, evaluate, export. No Ray."""
