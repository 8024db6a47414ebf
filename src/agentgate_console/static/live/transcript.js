/**
 * A transcript: what a person sees of a session's log. No I/O, no page.
 *
 * Each event is taken once, in order (the port's feed sees to that), and changes one item. An item's `version` says
 * whether it has to be shown anew.
 */

import { Blocks } from "./blocks.js";

/** Items that are kept; older ones go, and `dropped` counts them. */
export const ITEMS_MAX = 2_000;
/** Of the line that shows what is going on. */
const LINE_CHARS = 240;

/**
 * @typedef {object} Item
 * @property {number} key one of its own, for ever
 * @property {number} version grows with each change
 * @property {boolean} isOpen people have opened what is folded in it
 * @property {string} at RFC 3339; "" if it was not said
 * @property {string} run
 * @property {"message" | "answer" | "tool" | "note" | "gap" | "end"} kind
 *
 * @typedef {Item & {kind: "message", text: string, by: string, behalf: string, waits: boolean}} Message
 * @typedef {Item & {kind: "answer", offset: number, text: Blocks, thinking: Blocks, isOver: boolean, stop: string,
 *   model: string}} Answer `isOver`: the model has finished
 * @typedef {Item & {kind: "tool", call: string, tool: string, args: any, state: string, approval: string,
 *   signature: string, rule: string, result: any, hasResult: boolean, error: string, word: string, edited: any,
 *   late: boolean, client: boolean}} Tool `state`: "asked", "waiting", or the status of its outcome
 * @typedef {Item & {kind: "note", text: string, tone: "" | "warn"}} Note
 * @typedef {Item & {kind: "gap", count: number, reason: string}} Gap
 * @typedef {Item & {kind: "end", status: string, reason: string, by: string, cost: number | null, usage: any}} End
 * @typedef {Message | Answer | Tool | Note | Gap | End} Any
 * @typedef {{kind: string, data: any, offset: number, count: number, at: string}} Event
 */

export class Transcript {
  /** @type {Any[]} */
  items = [];
  /** Items that are not kept any more. */
  dropped = 0;
  /** The run that is under way, as far as was told; "" if none. */
  run = "";
  /** Runs whose messages wait for their turn. @type {Set<string>} */
  waiting = new Set();
  /** What the model has read and written at its last request. @type {any} */
  usage = null;
  /** Of all requests that were told; and of how many nobody knows what they cost. */
  costMicros = 0;
  unpriced = 0;
  /** The last text, for a line that shows what is going on. */
  line = "";

  #keys = 0;
  /** @type {Map<string, Tool>} */
  #tools = new Map();
  /** The answer that grows. @type {Answer | null} */
  #answer = null;
  /** What was said since the model was asked: several where there is a gap. @type {Answer[]} */
  #parts = [];

