/** Those who read sessions in the vectors: the watches of the port, driven as sessions.js does. */

import { SessionFeed } from "../src/feed.js";
import { SessionWatch } from "../src/watch.js";

export class Readers {
  #call;
  #hears;
  #names = 0;
  #watches = new Map();
  #feeds = new Map();
  #asked = new Map();

  /**
   * @param {(name: string, method: string, params: object) => void} call makes a call
   * @param {(heard: object) => void} hears takes what a reader is told
   */
  constructor(call, hears) {
    this.#call = call;
    this.#hears = hears;
  }

  watch({ name, session, cursor = null, run = "" }) {
    if (!this.#watches.has(session)) this.#watches.set(session, new SessionWatch(session));
    this.#feeds.set(name, new SessionFeed(cursor, run));
    this.#watches.get(session).add(this.#feeds.get(name));
    this.#turn();
  }

  say({ name, session, text, message_id }) {
    this.#ask("send_message", { session, text, message_id }, (error, taken) => {
      if (error) this.#hears({ name, end: error.code });
      else this.watch({ name, session, cursor: { epoch: taken.epoch, offset: taken.offset }, run: taken.run });
    });
  }

  leave(name) {
    this.#feeds.get(name).close();
    this.#feeds.delete(name);
    this.#turn();
  }

  /** Take an output of the core; return whether it was for us. */
  take({ settle, pushed, state, error }, now) {
    const done = this.#asked.get(settle?.call);
    if (done) {
      this.#asked.delete(settle.call);
      if (now !== "closed") done(settle.error, settle.data);
    } else if (pushed?.method === "session_event") {
      this.#watches.get(pushed.params.session)?.take(pushed.params.events);
    } else if (state === "connected") {
      for (const watch of this.#watches.values()) watch.reconnected();
    } else if (state === "closed") {
      const reason = error?.message === "the client was closed" ? null : error;
      for (const watch of this.#watches.values()) watch.closed(reason);
    }
    this.#turn();
    return Boolean(done || pushed);
  }

  #ask(method, params, done) {
    const name = `of the readers ${++this.#names}`;
    this.#asked.set(name, done);
    this.#call(name, method, params);
  }

  /** Make the calls that are wanted; let everybody read what there is. */
  #turn() {
    for (const watch of this.#watches.values()) {
      const call = watch.nextCall();
      if (!call) continue;
      this.#ask(call.method, call.params, (error, reply) => {
        if (call.method !== "attach_session") return;
        if (error) watch.refused(error);
        else watch.attached(reply);
      });
    }
    for (const [name, feed] of [...this.#feeds]) {
      for (let event = feed.nextEvent(); event; event = feed.nextEvent()) this.#hears({ name, event });
      if (!feed.ended) continue;
      this.#hears({ name, end: feed.error?.code ?? 0 });
      this.#feeds.delete(name);
    }
  }
}
