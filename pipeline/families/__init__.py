"""The families of networks, a folder each. No family imports another; `pipeline.config.registry` finds them."""
