/** The client: a core, a WebSocket and the clock. */

import { Agents } from "./agents.js";
import { Core } from "./core.js";
import { AgentGateError, CONNECTION_LOST, METHOD_NOT_FOUND, OUTCOME_UNKNOWN, TOOL_FAILED } from "./errors.js";
import { mended, plain } from "./messages.js";
import { Sessions } from "./sessions.js";

const seconds = () => performance.now() / 1000;

/** setTimeout counts in 31 bits; a timer that fires early is set again. */
const TIMER_MS_MAX = 2 ** 31 - 1;

const OPENING_S = 10;

/** Of what a provided tool returns: what a gateway takes as one message. */
const RESULT_BYTES_MAX = 1_047_552;

/**
 * An agent's connection to its gateway.
 *
 *     const gateway = await new AgentGateClient("ws://127.0.0.1:8443", { token }).connect();
 *     const data = await gateway.call("get_temperature", { room: "kitchen" });
 *     await gateway.close();
 *
 * A connection that breaks is made again, calls wait meanwhile, and each call ends exactly once:
 * with the tool's result, or with an `AgentGateError`.
 */
export class AgentGateClient {
  #core;
  #url;
  #socket = null;
  #timer = null;
  #openWebSocket;
  #waiting = new Map();
  #openings = [];
  #names = 0;
  #options;
  #closing = null;
  #sessions = null;
  #tools = new Map();
  #standing = null;
  #running = new Map();
  #agents = null;
  #stood = new Map();

