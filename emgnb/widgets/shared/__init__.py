"""Shared parts of the widgets: panel, undo, and drawings of a face."""
