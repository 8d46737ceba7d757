// Texts of the Web Serial widget.

/** @param {number} bytes */
const amount = (bytes) => (bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

/**
 * Describe a board and its bytes.
 * @param {{connected: boolean, reason: string, baud: number, bytes: number, outbox: {stream: string, kept: number, limit: number, lost: number}}} board
 */
export function stateText({ connected, reason, baud, bytes, outbox: { stream, kept, limit, lost } }) {
  if (!connected) return reason ? `Not connected: ${reason}` : "Not connected.";
  const said = `Connected at ${baud} baud, ${amount(bytes)} received.`;
  if (!stream) return `${said} Nothing records it.`;
  const full = `${amount(kept)} of at most ${amount(limit)} wait for the recorder`;
  return `${said} Recording; ${full}${lost ? `, ${amount(lost)} lost` : ""}.`;
}

/**
 * Explain an error of Web Serial.
 * @param {{name?: string, message?: string}} error
 */
export function errorText({ name, message }) {
  if (name === "NotFoundError") return "no port was chosen";
  if (name === "NetworkError" || name === "InvalidStateError")
    return `the port cannot be opened (${message}). Close other programs and tabs that use it, such as the Arduino Serial Monitor`;
  if (name === "SecurityError") return "this page may not use serial ports: it needs https, or a server on this computer";
  return message || String(name);
}
