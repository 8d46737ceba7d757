"""Record from a port in a separate process, and convert the journal to a session.

`client` starts and stops recordings, `process` is the recording process, `follower` reads a
growing journal, `health` reports the state of a recording, and `convert` writes sessions.
"""
