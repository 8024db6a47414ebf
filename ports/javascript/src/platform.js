/** What differs between a browser's page, Node, and a page that came by plain HTTP. */

/** A random UUID, also in a page that came by plain HTTP: `crypto.randomUUID` is not there then. */
export function randomUuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Whether what is sent to a gateway stays on this machine, or goes by TLS. */
export function isPrivate(url) {
  const { protocol, hostname } = new URL(url);
  const isLocal = ["localhost", "[::1]"].includes(hostname) || /^127(\.\d+){3}$/.test(hostname);
  return protocol === "wss:" || isLocal;
}

/** The platform's WebSocket, or our own where there is none (Node 20). */
export async function platformWebSocket() {
  const inNode = typeof process !== "undefined" && Boolean(process.versions?.node);
  const adapter = inNode ? await import("./node-websocket.js") : await import("./browser-websocket.js");
  return adapter.openWebSocket;
}
