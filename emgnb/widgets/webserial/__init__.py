"""Connect a board that is plugged in where the browser runs."""
