"""The one error that the decoding library raises for input it cannot use."""


class DecodingError(ValueError):
    """A checkpoint, noun list, configuration name or tensor cannot be used; the message says what was expected."""
