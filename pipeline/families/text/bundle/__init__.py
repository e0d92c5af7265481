"""Code that is copied into exported bundles: the Python reader and the web page."""
