/**
 * Follows one session: what its log has from a cursor on, and what comes, over all connections.
 *
 * The port's stream goes on by itself over reconnects. Where the whole client was made anew (another login), this
 * attaches again behind the last event that was taken, so that nothing is lost and nothing comes twice.
 */

import { messageOf } from "../gateway.js";

/** There is no such session, or none that one may see. */
const NOT_FOUND = -32013;

/** Who has news for the next frame: all in one go, so that a page that shows many is made once. @type {Set<() => void>} */
const due = new Set();
let frame = 0;

function showAll() {
  frame = 0;
  const all = [...due];
  due.clear();
  for (const changed of all) changed();
}

export class Follower {
  /** The session as it was told when this attached. @type {any} */
  view = null;
  /** Nothing follows, and why: "gone", or what went wrong; "" while it goes on. */
  over = "";

  /** @type {{epoch: string, offset: number} | null} */
  #cursor;
  /** @type {any} */
  #stream = null;
  #isClosed = false;

  /**
   * @param {import("../gateway.js").Gateway} gateway
   * @param {string} session its id
   * @param {object} told
   * @param {(view: any) => {epoch: string, offset: number} | null} told.from where to begin, by the session's view;
   *   null: with the run that is under way, or what comes
   * @param {(event: any) => void} told.take takes each event, in order
   * @param {() => void} told.changed called at most once a frame when something was taken, or it is over
   */
  constructor(gateway, session, told) {
    this.gateway = gateway;
    this.session = session;
    this.told = told;
    this.#cursor = null;
    this.#run();
  }

  /** Follow no longer. */
  close() {
    this.#isClosed = true;
    this.#stream?.close();
    due.delete(this.#changed);
  }

  async #run() {
    while (!this.#isClosed) {
      const { client } = this.gateway;
      try {
        if (client) await this.#follow(client);
      } catch (error) {
        if (/** @type {any} */ (error)?.code === NOT_FOUND) return this.#end("gone");
        if (client === this.gateway.client && this.gateway.state === "connected") return this.#end(messageOf(error));
      }
      if (!this.#isClosed) await this.#anotherClient(client);
    }
  }

  /** @param {any} client */
  async #follow(client) {
    const session = await client.sessions.get(this.session);
    if (this.#isClosed) return;
    this.view = session.view;
    this.#stream = session.attach(this.#cursor ?? this.told.from(session.view));
    this.#soon();
    for await (const event of this.#stream) {
      if (this.#isClosed) return;
      this.#cursor = this.#stream.cursor;
      this.told.take(event);
      this.#soon();
    }
  }

  /**
   * Wait until the gateway has a client that is not this one.
   * @param {any} former
   */
  async #anotherClient(former) {
    while (!this.#isClosed && (!this.gateway.client || this.gateway.client === former)) {
      await new Promise((resolve) => this.gateway.addEventListener("state", resolve, { once: true }));
    }
  }

  /** @param {string} why */
  #end(why) {
    this.over = why;
    this.#soon();
  }

  #soon() {
    due.add(this.#changed);
    frame ||= requestAnimationFrame(showAll);
  }

  #changed = () => {
    if (!this.#isClosed) this.told.changed();
  };
}
