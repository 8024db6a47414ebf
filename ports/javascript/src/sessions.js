/** Sessions: conversations with a model, through the gateway. */

import * as codes from "./errors.js";
import { SessionFeed } from "./feed.js";
import { SessionWatch } from "./watch.js";

const { AgentGateError } = codes;
const PAGE_MAX = 1_000;
const ERROR_OF = {
  failed: codes.MODEL_FAILED,
  truncated: codes.MODEL_FAILED,
  interrupted: codes.MODEL_FAILED,
  budget: codes.OVER_BUDGET,
  cancelled: codes.CANCELLED,
};

/** The members that were given. */
const given = (members) => Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));

/** The sessions of an agent: `client.sessions`. */
export class Sessions {
  #begin;
  #isClosed;
  #watchings = new Map();

  /**
   * @param {(method: string, params: object, done: (error: AgentGateError | null, result: any) => void) => void} begin
   *   makes a call, or throws if it can't be made; `done` is told of its end at once
   * @param {() => boolean} isClosed the client was closed, or has given up
   */
  constructor(begin, isClosed) {
    this.#begin = begin;
    this.#isClosed = isClosed;
  }

  /**
   * Begin a conversation.
   * @param {{model?: string, workspace?: string, userId?: string, metadata?: object}} [options]
   * @returns {Promise<Session>}
   */
  async create({ model, workspace, userId, metadata } = {}) {
    const params = given({ model, workspace, user_id: userId, metadata });
    return new Session(this, await this.ask("create_session", params));
  }

  /** One session. @returns {Promise<Session>} rejects with -32013 if there is none that is yours */
  async get(session) {
    return new Session(this, await this.ask("get_session", { session }));
  }

  /** The sessions, newest first. @param {{userId?: string, limit?: number}} [options] */
  async list({ userId, limit = 100 } = {}) {
    const views = [];
    for (let more = true; more && views.length < limit; ) {
      const page = { limit: Math.min(limit - views.length, PAGE_MAX), before: views.at(-1)?.id };
      const reply = await this.ask("list_sessions", given({ ...page, user_id: userId }));
      views.push(...reply.sessions);
      more = reply.more === true && reply.sessions.length > 0;
    }
    return views;
  }

  /** Delete a session and its log. */
  async delete(session) {
    await this.ask("delete_session", { session });
    this.#watchings.get(session)?.deleted();
  }

  /** The models that may be talked to. */
  async models() {
    return (await this.ask("list_models", {})).models;
  }

  /** What model requests took. @param {{by?: string, session?: string, since?: string}} [options] */
  usage({ by, session, since } = {}) {
    return this.ask("report_usage", given({ by, session, since }));
  }

  // What sessions and the client need

  ask(method, params) {
    return new Promise((resolve, reject) => {
      this.#begin(method, params, (error, result) => (error ? reject(error) : resolve(result)));
    });
  }

  watching(session) {
    if (!this.#watchings.has(session)) {
      const forget = () => this.#watchings.delete(session);
      this.#watchings.set(session, new Watching(session, this.#begin, this.#isClosed, forget));
    }
    return this.#watchings.get(session);
  }

  /** A `session_event` came. */
  take({ session, events }) {
    if (Array.isArray(events)) this.#watchings.get(session)?.tell((watch) => watch.take(events));
  }

