/**
 * The page's gateway: who is logged in, and the connection of the native protocol.
 *
 * Logging in gives a cookie that scripts can't read. For each connection a ticket is fetched with it, which stands as
 * the token once: the page is a client as any other, and keeps no secret.
 */

import { AgentGateClient } from "./vendor/agentgate.js";

/** Where the console's HTTP calls are, whatever path it is served under. */
const API = new URL("api/", import.meta.url);

/** A person waits for each call; one without an answer in this time is told as failed. */
const CALL_S = 60;

/** What the port says where no WebSocket could be opened; a browser tells no more of it. */
const NO_SOCKET = "no WebSocket could be opened";

/** Settled approvals that the page remembers. */
const SETTLED_MAX = 100;

/** The longest pause between attempts: whoever looks at a page wants it to be true again soon. */
const RETRY_MS = 1_000;

/** Of these the gateway takes one at a time on a connection: the next one waits its turn here. */
const ALONE = new Set([
  ...["list_requests", "list_sessions", "inspect_session", "report_usage", "replay_calls"],
  ...["list_audit", "verify_audit", "compare_approval"],
]);

/** A call that failed: over the connection, or of the console's own HTTP. */
export class GatewayError extends Error {
  /**
   * @param {number | string} code of JSON-RPC, or a word (of HTTP)
   * @param {string} message
   * @param {any} [data] what the gateway added
   * @param {number} [status] of HTTP; 0: it was no answer of HTTP
   */
  constructor(code, message, data = null, status = 0) {
    super(message);
    this.name = "GatewayError";
    this.code = code;
    this.data = data;
    this.status = status;
    /** Nobody is logged in (any more): there is no use in trying again. */
    this.final = status === 401 || status === 403;
  }
}

/**
 * @typedef {{name: string, role: "approver" | "operator"}} Who
 * @typedef {Record<string, any>} Approval as `approval_changed` tells it (spec/approvals.md)
 * @typedef {"starting" | "out" | "connecting" | "connected" | "lost"} State "out": nobody is logged in; "lost": the
 *   connection broke and is made again
 */

/**
 * Events: `state`; `approval` (detail: one as it stands now); `listed` (the list of what waits is new); `back`
 * (connected again: what is shown may be old).
 */
export class Gateway extends EventTarget {
  /** @type {AgentGateClient | null} the port's client: sessions, agents */
  client = null;
  /** @type {Who | null} */
  who = null;
  /** @type {State} */
  state = "starting";
  /** What went wrong at last, in a sentence, or "". */
  trouble = "";
  /** When the connection is tried again (milliseconds of Date.now()); 0: it is not waited for. */
  retryAt = 0;
  /** Of `api/me`: whether TLS protects the cookie, whether passkeys can be had, what push needs. */
  secure = false;
  passkeys = false;
  push = "";
  version = "";
  /** @type {Map<string, Approval>} what waits, oldest first */
  waiting = new Map();
  /** What was settled while the page is open, newest first. @type {Approval[]} */
  settled = [];
  /** The first list of what waits has come. */
  isListed = false;

  /** Find out who is logged in, and connect. */
  async start() {
    try {
      this.#welcome(await post("me"));
    } catch (error) {
      if (error instanceof GatewayError && error.final) {
        return this.#leave(this.who ? "You have been logged out. Log in again to go on." : "");
      }
      this.trouble = messageOf(error);
      this.retryAt = Date.now() + RETRY_MS;
      this.#change("lost");
      setTimeout(() => this.start(), RETRY_MS);
    }
  }

  /**
   * Log in.
   * @param {{token: string} | {link: string}} proof
   */
  async login(proof) {
    this.#welcome({ ...(await post("login", proof)), ...(await post("me")) });
  }

  /** Somebody logged in by other means (a passkey): as `start`. */
  async loggedIn() {
    this.#welcome(await post("me"));
  }

  /** Log out, here and at the gateway. */
  async logout() {
    try {
      const { forgetPush } = await import("./elements/installed.js");
      await forgetPush().catch(() => {}); // the gateway forgets it as well
      await post("logout");
    } finally {
      await this.#leave("");
    }
  }

  /**
   * Make a call of the native protocol.
   * @param {string} method
   * @param {Record<string, any>} [params]
   * @returns {Promise<any>} its result
   * @throws {GatewayError}
   */
  async call(method, params = {}) {
    if (!ALONE.has(method)) return this.#call(method, params);
    const before = this.#alone.get(method) ?? Promise.resolve();
    const mine = before.catch(() => {}).then(() => this.#call(method, params));
    this.#alone.set(method, mine);
    return mine;
  }

  /** The newest call of each method of which there may be one at a time. @type {Map<string, Promise<any>>} */
  #alone = new Map();

  /**
   * @param {string} method
   * @param {Record<string, any>} params
   */
  async #call(method, params) {
    if (!this.client) throw new GatewayError(-32000, "not connected");
    try {
      return await this.client.request(method, params, { timeoutS: CALL_S });
    } catch (error) {
      throw asGatewayError(error);
    }
  }

