"""Other people's data and formats: in through readers, out through exports."""
