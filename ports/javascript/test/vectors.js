/**
 * Plays the client's vectors of the specification, or those of another folder, against the core:
 * `node test/vectors.js [FOLDER]`.
 */

import { readdirSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { compare, filled, show } from "./compare.js";
import { Readers } from "./readers.js";
import { Core } from "../src/core.js";

const [, , folder] = process.argv;
const SPEC = new URL("../../../spec/vectors/", import.meta.url);
const FOLDER = folder ? pathToFileURL(`${folder}/`) : SPEC;
const OUTPUTS = ["dial", "send", "ping", "close", "settle", "hears", "runs", "stops"];
/** What the core calls these. */
const CALLED = { run: "runs", stop: "stops" };
/** Outputs that are taken by a name. */
const NAMED = { settle: "call", hears: "name" };
const SETTLED_BEFORE = ["advance"];
/** A ping at that moment does not count: whether there is one is the client's to say. */
const BEGINS_AT = 100;

/** All vectors of the client's role. */
function load() {
  const sheets = readdirSync(FOLDER)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")));
  return sheets.filter((sheet) => sheet.role === "client").flatMap((sheet) => sheet.vectors);
}

/** A core on virtual time. */
class Player {
  constructor(vector) {
    const { max_retries: maxRetries = null, kept_max: keptMax } = vector.client ?? {};
    this.core = new Core({ token: "secret", clientId: "robot-1", instance: "p1", maxRetries, keptMax });
    this.watched = new Set([...OUTPUTS.filter((kind) => kind !== "ping"), ...(vector.watch ?? [])]);
    this.now = BEGINS_AT;
    this.bound = {};
    this.did = Object.fromEntries(OUTPUTS.map((kind) => [kind, []]));
    const call = (name, method, params) => this.core.call(name, method, params, null, this.now);
    this.readers = new Readers(call, (heard) => this.did.hears.push(heard));
  }

  input(kind, value) {
    const { core, now } = this;
    const actions = {
      open: () => core.open(now),
      connected: () => core.connected(now),
      dial_failed: () => core.dialFailed(value, now),
      rejected: () => {
        const { status, retry_after: retryAfter = "" } = value;
        core.rejected({ message: `HTTP ${status}`, status, retryAfter }, now);
      },
      receive: () => core.receive(JSON.stringify(filled(value, this.bound)), now),
      receive_text: () => core.receive(value, now),
      closed: () => core.lost(value.code, value.reason, now),
      lost: () => core.lost(1006, "", now),
      call: () => this.call(value),
      ask: () => core.call(value.name, value.method, value.params, value.timeout_s ?? null, now),
      cancel: () => core.cancel(value, now),
      collect: () => core.call(value, "get_pending_results", {}, null, now),
      end: () => core.close(now),
      advance: () => this.advance(now + value),
      watch: () => this.readers.watch(value),
      say: () => this.readers.say(value),
      leave: () => this.readers.leave(value),
      provide: () => core.stand(value.name, "tools.provide", { tools: value.tools }, now),
      login: () => {
        const { name, agent, password } = value;
        core.stand(name, "login_agent", { agent, password }, now);
      },
      returns: () => core.ran(value.call, { result: { data: value.data } }, now),
      fails: () => core.ran(value.call, { error: { code: value.code, message: value.message } }, now),
    };
    if (!actions[kind]) throw new Error(`no such step: ${kind}`);
    actions[kind]();
    this.drain();
  }

  call(value) {
    try {
      const { name, timeout_s: timeoutS = null, ...request } = filled(value);
      this.core.call(name, "tool_request", callParams(request), timeoutS, this.now);
    } catch (error) {
      this.did.settle.push({ call: value.name, error: { code: error.code, message: error.message } });
    }
  }

  advance(until) {
    for (let at = this.core.nextDeadline(); at !== null && at <= until; at = this.core.nextDeadline()) {
      this.now = Math.max(this.now, at);
      this.core.timer(this.now);
      this.drain();
    }
    this.now = until;
  }

  drain() {
    for (let outputs = this.core.outputs(); outputs.length; outputs = this.core.outputs()) {
      for (const output of outputs) this.note(output);
    }
  }

  note(output) {
    if (this.readers.take(output, this.core.state)) return;
    for (const [name, kind] of Object.entries(CALLED)) if (name in output) output = { [kind]: output[name] };
    const kind = OUTPUTS.find((name) => name in output);
    if (!kind || !this.watched.has(kind) || (kind === "ping" && this.now === BEGINS_AT)) {
      if (kind === "ping") this.core.heard(this.now); // the pong, as every library has it
      return;
    }
    const value = output[kind];
    this.did[kind].push(value.error ? { ...value, error: { ...value.error, message: value.error.message } } : value);
  }

  output(kind, wanted) {
    const did = this.did[kind];
    const by = NAMED[kind];
    const at = by ? did.findIndex((row) => row[by] === wanted[by]) : 0;
    if (at < 0 || at >= did.length) throw new Error(`missing: ${kind} ${show(wanted)}; did ${show(this.did)}`);
    compare(wanted, did.splice(at, 1)[0], this.bound);
  }

  nothingLeft() {
    const left = Object.entries(this.did).filter(([, did]) => did.length);
    if (left.length) throw new Error(`besides: ${show(Object.fromEntries(left))}`);
  }
}

function callParams({ tool, args, idempotency_key: key, why }) {
  return { tool, args, ...(key ? { idempotency_key: key } : {}), ...(why ? { why } : {}) };
}

function play(vector) {
  const player = new Player(vector);
  for (const step of vector.steps) {
    const [kind] = Object.keys(step);
    if (OUTPUTS.includes(kind)) player.output(kind, step[kind]);
    else {
      if (SETTLED_BEFORE.includes(kind)) player.nothingLeft();
      player.input(kind, step[kind]);
    }
  }
  player.nothingLeft();
}

let failures = 0;
const vectors = load();
for (const vector of vectors) {
  try {
    play(vector);
  } catch (error) {
    failures += 1;
    console.error(`${vector.name}: ${error.message}`);
  }
}
console.log(`${vectors.length - failures} of ${vectors.length} client vectors passed`);
process.exitCode = failures || !vectors.length ? 1 : 0;
