"""Networks, their layers and losses, and the code that runs them."""
