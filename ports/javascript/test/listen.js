/**
 * Lets `agent-gate conformance --listen` test this client:
 * `node test/listen.js URL [--minimal | --fresh]`.
 *
 * spec/testing.md says what is wanted of it. With --minimal it is a client that does not come back
 * by itself, with --fresh one that does, and keeps no rows for the next.
 */

import { AgentGateClient } from "../src/index.js";

const TRIES = 10; // as many clients in a row may fail to open before there is no gateway any more
const OVER = [-32000, -32005]; // what the calls of a client end with that is at its end

const [url, ...options] = process.argv.slice(2);
const minimal = options.includes("--minimal");
const named = { maxRetries: minimal ? 0 : null };
if (!minimal && !options.includes("--fresh")) named.clientId = `conformance-${crypto.randomUUID()}`;

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const isOver = ({ code }) => OVER.includes(code);
const wasSent = (error) => error.data?.sent === true;

let failed = [];
let report = null;
let collects = false;
let isLast = false;

/** A client that is open, or null: there is no gateway any more. */
async function opened() {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const client = new AgentGateClient(url, { token: "conformance-token", ...named });
    try {
      return await client.connect();
    } catch ({ code, message }) {
      failed.push({ code, message });
      await pause(0.01);
    }
  }
  return null;
}

/** Take tasks and report on them, by this client. */
async function work(client) {
  for (;;) {
    if (report !== null) {
      if (collects) report.rows = await client.getPendingResults();
      collects = false;
      const whole = { ...report, failed };
      failed = [];
      try {
        await client.call("report", whole);
      } catch (error) {
        if (isOver(error) && !wasSent(error)) throw error; // by the next client, then
      }
      report = null;
    }
    if (isLast) return;
    let task;
    try {
      task = await client.call("next");
    } catch (error) {
      if (isOver(error)) throw error;
      continue;
    }
    isLast = task.last ?? false;
    report = await done(client, task);
    collects = "close_after" in task && task.collect;
    if ("close_after" in task) return;
  }
}

/** Do a task; what to report of it. */
async function done(client, { task, calls, close_after: closeAfter, collect, provide, session }) {
  const report = { task, knows: ["why", "word", "edited"] };
  if (provide) report.provide = await offered(client, provide);
  const ends = calls.map((call) => made(client, call));
  ends[closeAfter]?.then(() => client.close());
  report.results = await Promise.all(ends);
  if (provide) await offered(client, []);
  if (session) report.session = [];
  for (const reader of session ?? []) report.session.push(await read(client, reader));
  if (collect && closeAfter === undefined) report.rows = await client.getPendingResults();
  return report;
}

/** Make a call of a task; say how it ended. */
async function made(client, { tool, args, why, wait_s: waitS = 0, timeout_s: timeoutS = null }) {
  if (waitS) await pause(waitS);
  try {
    return await client.ask(tool, args, { timeoutS, why });
  } catch (error) {
    const { code, message, word, edited } = error;
    return { error: { code, message, sent: wasSent(error) }, word, edited };
  }
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
function offered(client, names) {
  const offer = client.provide(names.map((name) => ({ name, run: TOOLS[name] })));
  return offer.then((names) => ({ names }), ({ code }) => ({ error: { code } }));
}

/** Say something and read the run to its end, or watch; say what was heard. */
async function read(client, { session: id, say, watch }) {
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
        told.text = error.data?.text; // as much as there is
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

for (let client = await opened(); client !== null; client = isLast ? null : await opened()) {
  try {
    await work(client);
  } catch {
    // it is over: another one goes on
  } finally {
    await client.close();
  }
}
