"""What a bundle refuses."""


class BundleError(ValueError):
    """A bundle that is damaged or of another version, or input that it cannot take."""