  /**
   * Make a call of the console's own HTTP, as `api/passkeys/login`.
   * @param {string} path
   * @param {object} [body]
   */
  post(path, body) {
    return post(path, body);
  }

  /**
   * An approval as it stands now: what waits and what is settled follow.
   * @param {Approval} view
   */
  settle(view) {
    if (view.status === "waiting") {
      this.waiting.set(view.id, view);
    } else {
      const before = this.settled.find(({ id }) => id === view.id);
      this.waiting.delete(view.id);
      // The end of the tool is told after the answer; a list that came in between knows neither
      if (before && view.status === "settled") return;
      if (before) this.settled = this.settled.map((other) => (other.id === view.id ? view : other));
      else this.settled = [view, ...this.settled].slice(0, SETTLED_MAX);
    }
    this.dispatchEvent(new CustomEvent("approval", { detail: view }));
  }

  // Inside

  /** @param {any} me */
  #welcome({ who, secure, passkeys, push, version }) {
    Object.assign(this, { who, secure: Boolean(secure), passkeys: Boolean(passkeys), push, version, trouble: "" });
    this.#change("connecting");
    this.#connect();
  }

  #connect() {
    const url = new URL("../", API);
    url.pathname = url.pathname.replace(/[^/]+\/$/, "");
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const client = new AgentGateClient(url.href, {
      token: async () => (await post("ticket")).token,
      retryCapS: RETRY_MS / 1_000,
      insecure: true, // what goes over it is a ticket, good once; the banner tells of a plain address
      onState: (/** @type {any} */ change) => client === this.client && this.#turned(change),
    });
    this.client = client;
    client.connect().catch(() => {}); // told by `onState`
  }

  /** @param {{state: string, error?: any, retryInS?: number}} change */
  #turned({ state, error, retryInS }) {
    if (state === "connected") {
      this.trouble = "";
      this.retryAt = 0;
      const isBack = this.#wasLost;
      this.#wasLost = false;
      this.#change("connected");
      if (!this.#unwatch) this.#watch();
      if (isBack) this.dispatchEvent(new Event("back"));
    } else if (state === "waiting") {
      // The ticket came by HTTP just before: it is the upgrade that somebody refuses
      this.trouble = error?.message === NO_SOCKET ? "It answers, but opens no WebSocket: a proxy on the way must pass upgrades." : (error?.message ?? "");
      this.retryAt = Date.now() + (retryInS ?? 0) * 1_000;
      this.#change("lost");
    } else if (state === "closed") {
      this.#closed(error);
    }
  }

  /** @param {any} error */
  #closed(error) {
    if (error?.code === -32005 || error?.code === -32000) {
      // A ticket that came too late, or the login is over: who is logged in tells which
      this.#forget();
      this.trouble = messageOf(error);
      this.#change("lost");
      this.retryAt = Date.now() + RETRY_MS;
      setTimeout(() => this.start(), RETRY_MS);
      return;
    }
    this.#leave(messageOf(error));
  }

  /** @type {(() => void) | null} */
  #unwatch = null;

  #watch() {
    this.#unwatch = /** @type {any} */ (this.client).approvals.watch({
      listed: (/** @type {Approval[]} */ views) => {
        this.waiting = new Map(views.map((view) => [view.id, view]));
        this.isListed = true;
        this.dispatchEvent(new Event("listed"));
      },
      changed: (/** @type {Approval} */ view) => this.settle(view),
      failed: (/** @type {any} */ error) => {
        this.trouble = messageOf(error);
        this.dispatchEvent(new Event("state"));
      },
    });
  }

  #forget() {
    this.#unwatch?.();
    this.#unwatch = null;
    this.client = null;
  }

  /** @param {string} why */
  async #leave(why) {
    const { client } = this;
    this.#forget();
    this.who = null;
    this.waiting = new Map();
    this.settled = [];
    this.isListed = false;
    this.trouble = why;
    this.#change("out");
    await client?.close();
  }

  #wasLost = false;

  /** @param {State} state */
  #change(state) {
    this.state = state;
    this.#wasLost = state === "lost" || (this.#wasLost && state === "connecting");
    this.dispatchEvent(new Event("state"));
  }
}

/**
 * Make a call of the console's own HTTP.
 * @param {string} path under `api/`
 * @param {object} [body]
 * @returns {Promise<any>} its answer
 * @throws {GatewayError}
 */
export async function post(path, body = {}) {
  let response;
  try {
    response = await fetch(new URL(path, API), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch {
    throw new GatewayError("unreachable", "the gateway can't be reached");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const { code = "failed", message = `the gateway answered ${response.status}`, data } = answer.error ?? {};
  throw new GatewayError(code, message, data, response.status);
}

/** @param {any} error */
function asGatewayError(error) {
  if (error instanceof GatewayError) return error;
  return new GatewayError(error?.code ?? -32603, messageOf(error), error?.data ?? null);
}

/**
 * What to tell a person of an error.
 * @param {any} error
 * @returns {string}
 */
export const messageOf = (error) => String(error?.message ?? error ?? "");
