"""Training object decoders from text alone: captions, an embedding cache, noise and the trainer. Needs no image."""