  /**
   * Take the next event.
   * @param {Event} event kinds that are not known change nothing
   */
  take(event) {
    const { kind, data, offset, count, at } = event;
    switch (kind) {
      case "message":
        this.waiting.add(data.run);
        this.line = text(data.text).slice(0, LINE_CHARS);
        this.#add({
          ...this.#item("message", at, data),
          text: text(data.text),
          by: text(data.by),
          behalf: text(data.on_behalf_of?.principal),
          waits: this.run !== "",
        });
        break;
      case "run_started":
        this.#begins(text(data.run));
        break;
      case "model_started":
        this.run = text(data.run);
        this.#parts = [];
        this.#answer = this.#newAnswer(offset, at, data);
        break;
      case "text":
      case "thinking":
        this.#said(kind, offset, at, data);
        break;
      case "reply":
        this.#replied(offset, at, data);
        break;
      case "reset":
        this.#withdraw(data, at);
        break;
      case "retrying":
        this.#note(at, data, `Asked again in ${seconds(data.wait_s)}: ${text(data.reason)}`, "warn");
        break;
      case "tool_call":
        this.#called(at, data);
        break;
      case "approval":
        this.#asked(at, data);
        break;
      case "tool_result":
        this.#ended(at, data);
        break;
      case "usage":
        this.usage = data.usage ?? null;
        if (Number.isFinite(data.cost_micros)) this.costMicros += data.cost_micros;
        else this.unpriced += 1;
        break;
      case "note":
        this.#note(at, data, text(data.text));
        break;
      case "history":
        this.#note(at, data, "The client tells the conversation otherwise from here on");
        break;
      case "run_ended":
        this.#over(at, data);
        break;
      case "gap":
        this.#close();
        this.#add({ ...this.#item("gap", at, data), count, reason: text(data.reason) });
        break;
    }
  }

  /**
   * The call about which a person is asked.
   * @param {string} approval its id
   */
  toolOf(approval) {
    return this.items.find((item) => item.kind === "tool" && item.approval === approval) ?? null;
  }

  // What the events do

  /** @param {string} run */
  #begins(run) {
    this.run = run;
    this.waiting.delete(run);
    const at = this.items.findIndex((item) => item.kind === "message" && item.run === run);
    if (at < 0) return;
    const [message] = /** @type {Message[]} */ (this.items.splice(at, 1));
    message.waits = false;
    message.version += 1;
    this.items.push(message); // it is here that the model reads it
  }

  /**
   * @param {number} offset
   * @param {string} at
   * @param {any} data
   * @returns {Answer}
   */
  #newAnswer(offset, at, data) {
    this.#close();
    const answer = {
      ...this.#item("answer", at, data),
      offset,
      text: new Blocks(),
      thinking: new Blocks(),
      isOver: false,
      stop: "",
      model: text(data.model_id),
    };
    this.#parts.push(answer);
    this.#add(answer);
    return answer;
  }

  /**
   * @param {"text" | "thinking"} kind
   * @param {number} offset
   * @param {string} at
   * @param {any} data
   */
  #said(kind, offset, at, data) {
    this.run = text(data.run); // its beginning may be before what is read
    const answer = (this.#answer ??= this.#newAnswer(offset, at, data));
    if (kind === "text") this.line = ((answer.text.length ? this.line : "") + text(data.text)).slice(-LINE_CHARS);
    answer[kind].add(text(data.text));
    answer.version += 1;
  }

  /**
   * @param {number} offset
   * @param {string} at
   * @param {any} data
   */
  #replied(offset, at, data) {
    const whole = text(data.text);
    const [first, ...others] = this.#parts.filter(({ run }) => run === data.run);
    const answer = first ?? (whole ? this.#newAnswer(offset, at, data) : null);
    this.#parts = [];
    this.#answer = null;
    if (!answer) return;
    if (others.length) this.items = this.items.filter((item) => !others.some((other) => other === item));
    if (answer.text.length !== whole.length) answer.text = new Blocks(whole);
    answer.isOver = true;
    answer.stop = text(data.stop);
    answer.version += 1;
    if (whole) this.line = whole.slice(-LINE_CHARS);
    if (!whole && !answer.thinking.length) this.items = this.items.filter((item) => item !== answer);
  }

  /**
   * @param {any} data
   * @param {string} at
   */
  #withdraw(data, at) {
    this.items = this.items.filter((item) => item.kind !== "answer" || item.offset < data.first);
    this.#answer = null;
    this.#parts = [];
    this.#note(at, data, `What the model had said is withdrawn: ${text(data.reason)}`, "warn");
  }

  /**
   * @param {string} at
   * @param {any} data
   * @returns {Tool}
   */
  #called(at, data) {
    this.#close();
    const tool = {
      ...this.#item("tool", at, data),
      call: text(data.call),
      tool: text(data.tool),
      args: data.args ?? null,
      state: "asked",
      approval: "",
      signature: "",
      rule: "",
      result: null,
      hasResult: false,
      error: "",
      word: "",
      edited: null,
      late: false,
      client: data.client === true,
    };
    this.#tools.set(tool.call, tool);
    this.#add(tool);
    return tool;
  }

  /**
   * @param {string} at
   * @param {any} data
   */
  #asked(at, data) {
    const tool = this.#tools.get(data.call) ?? this.#called(at, data);
    this.run = text(data.run);
    Object.assign(tool, {
      state: "waiting",
      approval: text(data.approval),
      signature: text(data.signature),
      rule: text(data.rule),
    });
    tool.version += 1;
  }

  /**
   * @param {string} at
   * @param {any} data
   */
  #ended(at, data) {
    const tool = this.#tools.get(data.call) ?? this.#called(at, data);
    Object.assign(tool, {
      state: data.still_running ? "still running" : text(data.status),
      result: data.result ?? null,
      hasResult: "result" in data,
      error: text(data.error),
      word: text(data.word),
      edited: data.edited ?? null,
      late: data.late === true,
    });
    tool.version += 1;
  }

  /**
   * @param {string} at
   * @param {any} data
   */
  #over(at, data) {
    this.#close();
    this.waiting.delete(data.run);
    if (this.run === data.run) this.run = "";
    this.#add({
      ...this.#item("end", at, data),
      status: text(data.status),
      reason: text(data.reason),
      by: text(data.by),
      cost: Number.isFinite(data.cost_micros) ? data.cost_micros : null,
      usage: data.usage ?? null,
    });
  }

  /** The model says nothing more in this answer; one that has said nothing is none. */
  #close() {
    const answer = this.#answer;
    this.#answer = null;
    if (!answer) return;
    if (!answer.text.length && !answer.thinking.length) {
      this.#parts = this.#parts.filter((part) => part !== answer);
      this.items = this.items.filter((item) => item !== answer);
    } else if (!answer.isOver) {
      answer.isOver = true;
      answer.version += 1;
    }
  }

  /**
   * @param {string} at
   * @param {any} data
   * @param {string} words
   * @param {"" | "warn"} [tone]
   */
  #note(at, data, words, tone = "") {
    this.#add({ ...this.#item("note", at, data), text: words, tone });
  }

  /**
   * @template {Any["kind"]} K
   * @param {K} kind
   * @param {string} at
   * @param {any} data
   */
  #item(kind, at, data) {
    return { key: ++this.#keys, version: 0, isOpen: false, at, run: text(data.run), kind };
  }

  /** @param {Any} item */
  #add(item) {
    this.items.push(item);
    if (this.items.length <= ITEMS_MAX) return;
    for (const gone of this.items.splice(0, this.items.length - ITEMS_MAX)) {
      this.dropped += 1;
      if (gone.kind === "tool") this.#tools.delete(gone.call);
    }
  }
}

/** @param {unknown} value */
const text = (value) => (typeof value === "string" ? value : "");

/** @param {unknown} value */
const seconds = (value) => (typeof value === "number" ? `${Math.round(value * 10) / 10} s` : "a moment");
