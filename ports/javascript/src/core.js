/**
 * The client's core: no sockets, no clock, no timers. Written from spec/PROTOCOL.md.
 *
 * Tell it what happened (`open`, `connected`, `receive`, `lost` …) with the time in seconds, then
 * take `outputs()` and do them; call `timer` at `nextDeadline()`. Outputs are objects with one
 * member: `dial`, `send`, `ping`, `close` (a code), `drop`, `settle`, `state`, `pushed`.
 */

import * as codes from "./errors.js";
import { Calls, CANCEL_GRACE_S } from "./calls.js";
import { decode, errorOf, notification, pendingReply, request, rowOf } from "./messages.js";

const AUTH_ID = "auth-1";
const AUTH_S = 10;
const SILENCE_S = 20;
const PONG_S = 20;
const ACK_DELAY_S = 0.05;
const ACK_COUNT_MAX = 64;
const IN_FLIGHT_MAX = 768;
const BACKOFF_CAP_S = 30;
const TAKEN_OVER = 4409;
const FINAL = new Set([codes.AUTHENTICATION, codes.INVALID_REQUEST, codes.METHOD_NOT_FOUND, codes.INVALID_PARAMS]);
const NOT_OFFERED = new Set([codes.METHOD_NOT_FOUND, codes.FORBIDDEN]);

export class Core {
  /**
   * @param {object} options
   * @param {string} options.token
   * @param {string} options.clientId a fresh UUID, or a stable name
   * @param {boolean} [options.progress] hear of `request_waiting`
   * @param {number | null} [options.maxRetries] attempts in a row; null: without end
   * @param {boolean} [options.canPing] false where the platform has no WebSocket pings (browsers):
   *   then a small call that changes nothing is made instead
   */
  constructor({ token, clientId, progress = false, maxRetries = null, canPing = true }) {
    this.authParams = { token, client_id: clientId, ...(progress ? { progress } : {}) };
    this.maxRetries = maxRetries;
    this.canPing = canPing;
    this.now = 0;
    this.state = "idle"; // idle, connecting, authenticating, collecting, connected, waiting, closed
    this.failures = 0;
    this.lastError = null;
    this.auth = null;
    this.epoch = "";
    this.retention = 0;
    this.lastId = 0;
    this.out = [];
    this.calls = new Calls((settled) => this.out.push({ settle: settled }));
    /** Our own requests on this connection: id → {kind, call} */
    this.internal = new Map();
    this.timers = { retry: null, auth: null, silence: null, pong: null, ack: null };
    this.seenSeq = this.ackedSeq = 0;
    this.probedAt = this.heardAt = 0;
  }

  /** Take what must be done, in order. */
  outputs() {
    const out = this.out;
    this.out = [];
    return out;
  }

  /** When `timer` wants to be called, in seconds, or null. Changes nothing. */
  nextDeadline() {
    const set = Object.values(this.timers).filter((at) => at !== null);
    const at = Math.min(...set, this.calls.nextDeadline());
    return at === Infinity ? null : at;
  }

  // Commands

  /** Begin to connect. */
  open(now) {
    this.#clock(now);
    if (this.state !== "idle" && this.state !== "closed") return;
    this.failures = 0;
    this.lastError = this.auth = null;
    this.#dial();
  }

  /**
   * Make a call; `settle` with its name will follow, once.
   * @param {string | number} name unique among the calls that wait
   */
  call(name, method, params, timeoutS, now) {
    this.#clock(now);
    if (this.state === "idle" || this.state === "closed") {
      throw this.lastError ?? new codes.AgentGateError(codes.CONNECTION_LOST, "not connected");
    }
    this.calls.add(name, method, params, timeoutS === null ? null : this.now + timeoutS);
    this.#flush();
  }

  /** The caller is gone: the call is withdrawn if that is possible, and not reported. */
  cancel(name, now) {
    this.#clock(now);
    const call = this.calls.byName.get(name);
    if (!call || call.abandoned) return;
    call.abandoned = true;
    if (!call.withdrawn) this.#withdraw(call);
    this.#flush();
  }

