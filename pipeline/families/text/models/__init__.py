"""Networks, their layers and losses, and what runs them."""
