/**
 * The client's core: no sockets, no clock, no timers. Written from spec/.
 *
 * This file says when to connect, what to make of the gateway's answers, and what goes out next.
 * What belongs to one connection only is in connection.js, what is waited for in calls.js.
 *
 * Tell it what happened (`open`, `connected`, `receive`, `lost` …) with the time in seconds, then
 * take `outputs()` and do them; call `timer` at `nextDeadline()`. Outputs are objects with one
 * member: `dial`, `send`, `ping`, `close` (a code), `drop`, `settle`, `stood`, `state`, `pushed`,
 * `run` (a tool that this client provides) and `stop` (it).
 */

import * as codes from "./errors.js";
import { Calls } from "./calls.js";
import { Connection } from "./connection.js";
import { notConnected, Providing, Standing } from "./providing.js";
import { refusedBy, Schedule } from "./schedule.js";
import { authResult, decode, errorOf, pauseOf, pendingReply, request, RequestIds } from "./messages.js";

const AUTH_ID = "auth-1";
const IN_FLIGHT_MAX = 768;
/** How long all other calls wait for each reply that says what is pending. */
const COLLECT_S = 30;
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
   * @param {string} [options.instance] names this client among all with its `clientId`, ever
   * @param {number} [options.keptMax] outcomes for which no call waits, at most
   * @param {boolean} [options.canPing] false where the platform has no WebSocket pings (browsers):
   *   then a small call that changes nothing is made instead
   */
  constructor({ token, clientId, instance = "", keptMax, progress = false, maxRetries = null, canPing = true }) {
    this.authParams = { token, client_id: clientId, ...(progress ? { progress } : {}) };
    this.schedule = new Schedule(maxRetries);
    this.canPing = canPing;
    this.now = 0;
    this.state = "idle"; // idle, connecting, authenticating, collecting, connected, waiting, closed
    this.lastError = null;
    this.auth = null;
    this.epoch = "";
    this.retention = null;
    this.ids = new RequestIds(instance);
    this.out = [];
    this.calls = new Calls((settled) => this.out.push({ settle: settled }), keptMax);
    /** What the gateway has pending, of all pages; null: one did not say. */
    this.pending = new Set();
    this.collectDueAt = Infinity;
    const put = (this.put = (output) => this.out.push(output));
    this.standing = new Standing(put, {
      ask: (call) => this.connection.ask("standing", call.method, call.params, call),
      now: () => this.now,
      ready: () => this.state === "collecting" && this.#ready(),
    });
    this.providing = new Providing(put);
    /** @type {Connection | null} from `connected` until it is over */
    this.connection = null;
    this.retryAt = Infinity;
  }

  /** Take what must be done, in order. */
  outputs() {
    const out = this.out;
    this.out = [];
    return out;
  }

  /** When `timer` wants to be called, in seconds, or null. Changes nothing. */
  nextDeadline() {
    const ofConnection = this.connection?.nextDeadline() ?? Infinity;
    const own = [this.retryAt, this.collectDueAt, this.standing.until, this.calls.nextDeadline()];
    const at = Math.min(ofConnection, ...own);
    return at === Infinity ? null : at;
  }

  // Commands

  /** Begin to connect. */
  open(now) {
    this.#clock(now);
    if (this.state !== "idle" && this.state !== "closed") return;
    this.schedule.succeeded();
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
      throw this.lastError ?? notConnected();
    }
    this.calls.add(name, method, params, timeoutS === null ? null : this.now + timeoutS);
    this.#flush();
  }

  /** Make a call on every connection, before all others: first `settle` is told, later `stood`. */
  stand(name, method, params, now) {
    this.#clock(now);
    if (this.state === "idle" || this.state === "closed") throw this.lastError ?? notConnected();
    this.standing.add(name, method, params);
  }

  /** Make it no more. */
  unstand(name) {
    this.standing.calls.delete(name);
  }

  /** A tool that `run` was for is over: `{ result: { data } }`, or `{ error: { code, message } }`. */
  ran(call, answer, now) {
    this.#clock(now);
    this.providing.over(call, answer, this.#isOpen() ? this.connection : null);
  }

  /** The caller is gone: the call is withdrawn if that is possible, and not reported. */
  cancel(name, now) {
    this.#clock(now);
    const call = this.calls.byName.get(name);
    if (!call || call.abandoned) return;
    call.abandoned = true;
    if (!call.withdrawn) this.calls.withdraw(call, this.#cancelNow);
    this.#flush();
  }

  /** End it: every call is settled, the connection is closed with 1000. */
  close(now) {
    this.#clock(now);
    if (this.state === "closed") return;
    if (this.#isOpen()) this.connection.ack();
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
    const nextId = () => this.#noOutcomeId();
    this.connection = new Connection({ put: this.put, nextId, canPing: this.canPing }, this.now);
    this.out.push({ send: request(AUTH_ID, "auth", this.authParams) });
  }

  /** The WebSocket could not be opened. */
  dialFailed(message, now) {
    this.rejected({ message, status: 0, retryAfter: "" }, now);
  }

  /**
   * The upgrade was refused by HTTP.
   * @param {{message: string, status: number, retryAfter: string}} refusal see `refusedBy`
   */
  rejected(refusal, now) {
    this.#clock(now);
    if (this.state !== "connecting") return;
    const { error, isFinal, atLeast } = refusedBy(refusal);
    this.#failed(error, isFinal && this.auth === null, atLeast);
  }

  /** A text message came. */
  receive(text, now) {
    this.heard(now);
    const { answer = null, notification: told = null, asked = null } = decode(text) ?? {};
    if (this.state === "authenticating") this.#authAnswered(answer);
    else if (!this.#isOpen()) return;
    else if (answer) this.#answered(answer);
    else if (asked) this.providing.asked(this.connection, asked);
    else if (told?.method === "tools.cancel") this.providing.stop(told.params?.call);
    else if (told) this.out.push({ pushed: told });
  }

  /** Something came from the gateway: any byte is a sign of life. */
  heard(now) {
    this.#clock(now);
    this.connection?.heard(this.now);
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
    if (this.retryAt <= this.now) {
      this.retryAt = Infinity;
      this.#dial();
    }
    if (this.standing.until <= this.now) this.standing.overdue();
    if (this.collectDueAt <= this.now) this.#drop("the gateway did not say in time what is pending");
    this.calls.patience(this.now, this.#cancelNow);
    const trouble = this.connection?.timer(this.now);
    if (trouble === "no auth") {
      this.out.push({ close: 1000 });
      const error = new codes.AgentGateError(codes.AUTHENTICATION, "the gateway did not answer auth");
      this.#failed(error, this.auth === null);
    } else if (trouble === "dead") {
      this.#drop("no sign of life from the gateway");
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

  /** Give a connection up that is of no use any more. */
  #drop(why) {
    this.out.push({ drop: true });
    this.lost(1006, why, this.now);
  }

  #failed(error, final, atLeast = 0) {
    this.lastError = error;
    if (final) return this.#end(error);
    const pause = this.schedule.failed(atLeast);
    if (pause === null) {
      const text = `Connection lost: ${error.message}`;
      return this.#end(new codes.AgentGateError(codes.CONNECTION_LOST, text));
    }
    this.#disconnected();
    this.retryAt = this.now + pause;
    this.#change("waiting", { error, retryInS: pause });
  }

  /** The connection is over. What runs no tool is asked again on the next one. */
  #disconnected() {
    const own = this.connection?.own.values() ?? [];
    this.connection = null;
    this.retryAt = this.collectDueAt = Infinity;
    this.standing.disconnected();
    this.calls.takeBack();
    const again = new Set([...this.calls.byId.values()].filter((call) => call.method !== "tool_request"));
    for (const { kind, call } of own) if (kind === "collect" && call) again.add(call);
    this.calls.requeue([...this.calls.byName.values()].filter((call) => again.has(call))); // as they were made
  }

  #end(error) {
    this.#disconnected();
    this.lastError = error;
    this.standing.end(error);
    this.providing.end();
    this.calls.failAll(error);
    this.#change("closed", { error });
  }

  #authAnswered(answer) {
    const { id, result, error } = answer ?? {};
    const auth = id === AUTH_ID && !error ? authResult(result) : null;
    if (auth) return this.#authenticated(auth);
    const refused = error !== undefined && FINAL.has(error.code);
    const text = error?.message ?? "the first message was no auth reply";
    const isAuth = error?.code !== codes.LIMIT_EXCEEDED;
    const code = isAuth ? codes.AUTHENTICATION : codes.CONNECTION_LOST;
    this.out.push({ close: 1000 });
    const final = this.auth === null ? isAuth : refused && id === AUTH_ID;
    this.#failed(new codes.AgentGateError(code, text), final, pauseOf(error?.data));
  }

  #authenticated(result) {
    const again = this.auth !== null;
    const { highest, epoch, retention } = result;
    this.auth = result;
    this.calls.overfull = false;
    this.connection.authenticated(this.now);
    this.ids.follow(highest);
    this.retention = retention;
    if (this.epoch !== epoch) {
      for (const call of [...this.calls.byId.values()]) {
        const text = "Outcome unknown: the gateway has lost its memory";
        this.calls.conclude(call, codes.OUTCOME_UNKNOWN, text);
      }
    }
    this.epoch = epoch;
    this.state = "collecting";
    this.pending = new Set();
    if (again) this.#collect(null);
    else this.standing.connected();
  }

  #ready() {
    this.schedule.succeeded();
    this.lastError = null;
    this.#change("connected");
    this.#flush();
  }

  // Sending

  #flush() {
    while (this.state === "connected" && this.calls.queue.length && this.calls.byId.size < IN_FLIGHT_MAX) {
      const call = this.calls.queue.shift();
      call.sent = true;
      if (call.method === "get_pending_results") {
        this.#collect(call);
        continue;
      }
      if (!call.id) {
        call.id = call.method === "tool_request" ? this.ids.take() : this.#noOutcomeId();
        call.sentAt = this.now;
      }
      this.calls.byId.set(call.id, call);
      this.out.push({ send: request(call.id, call.method, call.params) });
    }
  }

  /** An id for what runs no tool: a second answer to it is no outcome. */
  #noOutcomeId() {
    return this.calls.tell(this.ids.take());
  }

  #collect(call) {
    if (!call) this.collectDueAt = this.now + COLLECT_S;
    this.connection.ask("collect", "get_pending_results", {}, call);
  }

  // Answers

  #answered(answer) {
    if (answer.id === AUTH_ID) return; // once is enough
    const own = this.connection.answerTo(answer.id);
    if (own) {
      if (own.kind === "collect") this.#collected(own.call, answer);
      else if (own.kind === "standing") this.standing.answered(own.call, answer);
      else if (own.kind === "cancel") this.calls.cancelAnswered(own.call, answer);
    } else {
      this.#saw(this.calls.answered(answer, this.auth.principal));
    }
    this.#flush();
  }

  #collected(call, answer) {
    if (!call) this.collectDueAt = Infinity;
    const reply = answer.error ? null : pendingReply(answer.result);
    if (!reply) {
      const error = errorOf(answer.error ?? { code: codes.INTERNAL_ERROR, message: "the gateway's answer is odd" });
      if (call) this.calls.settle(call, null, error);
      else if (NOT_OFFERED.has(error.code)) this.#reconcile(null);
      else this.#drop(error.message);
      return;
    }
    for (const row of reply.rows) this.calls.take(row, call);
    this.#saw(reply.seq);
    if (call && !this.calls.waits(call)) return; // what came is for who asks next
    if (!call) this.pending = reply.pending && this.pending && new Set([...this.pending, ...reply.pending]);
    if (reply.more && reply.rows.length && !this.calls.overfull) this.#collect(call);
    else if (call) this.#handOver(call);
    else this.#reconcile(this.pending);
  }

  #handOver(call) {
    this.calls.handOver(call);
    if (this.calls.overfull) this.#drop("there is room again for outcomes that were not acknowledged");
  }

  #reconcile(pending) {
    const forgotten = this.retention === null ? -Infinity : this.now - this.retention;
    for (const unwanted of this.calls.reconcile(pending, forgotten)) this.#cancel(unwanted);
    this.standing.connected();
  }

  #saw(seq) {
    // What did not fit is not acknowledged, so the gateway keeps it
    if (!this.calls.overfull) this.connection.saw(seq, this.now);
  }

  /** Before reconciliation is over, that sees to it. */
  #cancelNow = (call) => this.standing.isOpen && this.#cancel(call);

  #cancel(call) {
    this.connection.ask("cancel", "cancel_request", { request_id: call.id }, call);
  }
}
