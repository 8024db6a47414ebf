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

/** How often a provided tool was run, by its argument `key`. */
const runs = new Map();
const run = (key) => runs.set(key, (runs.get(key) ?? 0) + 1);

const TOOLS = {
  count({ key }) {
    run(key);
    return { key, runs: runs.get(key) };
  },
  async wait({ key, seconds }, signal) {
    run(key);
    await new Promise((resolve, reject) => {
      setTimeout(resolve, seconds * 1000);
      signal.addEventListener("abort", () => reject(new Error("stopped")));
    });
    return { key, runs: runs.get(key) };
  },
  fail({ text }) {
    throw new Error(text);
  },
};

/** Provide these tools, in place of those before; say what came of it. */
function offered(names) {
  const offer = client.provide(names.map((name) => ({ name, run: TOOLS[name] })));
  return offer.then((names) => ({ names }), ({ code }) => ({ error: { code } }));
}

/** Say something and read the run to its end, or watch; say what was heard. */
async function read({ session: id, say, watch }) {
  const events = [];
  const told = { events };
  try {
    const session = await client.sessions.get(id);
    if (say) {
      const run = session.send(say.text, { messageId: say.message_id });
      await run.started();
      try {
        for await (const { kind, offset, count, data } of run) events.push({ kind, offset, count, data });
        told.text = await run.text();
      } catch (error) {
        told.text = error.data.text; // as much as there is
      }
    } else {
      const cursor = watch.epoch === undefined ? null : watch;
      for await (const { kind, offset, count, data } of session.attach(cursor)) {
        events.push({ kind, offset, count, data });
        if (data.last) break;
      }
    }
  } catch ({ code }) {
    told.error = { code };
  }
  return told;
}

let client = await opened();
try {
  for (;;) {
    const { task, calls, close_after: closeAfter, collect, provide, session } = await client.call("next");
    const report = { task };
    if (provide) report.provide = await offered(provide);
    const ends = calls.map(made);
    ends[closeAfter]?.then(() => client.close());
    report.results = await Promise.all(ends);
    if (provide) await offered([]);
    if (session) report.session = [];
    for (const reader of session ?? []) report.session.push(await read(reader));
    if (closeAfter !== undefined) client = await opened();
    if (collect) report.rows = await client.getPendingResults();
    await ended(client.call("report", report));
  }
} catch {
  await client.close(); // the last case closes with 4409
}
