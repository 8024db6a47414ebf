/**
 * Tools that this client provides, and calls that are made on every connection. No I/O.
 * Written from spec/providing.md.
 */

import { AgentGateError, CONNECTION_LOST, INVALID_PARAMS, METHOD_NOT_FOUND, OUTCOME_UNKNOWN } from "./errors.js";

const ANSWERS_MAX = 256;
const PAST_MAX = 10_000;
/** How long all other calls wait for the answer to a standing one after a reconnect. */
const STANDING_WAIT_S = 30;

/** Calls that hold for one connection: made on each, one at a time, before all others. */
export class Standing {
  /**
   * @param {(output: object) => void} put takes what must be done, as of the core's outputs
   * @param {{ask: (call: object) => void, ready: () => void, now: () => number}} core sends one; lets
   *   all others go out; says what time it is
   */
  constructor(put, { ask, ready, now }) {
    this.put = put;
    this.now = now;
    this.ask = ask;
    this.ready = ready;
    this.calls = new Map();
    this.due = [];
    this.asked = null;
    /** There is a connection on which they can be made. */
    this.isOpen = false;
    /** Until when all others wait for the answer to the one that was asked, in seconds. */
    this.until = Infinity;
    this.isReady = false;
  }

  /** The answer did not come: nothing waits for it any more, and it counts when it comes. */
  overdue() {
    this.asked = null;
    this.#goOn();
  }

  add(name, method, params) {
    const call = { name, method, params, settled: false };
    this.calls.set(name, call);
    if (this.isOpen) this.due.push(call);
    this.#goOn();
  }

  /** What was under way before is settled: make them, then let all others go out. */
  connected() {
    this.isOpen = true;
    this.isReady = false;
    this.due = [...this.calls.values()];
    this.#goOn();
  }

  disconnected() {
    this.isOpen = this.isReady = false;
    this.due = [];
    this.asked = null;
    this.until = Infinity;
  }

  answered(call, { result, error }) {
    if (this.asked === call) this.asked = null;
    if (this.calls.get(call.name) === call) {
      const told = error ? { call: call.name, error: errorFor(error) } : { call: call.name, data: result };
      this.put(call.settled ? { stood: told } : { settle: told });
      call.settled = true;
    }
    this.#goOn();
  }

  /** The client is closed: they are forgotten. */
  end(error) {
    for (const call of this.calls.values()) if (!call.settled) this.put({ settle: { call: call.name, error } });
    this.calls.clear();
  }

  #goOn() {
    if (!this.isOpen || this.asked) return;
    this.due = this.due.filter((call) => this.calls.get(call.name) === call);
    this.asked = this.due.shift() ?? null;
    this.until = this.asked && !this.isReady ? this.now() + STANDING_WAIT_S : Infinity;
    if (this.asked) return this.ask(this.asked);
    this.isReady = true;
    this.ready();
  }
}

/** What the gateway asks for. A call that comes again is answered from memory, never run twice. */
export class Providing {
  /** @param {(output: object) => void} put takes what must be done, as of the core's outputs */
  constructor(put) {
    this.put = put;
    /** Calls that run, each with who waits for the answer: id → [[connection, request id], …] */
    this.running = new Map();
    this.kept = new Map();
    this.past = new Set();
  }

  /** A request came on a connection. */
  asked(connection, { id, method, params }) {
    if (method !== "tools.call") return this.#refuse(id, METHOD_NOT_FOUND, "Method not found");
    if (typeof params?.call !== "string" || typeof params?.tool !== "string") {
      return this.#refuse(id, INVALID_PARAMS, "Invalid params: call and tool are texts");
    }
    const { call, tool, args = {}, timeout_s: timeoutS = 30 } = params;
    const running = this.running.get(call);
    if (running) {
      this.running.set(call, [...running.filter(([other]) => other === connection), [connection, id]]);
    } else if (this.kept.has(call)) this.#send(id, this.kept.get(call));
    else if (this.past.has(call)) {
      this.#refuse(id, OUTCOME_UNKNOWN, "it has run before, and its answer is not kept any more");
    } else {
      this.running.set(call, [[connection, id]]);
      this.put({ run: { call, tool, args, timeout_s: timeoutS } });
    }
  }

  /** The gateway waits for a call no more. */
  stop(call) {
    if (this.running.has(call)) this.put({ stop: call });
  }

  /**
   * A tool is over.
   * @param {{result: unknown} | {error: {code: number, message: string}}} answer
   * @param {object | null} connection the one that there is now
   */
  over(call, answer, connection) {
    const askers = this.running.get(call) ?? [];
    this.running.delete(call);
    for (const [where, id] of askers) if (where === connection) this.#send(id, answer);
    this.kept.set(call, answer);
    if (this.kept.size > ANSWERS_MAX) {
      const [oldest] = this.kept.keys();
      this.kept.delete(oldest);
      this.past.add(oldest);
    }
    if (this.past.size > PAST_MAX) this.past.delete(this.past.values().next().value);
  }

  /** The client is closed: what runs is stopped. */
  end() {
    for (const call of this.running.keys()) this.put({ stop: call });
  }

  #refuse(id, code, message) {
    this.#send(id, { error: { code, message } });
  }

  #send(id, answer) {
    this.put({ send: { jsonrpc: "2.0", ...answer, id } });
  }
}

const errorFor = ({ code, message, data }) => new AgentGateError(code, message, data ?? null);

/** The error for a client that is not open. */
export const notConnected = () => new AgentGateError(CONNECTION_LOST, "not connected; call connect() first");
