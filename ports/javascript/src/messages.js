/** JSON-RPC 2.0: text to messages, and what is read of them. Nothing here throws on peer input. */

import { AgentGateError, INVALID_PARAMS, OUTCOME_UNKNOWN } from "./errors.js";

/**
 * @typedef {number | string} RequestId
 * @typedef {{code: number, message: string, data?: unknown}} ErrorObject
 * @typedef {{id: RequestId | null, result?: unknown, error?: ErrorObject}} Answer
 * @typedef {{method: string, params: unknown}} Notification
 * @typedef {{word?: string, edited?: object}} Said what people said to the agent, and the arguments
 *   that they let the tool run with in place of those that were asked
 * @typedef {{request_id: RequestId, tool: string, status: string, data?: unknown,
 *   error?: ErrorObject, resolved_at: string} & Said} Row
 */

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isId = (value) => value === null || typeof value === "string" || Number.isInteger(value);

/**
 * Read one text frame.
 * @param {string} text
 * @returns {{answer?: Answer, notification?: Notification, asked?: object} | null} null: it is of no
 *   use to a client
 */
export function decode(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(message) || message.jsonrpc !== "2.0") return null;
  if ("method" in message) {
    const { id, method, params = {} } = message;
    if (typeof method !== "string" || "result" in message || "error" in message) return null;
    if (typeof params !== "object" || params === null) return null;
    if (!("id" in message)) return { notification: { method, params } };
    return isId(id) ? { asked: { id, method, params } } : null;
  }
  if (!("id" in message) || !isId(message.id)) return null;
  const { id, result, error } = message;
  if (error === undefined || error === null) return "result" in message ? { answer: { id, result } } : null;
  if (!isObject(error) || "result" in message) return null;
  return Number.isInteger(error.code) && typeof error.message === "string" ? { answer: { id, error } } : null;
}

/** The escapes of `JSON.stringify`; `half`: of half a surrogate pair, which no text in UTF-8 has. */
const ESCAPES = /\\(?:u(?<half>d[89a-f][0-9a-f]{2})|.)/g;

/**
 * Copy what JSON can say of a value.
 * @throws {AgentGateError} half of a surrogate pair stands in a text: the gateway could not read it
 */
export function plain(value) {
  const json = JSON.stringify(value);
  for (const { groups } of json.matchAll(ESCAPES)) {
    if (groups.half) {
      const text = "a text ends, or begins, within a character (\\u" + groups.half + "): cut it elsewhere";
      throw new AgentGateError(INVALID_PARAMS, `${text}, or send text.toWellFormed()`);
    }
  }
  return JSON.parse(json);
}

/** Copy what JSON can say of a value; for half a surrogate pair stands U+FFFD. */
export function mended(value) {
  const json = JSON.stringify(value);
  return JSON.parse(json.replace(ESCAPES, (escape, half) => (half ? "\\ufffd" : escape)));
}

/** Encode a request. */
export function request(id, method, params) {
  return { jsonrpc: "2.0", method, params, id };
}

/** Encode a notification. */
export function notification(method, params) {
  return { jsonrpc: "2.0", method, params };
}

const EXECUTED = "executed";
const NOT_SAID = { code: OUTCOME_UNKNOWN, message: "Outcome unknown: the gateway does not say how it ended" };

/** Why a row has no data, or null: it was executed. */
export function faultOf({ status, error = NOT_SAID, ...row }) {
  if (status === EXECUTED) return null;
  const said = saidOf(row);
  return errorOf({ ...error, data: error.data ?? (Object.keys(said).length ? said : null) });
}

/**
 * What people said of a request and made of it, by what tells its outcome; what is odd is left out.
 * @returns {Said}
 */
export function saidOf(told) {
  const { word, edited } = isObject(told) ? told : {};
  return {
    ...(typeof word === "string" && word ? { word } : {}),
    ...(isObject(edited) ? { edited } : {}),
  };
}

/** The ids of a client's own requests: each comes once, over all its connections. */
export class RequestIds {
  /** @param {string} instance names this client among all with its `clientId`, ever */
  constructor(instance) {
    this.instance = instance;
    this.last = 0;
    this.texts = 0;
  }

  /** Go on above the highest that the gateway knows. */
  follow(highest) {
    this.last = Math.max(this.last, highest);
  }

  /** The next one: a text where numbers can't be told from the next any more. */
  take() {
    if (this.last < Number.MAX_SAFE_INTEGER) return ++this.last;
    return `${this.instance}-${++this.texts}`;
  }
}

/**
 * Read the answer to `auth`.
 * @param {unknown} result
 * @returns {{principal: string, highest: number, epoch: string, retention: number | null} | null}
 *   null: it is none
 */
export function authResult(result) {
  if (!isObject(result) || result.status !== "authenticated") return null;
  const { principal = "", role = "agent", highest_id: highest = 0, epoch = "", retention_s: retention } = result;
  const fits = [principal, role, epoch].every((text) => typeof text === "string") && Number.isInteger(highest);
  if (!fits || highest < 0 || (retention !== undefined && typeof retention !== "number")) return null;
  return { principal, highest, epoch, retention: retention ?? null };
}

/** How long the gateway wants to be left alone, in seconds, by the data of its error. */
export function pauseOf(data) {
  const { retry_after_s: pause = 0 } = isObject(data) ? data : {};
  return typeof pause === "number" && pause > 0 ? pause : 0;
}

/** Whether a value can be the number of an outcome. */
const isSeq = (value) => Number.isSafeInteger(value) && value > 0;

/**
 * Make a row of the answer to a tool request.
 * @param {RequestId} id
 * @param {string} tool
 * @param {Answer} answer
 * @returns {{row: Row, seq: number}} seq is 0 if there is none
 */
export function rowOf(id, tool, { result, error }) {
  const base = { request_id: id, tool, resolved_at: "" };
  if (error === undefined) {
    const { status, data = null, seq } = isObject(result) ? result : {};
    const number = isSeq(seq) ? seq : 0;
    if (status !== EXECUTED) return { row: { ...base, status: "unknown", error: NOT_SAID }, seq: number };
    return { row: { ...base, status, data, ...saidOf(result) }, seq: number };
  }
  const { seq, status, ...rest } = isObject(error.data) ? error.data : {};
  const data = isObject(error.data) ? (Object.keys(rest).length ? rest : null) : error.data;
  const row = { ...base, status: String(status ?? "failed"), error: { ...error, data }, ...saidOf(rest) };
  return { row, seq: isSeq(seq) ? seq : 0 };
}

/**
 * Read a reply to get_pending_results. What is no row is left out, so that it spoils no other.
 * @param {unknown} reply
 * @returns {{rows: Row[], pending: RequestId[] | null, seq: number, more: boolean} | null} null: it
 *   is none
 */
export function pendingReply(reply) {
  if (!isObject(reply) || !Array.isArray(reply.results)) return null;
  return {
    rows: reply.results.filter(isRow),
    pending: Array.isArray(reply.pending) ? reply.pending : null,
    seq: isSeq(reply.seq) ? reply.seq : 0,
    more: reply.more === true,
  };
}

const isRow = (row) => isObject(row) && row.request_id !== null && isId(row.request_id);

/** The error of a row or an answer. */
export function errorOf({ code, message, data }) {
  return new AgentGateError(code, message, data ?? null);
}
