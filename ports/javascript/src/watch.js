/**
 * A watch: the feeds of one session, and the one attachment that a connection has for all of them.
 * No I/O.
 *
 * A connection watches a session once, so the log is read from the lowest cursor that a feed wants,
 * and the feeds drop what is below their own. Whenever one wants what does not come by itself (it
 * is new, it was full, the connection is another one), `nextCall` says to attach again. Between that
 * and the answer nothing is taken: what comes then is of the attachment before. A cursor that is not
 * of this log, or ahead of it, is asked for alone.
 */

import { AgentGateError, SESSION_NOT_FOUND } from "./errors.js";
import { eventOf } from "./feed.js";

export class SessionWatch {
  /** @param {string} session its id */
  constructor(session) {
    this.session = session;
    /** @type {{feed: import("./feed.js").SessionFeed, follows: boolean, apart: boolean}[]} */
    this.members = [];
    this.isAttached = false;
    this.asked = null;
  }

  /** Nobody reads, and nothing comes. */
  get isOver() {
    return !this.members.length && !this.isAttached && !this.asked;
  }

  /** Another reader. */
  add(feed) {
    this.members.push({ feed, follows: false, apart: false });
  }

  /** What to ask the gateway now: `{method, params}`, or null. Its answer is to be told. */
  nextCall() {
    this.#prune();
    if (this.asked) return null;
    const due = this.members.filter(({ feed, follows }) => !follows && !feed.full);
    if (due.length) {
      this.asked = this.#attachment(due);
      for (const member of this.members) member.follows = false;
      return { method: "attach_session", params: this.asked };
    }
    if (this.isAttached && !this.members.some(({ follows }) => follows)) {
      this.isAttached = false;
      return { method: "detach_session", params: { session: this.session } };
    }
    return null;
  }

  /** The answer to `attach_session`. */
  attached(reply) {
    const { epoch = null, offset = null } = this.asked;
    this.asked = null;
    this.isAttached = true;
    for (const member of this.members) {
      const { feed } = member;
      const { wanted } = feed;
      if (feed.full) continue;
      if (wanted ? wanted.epoch === epoch && wanted.offset === offset : offset === null) {
        feed.attached(reply);
        member.apart = false;
        member.follows = !feed.full;
      } else if (wanted) {
        member.apart = wanted.epoch !== reply.epoch || wanted.offset > reply.next;
        member.follows = !member.apart && wanted.offset >= reply.offset;
        if (member.follows) feed.lookForRun(reply);
      }
    }
    this.#prune();
  }

  /** The answer to `attach_session` is an error: those who wanted it are told. */
  refused(error) {
    this.asked = null;
    this.isAttached = false;
    for (const { feed } of this.members) if (!feed.full) feed.end(error);
    this.#prune();
  }

  /** Hand on the events of a `session_event`. */
  take(events) {
    for (const event of events.map(eventOf)) {
      if (event?.kind === "gone") {
        this.end(new AgentGateError(SESSION_NOT_FOUND, "the session was deleted"));
        return;
      }
      for (const member of event ? this.members : []) {
        if (!member.follows) continue;
        member.feed.take(event);
        member.follows = !(member.feed.full || member.feed.inDoubt);
      }
    }
    this.#prune();
  }

  /** There is a new connection, which watches nothing. A call without an answer is made again. */
  reconnected() {
    this.isAttached = false;
    for (const member of this.members) member.follows = false;
  }

  /** The client was closed (null) or has given up: no call is answered any more. */
  closed(error) {
    this.asked = null;
    this.end(error);
  }

  /** Nothing more comes, for anybody who reads now. */
  end(error) {
    for (const { feed } of this.members) feed.end(error);
    this.isAttached = false;
    this.#prune();
  }

  #prune() {
    this.members = this.members.filter(({ feed }) => !feed.ended);
  }

  /** From where to read, so that a feed that is due gets what it wants. */
  #attachment(due) {
    const { session } = this;
    if (due.some(({ feed }) => !feed.wanted)) return { session };
    const apart = due.filter((member) => member.apart);
    const all = apart.length ? apart : this.members.filter(({ feed }) => !feed.full);
    const cursors = all.map(({ feed }) => feed.wanted).filter(Boolean);
    const same = cursors.filter(({ epoch }) => epoch === cursors[0].epoch);
    const first = same.reduce((one, other) => (other.offset < one.offset ? other : one));
    return { session, epoch: first.epoch, offset: first.offset };
  }
}
