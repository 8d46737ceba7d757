"""Record in a notebook: ports, electrode sites, live view, markers."""