  /**
   * @param {string} url `wss://host:port`, or `ws://host:port` on this machine
   * @param {object} options
   * @param {string} options.token the agent's secret
   * @param {string} [options.clientId] a stable name, if outcomes are to be found again later
   * @param {number | null} [options.maxRetries] attempts in a row; null: without end
   * @param {number | null} [options.timeoutS] how long a call waits unless it says otherwise
   * @param {(change: {state: string, error?: AgentGateError, retryInS?: number}) => void} [options.onState]
   * @param {(waiting: {request_id: number, expires_at: string, rule: string}) => void} [options.onWaiting]
   *   called when a person is asked about a call
   * @param {boolean} [options.insecure] with `ws://`, the token may go to other machines in clear text
   * @param {(url: string, events: object) => object} [options.openWebSocket] another adapter
   */
  constructor(url, options) {
    if (!/^wss?:\/\//.test(url)) throw new TypeError(`not a ws:// or wss:// URL: ${url}`);
    if (!options?.token) throw new TypeError("a token is needed: new AgentGateClient(url, { token })");
    if (!options.insecure && !isPrivate(url)) {
      throw new TypeError(
        "ws:// is for this machine: elsewhere the token would travel in clear text; write wss://, or say that " +
          "it is meant: { insecure: true }",
      );
    }
    this.#url = url;
    this.#options = options;
    this.#openWebSocket = options.openWebSocket ?? null;
  }

  /** "idle", "connecting", "authenticating", "collecting", "connected", "waiting" or "closed". */
  get state() {
    return this.#core?.state ?? "idle";
  }

  /**
   * Connect; resolve when calls can go out.
   * @returns {Promise<AgentGateClient>} this
   */
  async connect() {
    this.#openWebSocket ??= await platformWebSocket();
    this.#core ??= this.#makeCore();
    if (this.state === "connected") return this;
    const opened = new Promise((resolve, reject) => this.#openings.push({ resolve, reject }));
    this.#closing = null;
    this.#core.open(seconds());
    this.#turn();
    await opened;
    return this;
  }

  /**
   * Ask for a tool, and wait for its result.
   * @param {string} tool
   * @param {object} [args]
   * @param {{timeoutS?: number | null, idempotencyKey?: string, signal?: AbortSignal, why?: string}} [options]
   *   `signal` withdraws the call; `why`: your own words for the person who may be asked about it
   * @returns {Promise<unknown>} what the tool returned; rejects with an AgentGateError
   */
  async call(tool, args, options) {
    return (await this.ask(tool, args, options)).data;
  }

  /**
   * Ask for a tool as `call` does, and hear what people made of it besides.
   * @returns {Promise<{data: unknown, word: string, edited: object | null}>} `word`: what the person
   *   said who was asked; `edited`: the arguments that it ran with, if they had changed them
   */
  ask(tool, args = {}, { timeoutS = this.#options.timeoutS ?? null, idempotencyKey, signal, why } = {}) {
    const key = idempotencyKey ? { idempotency_key: idempotencyKey } : {};
    const params = { tool, args, ...key, ...(why ? { why } : {}) };
    const whole = (data, { word = "", edited = null }) => ({ data, word, edited });
    return this.#submit("tool_request", params, timeoutS, signal, whole);
  }

  /** The tools that may be asked for. */
  async listTools() {
    return (await this.#submit("list_tools", {}, null)).tools;
  }

  /** Outcomes that no call waits for, such as those of a process before this one. */
  getPendingResults() {
    return this.#submit("get_pending_results", {}, null);
  }

  /**
   * Offer tools of this program to others, in place of those before; [] withdraws them. They are
   * offered again on every connection until the client is closed. It must have a `clientId`.
   * @param {Array<{name: string, run: (args: object, signal: AbortSignal) => unknown,
   *   effects?: "read" | "write", description?: string, args?: object, timeoutS?: number}>} tools
   *   `args` is a JSON Schema; `run` may return a promise; what it throws is told to who asked
   * @returns {Promise<string[]>} their names at the gateway
   */
  async provide(tools) {
    if (!this.#core) throw new AgentGateError(CONNECTION_LOST, "not connected; call connect() first");
    const name = ++this.#names;
    const offer = plain({ tools: tools.map(offerOf) });
    const [standing, before] = [this.#standing, this.#tools];
    this.#tools = new Map([...before, ...tools.map((tool) => [tool.name, tool])]);
    try {
      const { names } = await new Promise((resolve, reject) => {
        this.#core.stand(name, "tools.provide", offer, seconds());
        this.#waiting.set(name, (error, data) => (error ? reject(error) : resolve(data)));
        this.#turn();
      });
      this.#standing = name;
      this.#tools = new Map(tools.map((tool) => [tool.name, tool]));
      if (standing !== null) this.#core.unstand(standing);
      return names;
    } catch (error) {
      this.#core.unstand(name);
      this.#tools = before;
      throw error;
    }
  }

  /** Conversations with a model. */
  get sessions() {
    const begin = (method, params, done) => this.#begin(method, params, null, done);
    this.#sessions ??= new Sessions(begin, () => this.state === "closed");
    return this.#sessions;
  }

  /** Named agents, for tokens of role `console` or `relay`. */
  get agents() {
    const stand = (method, params, stood) => this.#stand(method, params, stood);
    this.#agents ??= new Agents({ stand }, this.sessions);
    return this.#agents;
  }

  /** Disconnect for good. What waits is rejected. */
  async close() {
    if (!this.#core || this.state === "closed") return;
    this.#closing = this.#socket?.closed ?? Promise.resolve();
    this.#core.close(seconds());
    this.#turn();
    await this.#closing;
  }

  // Between the core and the world

  #makeCore() {
    const { token, clientId = crypto.randomUUID(), maxRetries = null, onWaiting } = this.#options;
    const { canPing } = this.#openWebSocket;
    const instance = crypto.randomUUID();
    return new Core({ token, clientId, instance, maxRetries, progress: Boolean(onWaiting), canPing });
  }

  #submit(method, params, timeoutS, signal, result = (data) => data) {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      let name = 0;
      const abort = () => this.#withdraw(name, signal.reason);
      name = this.#begin(method, params, timeoutS, (error, data, said) => {
        signal?.removeEventListener("abort", abort);
        if (error) reject(error);
        else resolve(result(data, said));
      });
      signal?.addEventListener("abort", abort);
    });
  }

  /** Make a call whose end `done` is told at once: before whatever the gateway says next. */
  #begin(method, params, timeoutS, done) {
    if (!this.#core) throw new AgentGateError(CONNECTION_LOST, "not connected; call connect() first");
    const name = ++this.#names;
    // What is sent, and perhaps sent again, is what the caller had when it called
    this.#core.call(name, method, plain(params), timeoutS, seconds());
    this.#waiting.set(name, done);
    this.#turn();
    return name;
  }

  /** Make a call on every connection; later answers than the first are told to `stood`. */
  #stand(method, params, stood) {
    if (!this.#core) throw new AgentGateError(CONNECTION_LOST, "not connected; call connect() first");
    const name = ++this.#names;
    this.#core.stand(name, method, plain(params), seconds());
    const answer = new Promise((resolve, reject) => {
      this.#waiting.set(name, (error, data) => (error ? reject(error) : resolve(data)));
    });
    this.#stood.set(name, stood);
    this.#turn();
    const end = () => {
      this.#stood.delete(name);
      this.#core.unstand(name);
    };
    return { answer, end };
  }

  #withdraw(name, reason) {
    const done = this.#waiting.get(name);
    if (!done) return;
    this.#waiting.delete(name);
    this.#core.cancel(name, seconds());
    this.#turn();
    done(reason);
  }

