/**
 * One connection, from the moment its WebSocket is open: signs of life, our own requests on it, and
 * what was acknowledged. All of it ends with the connection; what outlives it is in core.js. No I/O.
 */

import { notification, request } from "./messages.js";

const AUTH_S = 10;
const SILENCE_S = 20;
const PONG_S = 20;
const ACK_DELAY_S = 0.05;
const ACK_COUNT_MAX = 64;

export class Connection {
  /**
   * @param {object} options
   * @param {(output: object) => void} options.put takes what must be done, as of the core's outputs
   * @param {() => number} options.nextId
   * @param {boolean} options.canPing
   * @param {number} now in seconds
   */
  constructor({ put, nextId, canPing }, now) {
    this.put = put;
    this.nextId = nextId;
    this.canPing = canPing;
    /** Our own requests that wait for an answer: id → {kind, call} */
    this.own = new Map();
    this.timers = { auth: now + AUTH_S, silence: null, pong: null, ack: null };
    this.seenSeq = this.ackedSeq = 0;
    this.probedAt = 0;
    this.heardAt = now;
  }

  /** The gateway has taken our token. */
  authenticated(now) {
    this.timers.auth = null;
    this.timers.silence = now + SILENCE_S;
    this.#ping();
  }

  /** Something came. */
  heard(now) {
    this.heardAt = now;
  }

  /** When `timer` wants to be called, or Infinity. */
  nextDeadline() {
    return Math.min(...Object.values(this.timers).filter((at) => at !== null));
  }

  /**
   * Do what is due.
   * @returns {"" | "no auth" | "dead"} not "": the connection must be given up
   */
  timer(now) {
    const due = (name) => {
      const is = this.timers[name] !== null && this.timers[name] <= now;
      if (is) this.timers[name] = null;
      return is;
    };
    if (due("ack")) this.ack();
    if (due("auth")) return "no auth";
    if (due("silence")) this.#silence(now);
    if (due("pong")) {
      if (this.heardAt < this.probedAt) return "dead";
      this.timers.silence = this.heardAt + SILENCE_S;
    }
    return "";
  }

  // Our own requests: those that are no user's call

  /** Ask; the answer is found again by `answerTo`. */
  ask(kind, method, params, call) {
    const id = this.nextId();
    this.own.set(id, { kind, call });
    this.put({ send: request(id, method, params) });
  }

  /** What an answer with this id is for, once; undefined: it is for none of our own. */
  answerTo(id) {
    const own = this.own.get(id);
    this.own.delete(id);
    return own;
  }

  // Acknowledging

  /** Outcomes up to this number are here: it is acknowledged soon, with those that follow. */
  saw(seq, now) {
    if (seq <= this.seenSeq) return;
    this.seenSeq = seq;
    if (seq - this.ackedSeq >= ACK_COUNT_MAX) this.ack();
    else this.timers.ack ??= now + ACK_DELAY_S;
  }

  /** Acknowledge now what was not yet. */
  ack() {
    this.timers.ack = null;
    if (this.seenSeq <= this.ackedSeq) return;
    this.ackedSeq = this.seenSeq;
    this.put({ send: notification("ack", { seq: this.seenSeq }) });
  }

  // Signs of life

  #ping() {
    if (this.canPing) this.put({ ping: true });
  }

  #silence(now) {
    if (this.heardAt + SILENCE_S > now) {
      this.timers.silence = this.heardAt + SILENCE_S;
      return;
    }
    if (this.canPing) this.#ping();
    else this.ask("probe", "list_requests", { open_only: true, limit: 1 }, null);
    this.probedAt = now;
    this.timers.pong = now + PONG_S;
  }
}
