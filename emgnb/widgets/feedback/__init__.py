"""Feedback during a task: the target, and the value that a person controls."""
