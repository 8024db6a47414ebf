/** Calls: what was asked for and is not settled yet, across connections. No I/O. */

import * as codes from "./errors.js";
import { errorOf, faultOf, rowOf, saidOf } from "./messages.js";

const CANCEL_GRACE_S = 2;
export const CALLS_MAX = 10_000;
/** With what goes around them they fit a gateway's message limit, which would close with 1009. */
const PARAMS_BYTES_MAX = 1_047_552;
const TOLD_MAX = 10_000;
const UNCLAIMED_MAX = 10_000;

/**
 * @typedef {object} Call
 * @property {string | number} name what the user knows it by
 * @property {string} method
 * @property {object} params
 * @property {number} id 0 until it is sent for the first time; kept when it is sent again
 * @property {number} sentAt seconds
 * @property {number | null} dueAt when its caller's patience ends
 * @property {boolean} sent it was written to a connection: it may have run
 * @property {boolean} withdrawn nobody wants it to run any more
 * @property {boolean} abandoned nobody waits for its outcome any more
 * @property {boolean} repeated it was sent before, under another id, and runs no tool
 * @property {boolean} promised its caller was told that get_pending_results would tell
 * @property {object[]} rows of a get_pending_results: what others were settled with
 */

/** Every call of a client, the queue of those to be sent, and outcomes that nobody waits for. */
export class Calls {
  /**
   * @param {(settled: object) => void} report takes `{call, data}`, perhaps with `word` and `edited`, or
   *   `{call, error}`
   * @param {number} [keptMax] outcomes for which no call waits, at most
   */
  constructor(report, keptMax = UNCLAIMED_MAX) {
    /** @type {Map<string | number, Call>} */
    this.byName = new Map();
    /** @type {Map<number, Call>} */
    this.byId = new Map();
    /** @type {Call[]} */
    this.queue = [];
    this.unclaimed = new Map();
    this.keptMax = keptMax;
    this.overfull = false;
    this.told = new Set();
    this.report = report;
  }

  /**
   * Take the answer to one of the user's calls.
   * @param {Answer} answer
   * @param {string} principal who this client is
   * @returns {number} its sequence number, or 0
   */
  answered({ id, result, error }, principal) {
    const call = this.byId.get(id);
    if (call && call.method !== "tool_request") {
      if (error && wasTaken(call, error, principal)) this.settle(call, error.data, null);
      else this.settle(call, result ?? null, error ? errorOf(error) : null);
      return 0;
    }
    if (id === null) return 0;
    const { row, seq } = rowOf(id, call?.params.tool ?? "", { id, result, error });
    if (call || seq) this.take(row, null);
    return seq;
  }

  /**
   * Withdraw the calls whose time is over; give up on those that were withdrawn before.
   * @param {number} now
   * @param {(call: Call) => void} cancel takes calls that the gateway has, or may have
   */
  patience(now, cancel) {
    for (const call of [...this.byName.values()]) {
      if (call.dueAt === null || call.dueAt > now || call.abandoned) continue;
      if (call.withdrawn) this.giveUp(call);
      else {
        call.dueAt = now + CANCEL_GRACE_S;
        this.withdraw(call, cancel);
      }
    }
  }

  /** Nobody wants it any more. `cancel` as for `patience`. */
  withdraw(call, cancel) {
    call.withdrawn = true;
    if (call.sent && call.method === "tool_request") return cancel(call);
    const text = call.id || call.repeated ? "withdrawn" : "withdrawn; it was not sent";
    this.settle(call, null, new codes.AgentGateError(codes.CANCELLED, text));
  }

  /** The gateway has answered a withdrawal: tell what needs no waiting for. */
  cancelAnswered(call, { result, error }) {
    if (!this.waits(call)) return;
    const status = error ? "" : result?.status;
    if (status === "unknown_request") this.conclude(call, codes.CANCELLED, "withdrawn; it did not run");
    else if (status === "cancelled" && !call.promised) {
      this.tell(call.id);
      this.settle(call, null, new codes.AgentGateError(codes.CANCELLED, "withdrawn; it did not run"));
    } else if (error && !call.abandoned) this.giveUp(call);
  }

  /** Let a caller wait no more: the outcome is for its next get_pending_results. */
  giveUp(call) {
    call.abandoned = call.promised = true;
    const text = "no answer in time; get_pending_results tells when it is settled";
    const error = new codes.AgentGateError(codes.CANCELLED, text, { sent: true });
    this.report({ call: call.name, error });
  }

  /** Settle every call with an error; one that was sent may have run, and says so. */
  failAll(error) {
    for (const call of [...this.byName.values()]) {
      const sent = call.sent || call.repeated;
      const text = sent ? `${error.message}; the request was sent and may have run` : error.message;
      const data = sent ? { sent: true } : error.data;
      this.settle(call, null, new codes.AgentGateError(error.code, text, data));
    }
  }

  /** Take a call; it is queued. */
  add(name, method, params, dueAt) {
    if (this.byName.size >= CALLS_MAX) {
      throw new codes.AgentGateError(codes.LIMIT_EXCEEDED, `${CALLS_MAX} calls are waiting already`);
    }
    const bytes = new TextEncoder().encode(JSON.stringify(params)).length;
    if (bytes > PARAMS_BYTES_MAX) {
      const text = `the arguments take ${bytes} bytes; at most ${PARAMS_BYTES_MAX} can be sent`;
      throw new codes.AgentGateError(codes.LIMIT_EXCEEDED, text);
    }
    const flags = { sent: false, repeated: false, withdrawn: false, abandoned: false, promised: false };
    const call = { name, method, params, id: 0, sentAt: 0, dueAt, rows: [], ...flags };
    this.byName.set(name, call);
    this.queue.push(call);
    return call;
  }

