"""What runs outside the project."""
