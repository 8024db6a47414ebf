/**
 * Lets `agent-gate conformance --listen` test this client: `node test/listen.js URL [TOKEN]`.
 * What a task asks for is in spec/testing.md.
 */

import { AgentGateClient } from "../src/index.js";

const [url, token = "conformance-token"] = process.argv.slice(2);
const clientId = `conformance-${crypto.randomUUID()}`; // of all clients here, as a stable name is
const opened = () => new AgentGateClient(url, { token, clientId }).connect();
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

const ended = (call) =>
  call.then(
    (data) => ({ data }),
    ({ code, message, data }) => ({ error: { code, message, ...(data?.sent ? { sent: true } : {}) } }),
  );

/** Make a call of a task; say how it ended. */
async function made({ tool, args, wait_s: waitS = 0, timeout_s: timeoutS = null }) {
  if (waitS) await pause(waitS);
  return ended(client.call(tool, args, { timeoutS }));
}

let client = await opened();
try {
  for (;;) {
    const { task, calls, close_after: closeAfter, collect } = await client.call("next");
    const ends = calls.map(made);
    ends[closeAfter]?.then(() => client.close());
    const report = { task, results: await Promise.all(ends) };
    if (closeAfter !== undefined) client = await opened();
    if (collect) report.rows = await client.getPendingResults();
    await ended(client.call("report", report));
  }
} catch {
  await client.close(); // the last case closes with 4409
}
