"""The head of the face widget: its data, and the script that computes them."""
