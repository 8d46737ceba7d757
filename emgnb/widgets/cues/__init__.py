"""Cue a participant's expressions, with a countdown and a marker for each."""