  /** End it: every call is settled, the connection is closed with 1000. */
  close(now) {
    this.#clock(now);
    if (this.state === "closed") return;
    if (this.#isOpen()) this.#ack();
    if (this.#isOpen() || this.state === "authenticating") this.out.push({ close: 1000 });
    else if (this.state === "connecting") this.out.push({ drop: true });
    this.#end(new codes.AgentGateError(codes.CONNECTION_LOST, "the client was closed"));
  }

  // Input

  /** The WebSocket is open. */
  connected(now) {
    this.#clock(now);
    if (this.state !== "connecting") return;
    this.state = "authenticating";
    this.heardAt = this.now;
    this.timers.auth = this.now + AUTH_S;
    this.out.push({ send: request(AUTH_ID, "auth", this.authParams) });
  }

  /** The WebSocket could not be opened. */
  dialFailed(message, now) {
    this.#clock(now);
    if (this.state === "connecting") {
      this.#failed(new codes.AgentGateError(codes.CONNECTION_LOST, message), false);
    }
  }

  /** A text message came. */
  receive(text, now) {
    this.heard(now);
    const { answer = null, notification: told = null } = decode(text) ?? {};
    if (this.state === "authenticating") this.#authAnswered(answer);
    else if (!this.#isOpen()) return;
    else if (answer) this.#answered(answer);
    else if (told) this.out.push({ pushed: told });
  }

  /** Something came from the gateway: any byte is a sign of life. */
  heard(now) {
    this.#clock(now);
    this.heardAt = this.now;
  }

  /** The connection is over: with a close code if the gateway sent one, else 1006. */
  lost(code, reason, now) {
    this.#clock(now);
    if (this.state !== "authenticating" && !this.#isOpen()) return;
    const why = reason || (code === 1006 ? "the connection broke" : `the gateway closed it (${code})`);
    // One that came back would be taken over by its successor, and so on
    this.#failed(new codes.AgentGateError(codes.CONNECTION_LOST, why), code === TAKEN_OVER);
  }

  /** Do what is due. */
  timer(now) {
    this.#clock(now);
    const due = (name) => {
      const is = this.timers[name] !== null && this.timers[name] <= this.now;
      if (is) this.timers[name] = null;
      return is;
    };
    if (due("retry")) this.#dial();
    this.#patience();
    if (due("ack")) this.#ack();
    if (due("auth")) {
      this.out.push({ close: 1000 });
      const error = new codes.AgentGateError(codes.AUTHENTICATION, "the gateway did not answer auth");
      this.#failed(error, this.auth === null);
    }
    if (due("silence")) this.#silence();
    if (due("pong")) {
      if (this.heardAt >= this.probedAt) this.timers.silence = this.heardAt + SILENCE_S;
      else {
        this.out.push({ drop: true });
        this.lost(1006, "no sign of life from the gateway", now);
      }
    }
  }

  // Connections

  #clock(now) {
    this.now = Math.max(this.now, now);
  }

  #isOpen() {
    return this.state === "collecting" || this.state === "connected";
  }

  #change(state, more = {}) {
    this.state = state;
    this.out.push({ state, ...more });
  }

  #dial() {
    this.#change("connecting");
    this.out.push({ dial: true });
  }

