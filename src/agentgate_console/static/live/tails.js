/** Tails: the last words of the sessions that people see in the list, as they stream. */

import { Follower } from "./follower.js";
import { Transcript } from "./transcript.js";

/** So many are followed at once; more people can't read, and a connection has its cap. */
export const TAILS_MAX = 12;
/** Enough for the last words, and for what waits. */
const BACK_EVENTS = 300;
/** Of a line, what is shown: two lines on a phone. */
const LINE_CHARS = 90;

export class Tails {
  /** @type {Map<string, {follower: Follower, transcript: Transcript}>} */
  #tails = new Map();

  /**
   * @param {import("../gateway.js").Gateway} gateway
   * @param {() => void} changed
   */
  constructor(gateway, changed) {
    this.gateway = gateway;
    this.changed = changed;
  }

  /**
   * Follow these, and no others.
   * @param {string[]} sessions their ids, the most wanted first
   */
  follow(sessions) {
    const wanted = new Set(sessions.slice(0, TAILS_MAX));
    for (const [session, { follower }] of this.#tails) {
      if (wanted.has(session) && !follower.over) continue;
      follower.close();
      this.#tails.delete(session);
    }
    for (const session of wanted) if (!this.#tails.has(session)) this.#add(session);
  }

  /**
   * What is known of a session that is followed.
   * @param {string} session
   * @returns {Transcript | undefined}
   */
  get(session) {
    return this.#tails.get(session)?.transcript;
  }

  /**
   * The last words that were said in it, or "".
   * @param {string} session
   */
  line(session) {
    const line = this.get(session)?.line ?? "";
    if (line.length <= LINE_CHARS) return line;
    const end = line.slice(-LINE_CHARS);
    return `… ${end.slice(end.search(/\s/) + 1)}`;
  }

  close() {
    this.follow([]);
  }

  /** @param {string} session */
  #add(session) {
    const transcript = new Transcript();
    const follower = new Follower(this.gateway, session, {
      from: (view) => ({ epoch: view.epoch, offset: Math.max(view.oldest, view.next - BACK_EVENTS) }),
      take: (event) => transcript.take(event),
      changed: this.changed,
    });
    this.#tails.set(session, { follower, transcript });
  }
}
