/** Lets `agent-gate conformance --listen` test this client: `node test/listen.js URL [TOKEN]`. */

import { AgentGateClient } from "../src/index.js";

const [url, token = "conformance-token"] = process.argv.slice(2);
const client = await new AgentGateClient(url, { token }).connect();

const ended = (call) =>
  call.then(
    (data) => ({ data }),
    ({ code, message }) => ({ error: { code, message } }),
  );

try {
  for (;;) {
    const { task, calls } = await client.call("next");
    const results = await Promise.all(calls.map(({ tool, args }) => ended(client.call(tool, args))));
    await ended(client.call("report", { task, results }));
  }
} catch {
  await client.close(); // the last case closes with 4409
}
