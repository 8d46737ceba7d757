"""Open a port and start the board behind it.

`opening.open_port` opens any port by its URL: `serial`, `tcp`, `webserial`, `lsl`, `simulated`,
`replay` or `emulator`. `bridge` connects a `webserial` port to the page that has the board.
`handshake` identifies and starts a board, `probe` checks a port without recording, and `finding`
finds the port with a board.
"""
