"""Tune a filter chain on live plots of a recording."""