  /** Do all that the core asks for. Must follow everything that changes it. */
  #turn() {
    for (let outputs = this.#core.outputs(); outputs.length; outputs = this.#core.outputs()) {
      for (const output of outputs) this.#do(output);
    }
    clearTimeout(this.#timer);
    const at = this.#core.nextDeadline();
    if (at === null) return;
    const pauseMs = Math.min(Math.max(0, (at - seconds()) * 1000), TIMER_MS_MAX);
    this.#timer = setTimeout(() => {
      this.#core.timer(seconds());
      this.#turn();
    }, Math.ceil(pauseMs));
  }

  #do(output) {
    if (output.dial) this.#dial();
    else if (output.send) this.#socket?.send(JSON.stringify(output.send));
    else if (output.ping) this.#socket?.ping?.();
    else if (output.close) this.#letGo((socket) => socket.close(output.close));
    else if (output.drop) this.#letGo((socket) => socket.drop());
    else if (output.settle) this.#settle(output.settle);
    else if (output.stood) this.#stood.get(output.stood.call)?.(output.stood.error ?? null);
    else if (output.pushed) this.#pushed(output.pushed);
    else if (output.run) this.#run(output.run);
    else if (output.stop) this.#running.get(output.stop)?.abort();
    else if (output.state) this.#changed(output);
  }

  #dial() {
    let opened = false;
    let timer = null;
    const mine = () => this.#socket === socket;
    const turn = (input) => {
      if (!mine()) return; // it was let go of before
      input(seconds());
      this.#turn();
    };
    const over = (code, reason, { status = 0, retryAfter = "" } = {}) => {
      clearTimeout(timer);
      turn((now) => {
        this.#socket = null;
        if (opened) this.#core.lost(code, reason, now);
        else this.#core.rejected({ message: reason || "no WebSocket could be opened", status, retryAfter }, now);
      });
    };
    const socket = this.#openWebSocket(this.#url, {
      onOpen: () => {
        clearTimeout(timer);
        turn((now) => {
          opened = true;
          this.#core.connected(now);
        });
      },
      onText: (text) => turn((now) => this.#core.receive(text, now)),
      onAlive: () => turn((now) => this.#core.heard(now)),
      onClose: over,
    });
    this.#socket = socket;
    timer = setTimeout(() => {
      socket.drop();
      over(1006, "no opening handshake in time");
    }, OPENING_S * 1000);
  }

  #letGo(how) {
    const socket = this.#socket;
    this.#socket = null;
    if (socket) how(socket);
  }

  #settle({ call, data, error, ...said }) {
    const done = this.#waiting.get(call);
    this.#waiting.delete(call);
    done?.(error ?? null, data, said);
  }

  async #run({ call, tool, args }) {
    const abort = new AbortController();
    this.#running.set(call, abort);
    const { run } = this.#tools.get(tool) ?? {};
    let answer;
    try {
      if (!run) throw new AgentGateError(METHOD_NOT_FOUND, `there is no tool ${tool} here any more`);
      answer = mended({ result: { data: (await run(args, abort.signal)) ?? null } });
      const bytes = new TextEncoder().encode(JSON.stringify(answer)).length; // throws what can't be said
      if (bytes > RESULT_BYTES_MAX) {
        throw new AgentGateError(OUTCOME_UNKNOWN, `it ran, but its result can't be sent: it has ${bytes} bytes`);
      }
    } catch (error) {
      const { code = TOOL_FAILED, message } = error instanceof AgentGateError ? error : { message: String(error) };
      answer = mended({ error: { code, message: message.slice(0, 2_000) } });
    }
    this.#running.delete(call);
    this.#core.ran(call, answer, seconds());
    this.#turn();
  }

  #pushed({ method, params }) {
    if (method === "request_waiting") this.#options.onWaiting?.(params);
    if (method === "session_event") this.#sessions?.take(params ?? {});
  }

  #changed(change) {
    const { state, error } = change;
    if (state === "connected") for (const { resolve } of this.#openings.splice(0)) resolve();
    if (state === "closed") for (const { reject } of this.#openings.splice(0)) reject(error);
    if (state === "connected") this.#sessions?.reconnected();
    if (state === "closed") {
      this.#standing = null;
      this.#agents = null;
      this.#stood.clear();
    }
    if (state === "closed") this.#sessions?.closed(this.#closing ? null : error);
    this.#options.onState?.(change);
  }
}

/** What the gateway is told of a tool. */
function offerOf({ name, effects = "write", description = "", args = {}, timeoutS = 30 }) {
  return { name, effects, description, args, timeout_s: timeoutS };
}

/** Whether what is sent to a gateway stays on this machine, or goes by TLS. */
function isPrivate(url) {
  const { protocol, hostname } = new URL(url);
  const isLocal = ["localhost", "[::1]"].includes(hostname) || /^127(\.\d+){3}$/.test(hostname);
  return protocol === "wss:" || isLocal;
}

/** The platform's WebSocket, or our own where there is none (Node 20). */
async function platformWebSocket() {
  const inNode = typeof process !== "undefined" && Boolean(process.versions?.node);
  const adapter = inNode ? await import("./node-websocket.js") : await import("./browser-websocket.js");
  return adapter.openWebSocket;
}
