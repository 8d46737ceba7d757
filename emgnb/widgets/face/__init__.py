"""A 3-D face that shows action units."""
