"""List the sessions of a study, and open one by click."""