  #clearTimers() {
    for (const name of Object.keys(this.timers)) this.timers[name] = null;
  }

  #failed(error, final) {
    this.#clearTimers();
    this.lastError = error;
    const pause = Math.min(2 ** Math.min(this.failures, 16), BACKOFF_CAP_S);
    this.failures += 1;
    if (final) return this.#end(error);
    if (this.maxRetries !== null && this.failures > this.maxRetries) {
      const text = `Connection lost: ${error.message}`;
      return this.#end(new codes.AgentGateError(codes.CONNECTION_LOST, text));
    }
    this.#disconnected();
    this.timers.retry = this.now + pause;
    this.#change("waiting", { error, retryInS: pause });
  }

  /** What runs no tool is asked again on the next connection. */
  #disconnected() {
    const again = [...this.calls.byId.values()].filter((call) => call.method !== "tool_request");
    for (const { kind, call } of this.internal.values()) if (kind === "collect" && call) again.push(call);
    this.internal.clear();
    this.calls.requeue(again);
  }

  #end(error) {
    this.#clearTimers();
    this.#disconnected();
    this.lastError = error;
    for (const call of [...this.calls.byName.values()]) {
      const text = call.sent ? `${error.message}; the request was sent and may have run` : error.message;
      const data = call.sent ? { sent: true } : error.data;
      this.calls.settle(call, null, new codes.AgentGateError(error.code, text, data));
    }
    this.#change("closed", { error });
  }

  #authAnswered(answer) {
    const { id, result, error } = answer ?? {};
    if (id === AUTH_ID && result?.status === "authenticated") return this.#authenticated(result);
    const refused = error !== undefined && FINAL.has(error.code);
    const text = error?.message ?? "the first message was no auth reply";
    const isAuth = refused || error === undefined;
    const code = isAuth ? codes.AUTHENTICATION : codes.CONNECTION_LOST;
    this.out.push({ close: 1000 });
    const final = this.auth === null ? isAuth : refused && id === AUTH_ID;
    this.#failed(new codes.AgentGateError(code, text), final);
  }

  #authenticated(result) {
    const again = this.auth !== null;
    const { highest_id: highest = 0, epoch = "", retention_s: retention = 0 } = result;
    this.auth = result;
    this.#clearTimers();
    this.timers.silence = this.now + SILENCE_S;
    this.seenSeq = this.ackedSeq = 0;
    this.calls.overfull = false;
    this.#ping();
    if (Number.isSafeInteger(highest)) this.lastId = Math.max(this.lastId, highest);
    this.retention = retention;
    if (this.epoch && this.epoch !== epoch) {
      for (const call of [...this.calls.byId.values()]) {
        const text = "Outcome unknown: the gateway has lost its memory";
        this.calls.conclude(call, codes.OUTCOME_UNKNOWN, text);
      }
    }
    this.epoch = epoch;
    if (again) {
      this.state = "collecting";
      this.#collect(null);
    } else {
      this.#ready();
    }
  }

  #ready() {
    this.failures = 0;
    this.lastError = null;
    this.#change("connected");
    this.#flush();
  }

  // Sending

  #nextId() {
    this.lastId += 1;
    return this.lastId;
  }

  #flush() {
    while (this.state === "connected" && this.calls.queue.length && this.calls.byId.size < IN_FLIGHT_MAX) {
      const call = this.calls.queue.shift();
      call.sent = true;
      if (call.method === "get_pending_results") {
        this.#collect(call);
        continue;
      }
      if (!call.id) {
        call.id = this.#nextId();
        call.sentAt = this.now;
      }
      this.calls.byId.set(call.id, call);
      this.out.push({ send: request(call.id, call.method, call.params) });
    }
  }

  #ask(kind, method, params, call) {
    const id = this.#nextId();
    this.internal.set(id, { kind, call });
    this.out.push({ send: request(id, method, params) });
  }

  #collect(call) {
    this.#ask("collect", "get_pending_results", {}, call);
  }

  #ping() {
    if (this.canPing) this.out.push({ ping: true });
  }

  #silence() {
    if (this.heardAt + SILENCE_S > this.now) {
      this.timers.silence = this.heardAt + SILENCE_S;
      return;
    }
    if (this.canPing) this.#ping();
    else this.#ask("probe", "list_requests", { open_only: true, limit: 1 }, null);
    this.probedAt = this.now;
    this.timers.pong = this.now + PONG_S;
  }

  // Answers

  #answered(answer) {
    const own = this.internal.get(answer.id);
    if (own) {
      this.internal.delete(answer.id);
      if (own.kind === "collect") this.#collected(own.call, answer);
      else if (own.kind === "cancel" && answer.result?.status === "unknown_request") {
        this.calls.conclude(own.call, codes.CANCELLED, "withdrawn; it did not run");
      }
    } else {
      this.#outcome(answer);
    }
    this.#flush();
  }

  #outcome(answer) {
    const call = this.calls.byId.get(answer.id);
    if (call && call.method !== "tool_request") {
      const { result, error } = answer;
      this.calls.settle(call, result ?? null, error ? errorOf(error) : null);
      return;
    }
    if (!Number.isInteger(answer.id)) return;
    const { row, seq } = rowOf(answer.id, call?.params.tool ?? "", answer);
    if (call || (seq && row.status)) this.calls.take(row, null);
    this.#saw(seq);
  }

  #collected(call, answer) {
    if (answer.error) {
      if (call) this.calls.settle(call, null, errorOf(answer.error));
      else if (NOT_OFFERED.has(answer.error.code)) this.#reconcile(null);
      else {
        this.out.push({ drop: true });
        this.lost(1006, answer.error.message, this.now);
      }
      return;
    }
    const reply = pendingReply(answer.result);
    for (const row of reply.rows) this.calls.take(row, call);
    this.#saw(reply.seq);
    if (reply.more && reply.rows.length && !this.calls.overfull) this.#collect(call);
    else if (call) this.calls.handOver(call);
    else this.#reconcile(reply.pending);
  }

  /** Send again what the gateway does not know; one that does not say is left to finish. */
  #reconcile(pending) {
    const known = new Set(pending ?? []);
    const forgotten = this.retention > 0 ? this.now - this.retention : -Infinity;
    const again = [];
    for (const [id, call] of [...this.calls.byId]) {
      if (pending === null) {
        // Nobody waits for it, and nobody will ever say: get_pending_results must not keep silent
        const text = "Outcome unknown: the gateway does not say what it has";
        if (call.abandoned) this.calls.conclude(call, codes.OUTCOME_UNKNOWN, text);
      } else if (known.has(id)) {
        if (call.withdrawn) this.#cancel(call);
      } else if (call.sentAt <= forgotten) {
        const text = "Outcome unknown: the gateway does not keep requests so long";
        this.calls.conclude(call, codes.OUTCOME_UNKNOWN, text);
      } else if (call.withdrawn) {
        this.calls.conclude(call, codes.CANCELLED, "withdrawn; it did not run");
      } else {
        again.push(call);
      }
    }
    this.calls.requeue(again);
    this.#ready();
  }

  // Acknowledging

  #saw(seq) {
    if (seq <= this.seenSeq || this.calls.overfull || !this.#isOpen()) return;
    this.seenSeq = seq;
    if (seq - this.ackedSeq >= ACK_COUNT_MAX) this.#ack();
    else this.timers.ack ??= this.now + ACK_DELAY_S;
  }

  #ack() {
    this.timers.ack = null;
    if (this.seenSeq <= this.ackedSeq) return;
    this.ackedSeq = this.seenSeq;
    this.out.push({ send: notification("ack", { seq: this.seenSeq }) });
  }

  // Withdrawing

  #patience() {
    for (const call of [...this.calls.byName.values()]) {
      if (call.dueAt === null || call.dueAt > this.now || call.abandoned) continue;
      if (call.withdrawn) {
        call.abandoned = call.promised = true;
        const text = "no answer in time; get_pending_results tells when it is settled";
        this.out.push({ settle: { call: call.name, error: new codes.AgentGateError(codes.CANCELLED, text) } });
      } else {
        call.dueAt = this.now + CANCEL_GRACE_S;
        this.#withdraw(call);
      }
    }
  }

  #withdraw(call) {
    call.withdrawn = true;
    if (!call.sent || call.method !== "tool_request") {
      const text = call.id ? "withdrawn" : "withdrawn; it was not sent";
      this.calls.settle(call, null, new codes.AgentGateError(codes.CANCELLED, text));
    } else if (this.state === "connected") {
      this.#cancel(call);
    }
  }

  #cancel(call) {
    this.#ask("cancel", "cancel_request", { request_id: call.id }, call);
  }
}
