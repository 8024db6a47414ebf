/**
 * A feed: what one reader gets of a session's log, without gap or duplicate. No I/O.
 *
 * It knows which event it wants next. What is below was taken before, and is dropped; a text that
 * begins below is cut at the cursor; a hole that nobody told is told as a `gap`. So it does not
 * matter how often, from where, or over how many connections the log is read (watch.js).
 */

import { AgentGateError, CONNECTION_LOST } from "./errors.js";

/** Events that wait for their reader, about; beyond it nothing is taken until half of it is read. */
export const FEED_BYTES_MAX = 1_048_576;
/** What an event in memory takes besides its data, about. */
const EVENT_BYTES = 300;

/**
 * @typedef {{epoch: string, offset: number}} Cursor before the event with this offset
 * @typedef {{kind: string, data: object, offset: number, count: number, at: string}} Event
 */

export class SessionFeed {
  /**
   * @param {Cursor | null} cursor where to begin; null: where the gateway begins by itself
   * @param {string} [run] end after the end of this run
   */
  constructor(cursor, run = "") {
    /** After the last event that the reader took. */
    this.cursor = cursor;
    /** After the last event that came: where to go on. */
    this.wanted = cursor;
    this.run = run;
    this.full = false;
    this.ended = false;
    /** @type {AgentGateError | null} why it ended, if something went wrong */
    this.error = null;
    this.overAt = Infinity;
    /** The end of its run may be in what was lost: nothing is taken before `attached`. */
    this.inDoubt = false;
    this.waiting = [];
    this.bytes = 0;
  }

  // The reader's side

  /**
   * Take the next event; null if none waits. There may be room again afterwards.
   * @returns {Event | null}
   */
  nextEvent() {
    const next = this.waiting.shift();
    if (!next) return null;
    this.cursor = next.after;
    this.bytes -= next.size;
    if (this.bytes <= FEED_BYTES_MAX / 2) this.full = false;
    return next.event;
  }

  /** The reader is gone. */
  close() {
    this.ended = true;
    this.waiting = [];
    this.bytes = 0;
  }

  // The log's side

  /** Nothing more comes; the first reason counts. That a run has not ended is one. */
  end(error) {
    if (this.ended) return;
    this.ended = true;
    const text = "the client was closed before the run ended";
    this.error = error ?? (this.run ? new AgentGateError(CONNECTION_LOST, text) : null);
  }

  /** The log is read from `reply.offset` on, for this feed. */
  attached(reply) {
    const { wanted } = this;
    this.wanted = { epoch: reply.epoch, offset: reply.offset };
    if (!wanted) {
      this.cursor = this.wanted;
      return;
    }
    const same = wanted.epoch === reply.epoch;
    if (same && reply.offset <= wanted.offset && !reply.gap) {
      this.wanted = wanted;
      this.lookForRun(reply);
      return;
    }
    const lost = same ? Math.max(0, reply.offset - wanted.offset) : 0;
    this.#put(gap(wanted.offset, lost, reply.gap ? { reason: reply.gap, oldest: reply.oldest ?? 0 } : {}));
    this.lookForRun(reply);
  }

  /** If its run is over its end may not be to be had: there is nothing to wait for then. */
  lookForRun(reply) {
    this.inDoubt = false;
    if (!this.run || reply.run === this.run || reply.waiting?.includes(this.run)) return;
    this.overAt = reply.next;
    this.ended = this.wanted.offset >= reply.next;
  }

  /** Take an event, as far as it is wanted. */
  take(event) {
    if (this.ended || this.full || this.inDoubt || !this.wanted) return;
    const { epoch, offset } = this.wanted;
    const end = event.offset + event.count;
    if (event.kind === "behind") return this.#put(event);
    if (end <= offset) return;
    if (event.offset > offset) {
      this.wanted = { epoch, offset: event.offset };
      this.#put(gap(offset, event.offset - offset, {}));
    }
    this.wanted = { epoch, offset: end };
    this.#put(event.offset >= offset ? event : cut(event, offset));
    const isEnd = event.kind === "run_ended" && event.data.run === this.run;
    if (this.run) this.ended = end >= this.overAt || isEnd;
  }

  #put(event) {
    const size = EVENT_BYTES + JSON.stringify(event.data).length;
    this.waiting.push({ event, after: this.wanted, size });
    this.bytes += size;
    this.full = this.bytes > FEED_BYTES_MAX;
    if (event.kind === "gap" && this.run) this.inDoubt = true;
  }
}

/** An event of the wire with all its members, or null if it is none. */
export function eventOf(told) {
  const { kind, offset, count = 1, at = "", data } = told ?? {};
  const isObject = typeof data === "object" && data !== null && !Array.isArray(data);
  if (typeof kind !== "string" || !isCount(offset) || !isCount(count)) return null;
  return { kind, data: isObject ? data : {}, offset, count, at };
}

const isCount = (value) => Number.isSafeInteger(value) && value >= 0;

/** Say that events are not to be had. */
function gap(offset, count, data) {
  return { kind: "gap", data, offset, count, at: "" };
}

/** What an event says from an offset on that is in its midst; a gap if that can't be told. */
function cut(event, offset) {
  const count = event.offset + event.count - offset;
  if (event.kind === "gap") return { ...event, offset, count };
  const letters = [...String(event.data.text ?? "")]; // cuts count code points
  const cuts = cutsOf(event, letters.length);
  if (!cuts) return gap(offset, count, {});
  const start = cuts[offset - event.offset - 1];
  const { cuts: _, ...rest } = event.data;
  const later = cuts.slice(offset - event.offset).map((place) => place - start);
  const data = { ...rest, text: letters.slice(start).join(""), ...(count > 1 ? { cuts: later } : {}) };
  return { ...event, offset, count, data };
}

/** Where each delta but the last ends; null if that is not said. */
function cutsOf({ count, data: { text, cuts } }, length) {
  if (typeof text !== "string" || !Array.isArray(cuts) || cuts.length !== count - 1) return null;
  const places = [0, ...cuts, length];
  const fine = places.every((place, at) => Number.isInteger(place) && (!at || place >= places[at - 1]));
  return fine ? cuts : null;
}