  /** What was to go out again and did not is judged anew: its id may mean something else by then. */
  takeBack() {
    for (const call of this.queue.filter(({ id }) => id)) {
      call.sent = true;
      this.byId.set(call.id, call);
    }
    this.queue = this.queue.filter(({ id }) => !id);
  }

  /** Put calls in front of the queue, in this order, to be sent again: tool requests as they were. */
  requeue(calls) {
    for (const call of calls) {
      this.byId.delete(call.id);
      call.sent = false;
      if (call.method !== "tool_request") Object.assign(call, { id: 0, repeated: true });
    }
    this.queue.unshift(...calls);
  }

  /** Whether a call is not settled yet. */
  waits(call) {
    return this.byName.get(call.name) === call;
  }

  /** End a call, once; `said`: what people said of it and made of it. */
  settle(call, data, error, said = {}) {
    if (!this.waits(call)) return;
    this.byName.delete(call.name);
    if (this.byId.get(call.id) === call) this.byId.delete(call.id);
    if (!call.sent) this.queue = this.queue.filter((other) => other !== call);
    if (!call.abandoned) this.report({ call: call.name, ...(error ? { error } : { data, ...said }) });
  }

  /** Tell an outcome to its caller; if nobody waits for it any more, keep it for who asks. */
  take(row, collector) {
    const call = this.byId.get(row.request_id);
    if (call?.method === "tool_request") {
      const error = faultOf(row);
      const cancelled = error?.code === codes.CANCELLED;
      if (collector && !call.abandoned) collector.rows.push(row);
      if (!call.abandoned || (cancelled && !call.promised)) this.tell(row.request_id);
      this.settle(call, row.data ?? null, error, saidOf(row));
    }
    this.keep(row);
  }

  /** Keep an outcome for the next get_pending_results, unless it was told already. */
  keep(row) {
    if (this.told.has(row.request_id)) return;
    if (this.unclaimed.has(row.request_id) || this.unclaimed.size < this.keptMax) {
      this.unclaimed.set(row.request_id, row);
    } else {
      this.overfull = true; // not acknowledged, so the gateway keeps it
    }
  }

  /** Remember that an outcome was told, or that none is to come: it may come again all the same. */
  tell(id) {
    this.told.add(id);
    if (this.told.size > TOLD_MAX) this.told.delete(this.told.values().next().value);
    return id;
  }

  /** Give a collector all that there is. */
  handOver(call) {
    const rows = [...call.rows, ...this.unclaimed.values()];
    for (const id of this.unclaimed.keys()) this.tell(id);
    this.unclaimed.clear();
    this.settle(call, rows, null);
  }

  /** End a call of which the gateway will not say anything any more. */
  conclude(call, code, message) {
    if (call.promised) {
      const status = code === codes.OUTCOME_UNKNOWN ? "unknown" : "cancelled";
      const { id, params } = call;
      this.keep({ request_id: id, tool: params.tool, status, error: { code, message } });
    }
    this.settle(call, null, new codes.AgentGateError(code, message));
  }

  /**
   * Go through what was sent before the connection broke: queue again what the gateway does not
   * know, and end what it will never tell of. The rest goes on waiting.
   * @param {Set<RequestId> | null} pending what the gateway works on; null: it does not say
   * @param {number} forgotten the gateway may have forgotten what was first sent until then
   * @returns {Call[]} those that the gateway knows and nobody wants
   */
  reconcile(pending, forgotten) {
    const again = [];
    const unwanted = [];
    const inOrder = [...this.byName.values()].filter((call) => this.byId.get(call.id) === call);
    for (const call of inOrder) {
      const { id } = call;
      if (pending === null) {
        // Nobody waits for it, and nobody will ever say: get_pending_results must not keep silent
        const text = "Outcome unknown: the gateway does not say what it has";
        if (call.abandoned) this.conclude(call, codes.OUTCOME_UNKNOWN, text);
      } else if (pending.has(id)) {
        if (call.withdrawn) unwanted.push(call);
      } else if (call.sentAt <= forgotten) {
        const text = "Outcome unknown: the gateway does not keep requests so long";
        this.conclude(call, codes.OUTCOME_UNKNOWN, text);
      } else if (call.withdrawn) {
        this.conclude(call, codes.CANCELLED, "withdrawn; it did not run");
      } else {
        again.push(call);
      }
    }
    this.requeue(again);
    return unwanted;
  }

  /** When the next caller's patience ends, or Infinity. */
  nextDeadline() {
    let at = Infinity;
    for (const { dueAt, abandoned } of this.byName.values()) {
      if (dueAt !== null && !abandoned) at = Math.min(at, dueAt);
    }
    return at;
  }
}

/**
 * Whether an error says that a call is a decision that this client has made before: the first one
 * was durable, and its answer was lost.
 */
function wasTaken({ method, params, repeated }, { code, data }, principal) {
  if (method !== "decide_approval" || !repeated || code !== codes.ALREADY_SETTLED || !principal) return false;
  const { status, decided_by: by, approved_by: names } = data ?? {};
  const approves = params.decision === "approve";
  if (approves && Array.isArray(names) && names.includes(principal)) return ["waiting", "approved"].includes(status);
  return status === (approves ? "approved" : "denied") && by === principal;
}
