/**
 * A client that a test directs, one JSON command per line on standard input, one JSON event per
 * line on standard output: `node test/flows.js URL TOKEN CLIENT_ID [browser]`. With `browser` it uses
 * the adapter for browsers; Node 20 has their WebSocket under `--experimental-websocket`.
 */

import { createInterface } from "node:readline";
import { AgentGateClient } from "../src/index.js";

const [url, token, clientId, platform] = process.argv.slice(2);
const say = (event) => console.log(JSON.stringify(event));
const failure = ({ code, message, data }) => ({ error: { code: code ?? 0, message, data } });
const client = new AgentGateClient(url, {
  token,
  clientId,
  ...(platform ? { openWebSocket: (await import("../src/browser-websocket.js")).openWebSocket } : {}),
  onState: ({ state }) => say({ state }),
  onWaiting: (waiting) => say({ waiting }),
});

const commands = {
  connect: () => client.connect().then(() => true),
  call: ({ tool, args, options }) => client.call(tool, args, options),
  withdrawn: ({ tool, args, afterMs }) => client.call(tool, args, { signal: AbortSignal.timeout(afterMs) }),
  tools: () => client.listTools(),
  collect: () => client.getPendingResults(),
  close: () => client.close().then(() => true),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { name, command, ...more } = JSON.parse(line);
  commands[command](more).then(
    (data) => say({ name, data }),
    (error) => say({ name, ...failure(error) }),
  );
}
await client.close();
