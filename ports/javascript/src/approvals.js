/** What waits for a person: `client.approvals`, for tokens of role `approver` or `operator`. */

import { NOT_FOUND } from "./errors.js";

/** Approvals that one watch holds; a gateway has fewer. */
const WATCHED_MAX = 10_000;

/**
 * @typedef {object} Approval as `approval_changed` tells it (spec/approvals.md)
 * @property {string} id
 * @property {string} status "waiting", "approved", "denied", "expired", "cancelled"; "settled": it was
 *   settled while nobody was connected, and the gateway's list says no more
 */

/** The approvals of a gateway. */
export class Approvals {
  #ask;
  #watches = new Set();

  /** @param {(method: string, params: object) => Promise<any>} ask makes a call */
  constructor(ask) {
    this.#ask = ask;
  }

  /**
   * Follow what waits, on this connection and on each that follows.
   * @param {{listed?: (waiting: Approval[], more: boolean) => void, changed?: (approval: Approval) => void,
   *   failed?: (error: Error) => void}} reader `listed`: all that wait, oldest first, on each connection anew (`more`:
   *   there are others that did not fit); `changed`: one as it stands now; `failed`: the list can't be had
   * @returns {() => void} ends it
   */
  watch(reader) {
    const watch = new ApprovalWatch(this.#ask, reader);
    this.#watches.add(watch);
    watch.subscribe();
    return () => this.#watches.delete(watch);
  }

  /** An `approval_changed` came. */
  take(approval) {
    for (const watch of [...this.#watches]) watch.take(approval);
  }

  /** There is a new connection, which watches nothing. */
  reconnected() {
    for (const watch of [...this.#watches]) watch.subscribe();
  }

  /** Nothing more comes. */
  closed() {
    this.#watches.clear();
  }
}

/** One reader's approvals: the list by pages, and what changes while they come. */
class ApprovalWatch {
  #ask;
  #reader;
  #waiting = new Map();
  /** What was told while the list came: newer than any page of it. */
  #news = null;
  #round = 0;

  constructor(ask, reader) {
    this.#ask = ask;
    this.#reader = reader;
  }

  async subscribe() {
    const round = ++this.#round;
    this.#news = new Map();
    try {
      let page = await this.#ask("watch_approvals", {});
      const listed = new Map();
      while (round === this.#round) {
        for (const approval of page.approvals) listed.set(approval.id, approval);
        if (!page.more || !page.approvals.length || listed.size >= WATCHED_MAX) break;
        page = await this.#next(page.approvals.at(-1).id, listed);
      }
      if (round === this.#round) this.#take(listed, page.more === true);
    } catch (error) {
      if (round !== this.#round) return;
      this.#news = null;
      this.#reader.failed?.(error);
    }
  }

  /** The page after an approval; if that was settled meanwhile, nobody knows what follows it. */
  async #next(after, listed) {
    try {
      return await this.#ask("list_approvals", { after });
    } catch (error) {
      if (error.code !== NOT_FOUND) throw error;
      listed.clear();
      return this.#ask("list_approvals", {});
    }
  }

  #take(listed, more) {
    for (const [id, approval] of this.#news) {
      if (approval.status === "waiting") listed.set(id, approval);
      else listed.delete(id);
    }
    const news = this.#news;
    this.#news = null;
    const gone = more ? [] : [...this.#waiting.values()].filter(({ id }) => !listed.has(id) && !news.has(id));
    this.#waiting = listed;
    this.#reader.listed?.([...listed.values()], more);
    for (const approval of gone) this.#reader.changed?.({ ...approval, status: "settled" });
    for (const approval of news.values()) this.#reader.changed?.(approval);
  }

  take(approval) {
    if (this.#news) {
      this.#news.set(approval.id, approval);
      return;
    }
    if (approval.status === "waiting") this.#waiting.set(approval.id, approval);
    else this.#waiting.delete(approval.id);
    this.#reader.changed?.(approval);
  }
}
