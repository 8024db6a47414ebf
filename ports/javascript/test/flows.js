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

const PROVIDED = {
  double: { name: "double", effects: "read", run: ({ n }) => 2 * n, args: { required: ["n"] } },
  broken: {
    name: "broken",
    effects: "read",
    run: async () => {
      throw new TypeError("no motor");
    },
  },
  large: { name: "large", effects: "read", run: ({ n }) => "x".repeat(n) },
  slow: {
    name: "slow",
    effects: "read",
    run: (args, signal) => new Promise((stop) => signal.addEventListener("abort", () => stop(say({ aborted: true })))),
  },
};

const commands = {
  connect: () => client.connect().then(() => true),
  call: ({ tool, args, options }) => client.call(tool, args, options),
  ask: ({ tool, args, options }) => client.ask(tool, args, options),
  withdrawn: ({ tool, args, afterMs }) => client.call(tool, args, { signal: AbortSignal.timeout(afterMs) }),
  tools: () => client.listTools(),
  provide: ({ names }) => client.provide(names.map((name) => PROVIDED[name])),
  collect: () => client.getPendingResults(),
  session: ({ options }) => client.sessions.create(options).then(({ view }) => view),
  run: async ({ session, text, options, readMs = 0 }) => {
    const run = (await client.sessions.get(session)).send(text, options);
    const events = [];
    for await (const event of run) {
      events.push(event);
      if (events.length === 1) say({ started: run.id });
      if (readMs) await new Promise((wake) => setTimeout(wake, readMs));
    }
    return { events, text: await run.text(), id: run.id, joined: run.joined, status: run.status };
  },
  login: ({ agent, password }) => client.agents.login(agent, password).then(({ id, session }) => ({ id, session: session.id })),
  logout: async ({ agent, password }) => (await client.agents.login(agent, password)).logout().then(() => true),
  problem: async ({ agent, password }) => {
    const one = await client.agents.login(agent, password);
    while (!one.problem) await new Promise((wake) => setTimeout(wake, 10));
    return one.problem.code;
  },
  text: async ({ session, text, options }) => (await client.sessions.get(session)).send(text, options).text(),
  watch: async ({ session, cursor, count }) => {
    const events = [];
    for await (const event of (await client.sessions.get(session)).attach(cursor)) {
      events.push(event);
      say({ watched: event.kind });
      if (events.length === count || event.kind === "run_ended") break;
    }
    return events;
  },
  stop: async ({ session, run }) => (await client.sessions.get(session)).cancel(run),
  inspect: async ({ session, text }) => (await client.sessions.get(session)).inspect({ text }),
  usage: async ({ session }) => (await client.sessions.get(session)).usage("model"),
  sessions: ({ options }) => client.sessions.list(options),
  models: () => client.sessions.models(),
  forget: ({ session }) => client.sessions.delete(session).then(() => true),
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
