"""The one error of the embedding library, apart so that no file imports in a circle. NOT for anything else."""


class EmbeddingError(ValueError):
    """A spec, model folder, weights file, image or text that cannot be used; the message says what to do about it."""