  reconnected() {
    for (const watching of [...this.#watchings.values()]) watching.tell((watch) => watch.reconnected());
  }

  closed(error) {
    for (const watching of [...this.#watchings.values()]) watching.close(error);
  }
}

/** A watch, whose calls are made and whose readers are woken. */
class Watching {
  #watch;
  #begin;
  #isClosed;
  #forget;
  #streams = new Set();

  constructor(session, begin, isClosed, forget) {
    this.#watch = new SessionWatch(session);
    this.#begin = begin;
    this.#isClosed = isClosed;
    this.#forget = forget;
  }

  add(stream) {
    this.#streams.add(stream);
    this.tell((watch) => watch.add(stream.feed));
  }

  /** Tell the watch something, and do what it asks for. */
  tell(news) {
    news(this.#watch);
    const call = this.#watch.nextCall();
    if (call) this.#make(call);
    for (const stream of [...this.#streams]) {
      stream.wake();
      if (stream.feed.ended) this.#streams.delete(stream);
    }
    if (this.#watch.isOver) this.#forget();
  }

  deleted() {
    this.tell((watch) => watch.end(new AgentGateError(codes.SESSION_NOT_FOUND, "the session was deleted")));
  }

  close(error) {
    this.tell((watch) => watch.closed(error));
  }

  #make({ method, params }) {
    const done = (error, reply) => {
      if (method !== "attach_session") return;
      if (error && this.#isClosed() && error.code === codes.CONNECTION_LOST) return; // `close` follows
      const isReply = typeof reply?.epoch === "string" && Number.isInteger(reply.offset);
      const odd = new AgentGateError(codes.INTERNAL_ERROR, "odd answer to attach_session");
      this.tell((watch) => (isReply && !error ? watch.attached(reply) : watch.refused(error ?? odd)));
    };
    try {
      this.#begin(method, params, done);
    } catch (error) {
      if (method === "attach_session") this.tell((watch) => watch.refused(error));
    }
  }
}

/**
 * The events of a session, from a cursor on, for ever: `for await (const event of stream)`.
 *
 * After a reconnect it goes on, without gap or duplicate. It may be read slowly: what does not fit
 * into memory stays at the gateway. Leaving the loop, or `close()`, ends nothing but the watching.
 */
export class EventStream {
  #watching;
  #sleepers = [];

  constructor(watching, cursor, run = "") {
    this.feed = new SessionFeed(cursor, run);
    this.#watching = watching;
    watching.add(this);
  }

  /** After the last event that was read, to go on from there another time. */
  get cursor() {
    return this.feed.cursor;
  }

  wake() {
    for (const wake of this.#sleepers.splice(0)) wake();
  }

  /** @returns {Promise<{value?: import("./feed.js").Event, done: boolean}>} */
  async next() {
    const { feed } = this;
    for (;;) {
      const wasFull = feed.full;
      const event = feed.nextEvent();
      if (event && wasFull && !feed.full) this.#watching.tell(() => {});
      if (event) return { value: event, done: false };
      if (feed.error) throw feed.error;
      if (feed.ended) return { value: undefined, done: true };
      await new Promise((wake) => this.#sleepers.push(wake));
    }
  }

  /** Watch no longer. */
  close() {
    this.feed.close();
    this.#watching.tell(() => {});
    this.wake();
  }

  async return() {
    this.close();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}

/**
 * A message and what comes of it: `for await (const event of session.send("hi"))`.
 *
 * It is sent when the first event is asked for, or by `started()`; the events end after `run_ended`.
 * The run is the gateway's: it goes on if the loop is left. `cancel()` ends it.
 */
export class Run {
  #sessions;
  #sending = null;
  #stream = null;
  #taken = null;
  #deltas = "";
  #reply = null;
  #end = null;

  constructor(sessions, message) {
    this.message = message;
    this.#sessions = sessions;
  }

  /** The run's id; "" before it has started. */
  get id() {
    return this.#taken?.run ?? "";
  }

  /** The gateway had this message before. */
  get joined() {
    return this.#taken?.joined === true;
  }

  get cursor() {
    return this.#stream?.cursor ?? null;
  }

  /** How the run ended, once that was read; else "". */
  get status() {
    return this.#end?.status ?? "";
  }

  /** What the end of the run says, once that was read. */
  get ended() {
    return this.#end ?? {};
  }

  /** Send the message, unless that is done; resolves when the gateway has it, durably. */
  started() {
    this.#sending ??= this.#send().catch((error) => {
      this.#sending = null; // it may be tried again, under the same id
      throw error;
    });
    return this.#sending;
  }

  async next() {
    await this.started();
    const next = await this.#stream.next();
    if (!next.done) this.#take(next.value);
    return next;
  }

  /** Read the run to its end; what the model answered last. Rejects if there is no whole answer. */
  async text() {
    for (let { done } = await this.next(); !done; ) ({ done } = await this.next());
    const text = this.#reply ?? this.#deltas;
    const code = this.status ? ERROR_OF[this.status] : codes.MODEL_FAILED;
    if (!code) return text;
    const why = this.status ? `${this.status}: ${this.#end.reason || "no reason given"}` : "its end is not known";
    throw new AgentGateError(code, `The run was not completed: ${why}`, { ...this.#end, text });
  }

  /** End the run. @returns {Promise<{status: string, still_running?: object[]}>} */
  async cancel() {
    await this.started();
    return this.#sessions.ask("cancel_run", { session: this.message.session, run: this.id });
  }

  /** Watch no longer; the run goes on. */
  close() {
    this.#stream?.close();
  }

  async return() {
    this.close();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  async #send() {
    const taken = await this.#sessions.ask("send_message", this.message);
    const { epoch, offset, run } = taken;
    this.#stream = new EventStream(this.#sessions.watching(this.message.session), { epoch, offset }, run);
    this.#taken = taken;
    return this;
  }

  #take({ kind, data }) {
    if (kind === "text") this.#deltas += data.text;
    else if (kind === "reply") this.#reply = data.text;
    else if (kind === "run_ended") this.#end = data;
    else if (kind === "model_started" || kind === "reset") {
      this.#deltas = "";
      this.#reply = null;
    }
  }
}

/** One conversation. */
export class Session {
  #sessions;

  constructor(sessions, view) {
    /** The session as the gateway showed it last. */
    this.view = view;
    this.#sessions = sessions;
  }

  get id() {
    return this.view.id;
  }

  /** Ask for the session as it stands now. */
  async refresh() {
    this.view = await this.#sessions.ask("get_session", { session: this.id });
    return this.view;
  }

  /**
   * Say something to the model.
   * @param {string} text
   * @param {{messageId?: string, model?: string, maxIterations?: number, maxTokens?: number, params?: object,
   *   queue?: boolean}} [options]
   *   `messageId`: your own name for this message; the same again joins the run of the first;
   *   `queue`: if another run is under way, wait for its end instead of being refused
   * @returns {Run}
   */
  send(text, { messageId = crypto.randomUUID(), model, maxIterations, maxTokens, params, queue } = {}) {
    const more = given({ model, max_iterations: maxIterations, max_tokens: maxTokens, params, queue });
    return new Run(this.#sessions, { session: this.id, text, message_id: messageId, ...more });
  }

  /**
   * Follow the session, whoever talks in it.
   * @param {import("./feed.js").Cursor | null} [cursor] null: from the run that is under way on, or,
   *   if there is none, what comes from now on
   * @returns {EventStream}
   */
  attach(cursor = null) {
    return new EventStream(this.#sessions.watching(this.id), cursor);
  }

  /** End the run that is under way. @param {string} [run] only this one, also if it waits */
  cancel(run) {
    return this.#sessions.ask("cancel_run", given({ session: this.id, run }));
  }

  /** What the model would be sent now. @param {{text?: string, model?: string}} [options] */
  inspect({ text, model } = {}) {
    return this.#sessions.ask("inspect_session", given({ session: this.id, text, model }));
  }

  /** What the session took. @param {string} [by] */
  usage(by) {
    return this.#sessions.usage({ by, session: this.id });
  }

  /** Delete the session and its log. */
  delete() {
    return this.#sessions.delete(this.id);
  }
}
