/**
 * A WebSocket client (RFC 6455) over node:net and node:tls, because Node 20 has none and pings are
 * needed that its later one does not offer. Text only, no extensions, one connection.
 */

import { createHash, randomBytes } from "node:crypto";
import net from "node:net";
import tls from "node:tls";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const CONTINUATION = 0, TEXT = 1, CLOSE = 8, PING = 9, PONG = 10;
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;
const HEAD_BYTES_MAX = 16 * 1024;
const CLOSE_MS = 2000;
const PROTOCOL_ERROR = 1002, UNSUPPORTED = 1003, BAD_UTF8 = 1007, TOO_BIG = 1009;

/**
 * @param {string} url
 * @param {{onOpen(): void, onText(text: string): void, onAlive(): void,
 *   onClose(code: number, reason: string, refusal?: object): void}} events `onClose` comes once, and
 *   last; 1006 where the gateway sent no close frame; `refusal`: an HTTP `status` instead of an
 *   upgrade, with `retryAfter`, the header
 * @returns {{send(text: string): void, ping(): void, close(code: number): void, drop(): void,
 *   closed: Promise<void>}}
 */
export function openWebSocket(url, events) {
  return new NodeWebSocket(new URL(url), events);
}

openWebSocket.canPing = true;

class NodeWebSocket {
  constructor(url, events) {
    this.events = events;
    this.key = randomBytes(16).toString("base64");
    this.buffer = Buffer.alloc(0);
    this.parts = [];
    this.partBytes = 0;
    this.open = this.over = this.closing = false;
    this.closed = new Promise((resolve) => (this.end = resolve));
    const secure = url.protocol === "wss:";
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const port = Number(url.port || (secure ? 443 : 80));
    const servername = net.isIP(host) ? undefined : host;
    this.socket = secure ? tls.connect({ host, port, servername }) : net.connect({ host, port });
    this.socket.setNoDelay(true);
    this.socket.once(secure ? "secureConnect" : "connect", () => this.socket.write(this.#upgrade(url)));
    this.socket.on("data", (data) => this.#received(data));
    this.socket.on("error", (error) => this.#finish(1006, error.message));
    this.socket.on("close", () => this.#finish(1006, ""));
  }

  send(text) {
    this.#frame(TEXT, Buffer.from(text));
  }

  ping() {
    this.#frame(PING, Buffer.alloc(0));
  }

  close(code) {
    if (this.closing || this.over) return;
    if (!this.open) return this.drop();
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    this.#frame(CLOSE, payload);
    this.closing = true;
    setTimeout(() => this.drop(), CLOSE_MS).unref();
  }

  drop() {
    this.socket.destroy();
    this.#finish(1006, "");
  }

  // Opening

  #upgrade(url) {
    return [
      `GET ${url.pathname}${url.search} HTTP/1.1`,
      `Host: ${url.host}`,
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Key: ${this.key}`,
      "Sec-WebSocket-Version: 13",
      "\r\n",
    ].join("\r\n");
  }

  #opened() {
    const at = this.buffer.indexOf("\r\n\r\n");
    if (at < 0) {
      if (this.buffer.length > HEAD_BYTES_MAX) this.#refuse("the answer is no HTTP");
      return false;
    }
    const [status, ...lines] = this.buffer.subarray(0, at).toString("latin1").split("\r\n");
    const accept = createHash("sha1").update(this.key + GUID).digest("base64");
    const header = (name) => {
      const line = lines.find((each) => each.toLowerCase().startsWith(`${name}:`)) ?? "";
      return line.slice(line.indexOf(":") + 1).trim();
    };
    if (!/^HTTP\/1\.1 101 /.test(status)) {
      const refusal = { status: Number(status.split(" ")[1]) || 0, retryAfter: header("retry-after") };
      this.#refuse(`the answer to the upgrade: ${status}`, refusal);
    } else if (header("sec-websocket-accept") !== accept) this.#refuse("no WebSocket handshake");
    else {
      this.buffer = this.buffer.subarray(at + 4);
      this.open = true;
      this.events.onOpen();
      return true;
    }
    return false;
  }

  #refuse(reason, refusal) {
    this.socket.destroy();
    this.#finish(1006, reason, refusal);
  }

  // Reading

  #received(data) {
    this.buffer = this.buffer.length ? Buffer.concat([this.buffer, data]) : data;
    if (!this.open && !this.#opened()) return;
    if (!this.over) this.events.onAlive();
    while (!this.over && this.#readFrame());
  }

  /** Take one whole frame off the buffer; return whether there was one. */
  #readFrame() {
    const { buffer } = this;
    if (buffer.length < 2) return false;
    const fin = (buffer[0] & 0x80) !== 0;
    const opcode = buffer[0] & 0x0f;
    let length = buffer[1] & 0x7f;
    let at = 2;
    if (length === 126) {
      if (buffer.length < 4) return false;
      length = buffer.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (buffer.length < 10) return false;
      length = Number(buffer.readBigUInt64BE(2));
      at = 10;
    }
    const control = opcode >= CLOSE;
    if (buffer[0] & 0x70 || buffer[1] & 0x80 || (control && (!fin || length > 125))) {
      this.#fail(PROTOCOL_ERROR, "a malformed frame");
      return false;
    }
    if (length + this.partBytes > MESSAGE_BYTES_MAX) {
      this.#fail(TOO_BIG, "a message that is too large");
      return false;
    }
    if (buffer.length < at + length) return false;
    this.buffer = buffer.subarray(at + length);
    this.#handle(opcode, fin, buffer.subarray(at, at + length));
    return true;
  }

  #handle(opcode, fin, payload) {
    if (opcode === PING) this.#frame(PONG, payload);
    else if (opcode === CLOSE) this.#peerCloses(payload);
    else if (opcode === TEXT || opcode === CONTINUATION) this.#join(opcode, fin, payload);
    else if (opcode === 2) this.#fail(UNSUPPORTED, "binary is not spoken here");
    else if (opcode !== PONG) this.#fail(PROTOCOL_ERROR, "an unknown opcode");
  }

  #join(opcode, fin, payload) {
    const goesOn = this.parts.length > 0;
    if ((opcode === CONTINUATION) !== goesOn) return this.#fail(PROTOCOL_ERROR, "fragments in disorder");
    this.parts.push(payload);
    this.partBytes += payload.length;
    if (!fin) return;
    const whole = Buffer.concat(this.parts);
    this.parts = [];
    this.partBytes = 0;
    let text;
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(whole);
    } catch {
      return this.#fail(BAD_UTF8, "text that is no UTF-8");
    }
    if (!this.closing) this.events.onText(text);
  }

  #peerCloses(payload) {
    const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
    if (!this.closing) this.#frame(CLOSE, payload.subarray(0, 2));
    this.socket.end();
    this.#finish(code, payload.subarray(2).toString());
  }

  #fail(code, reason) {
    this.close(code);
    this.#finish(1006, reason);
  }

  // Writing

  #frame(opcode, payload) {
    if (!this.open || this.over || this.closing) return;
    const { length } = payload;
    const extra = length < 126 ? 0 : length < 65536 ? 2 : 8;
    const frame = Buffer.alloc(2 + extra + 4 + length);
    frame[0] = 0x80 | opcode;
    frame[1] = 0x80 | (extra === 0 ? length : extra === 2 ? 126 : 127);
    if (extra === 2) frame.writeUInt16BE(length, 2);
    if (extra === 8) frame.writeBigUInt64BE(BigInt(length), 2);
    const mask = randomBytes(4);
    mask.copy(frame, 2 + extra);
    for (let at = 0; at < length; at += 1) frame[6 + extra + at] = payload[at] ^ mask[at & 3];
    this.socket.write(frame);
  }

  #finish(code, reason, refusal) {
    if (this.over) return;
    this.over = true;
    this.end();
    this.events.onClose(code, reason, refusal);
  }
}
