/** JSON-RPC 2.0: text to messages, and what is read of them. Nothing here throws on peer input. */

import { AgentGateError } from "./errors.js";

/**
 * @typedef {number | string} RequestId
 * @typedef {{code: number, message: string, data?: unknown}} ErrorObject
 * @typedef {{id: RequestId | null, result?: unknown, error?: ErrorObject}} Answer
 * @typedef {{method: string, params: unknown}} Notification
 * @typedef {{request_id: RequestId, tool: string, status: string, data?: unknown,
 *   error?: ErrorObject, resolved_at: string}} Row
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
  if (typeof message.method === "string") {
    const { id, method, params } = message;
    if (!("id" in message)) return { notification: { method, params } };
    return isId(id) ? { asked: { id, method, params } } : null;
  }
  if (!("id" in message) || !isId(message.id)) return null;
  const { id, result, error } = message;
  if (isObject(error) && Number.isInteger(error.code) && typeof error.message === "string") {
    return { answer: { id, error } };
  }
  return "result" in message ? { answer: { id, result } } : null;
}

/** Encode a request. */
export function request(id, method, params) {
  return { jsonrpc: "2.0", method, params, id };
}

/** Encode a notification. */
export function notification(method, params) {
  return { jsonrpc: "2.0", method, params };
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
    if (!isObject(result)) {
      const odd = { code: -32007, message: "Outcome unknown: the gateway's answer is odd" };
      return { row: { ...base, status: "unknown", error: odd }, seq: 0 };
    }
    const row = { ...base, status: String(result.status ?? ""), data: result.data ?? null };
    return { row, seq: isSeq(result.seq) ? result.seq : 0 };
  }
  const { seq, status, ...rest } = isObject(error.data) ? error.data : {};
  const data = isObject(error.data) ? (Object.keys(rest).length ? rest : null) : error.data;
  const row = { ...base, status: String(status ?? "failed"), error: { ...error, data } };
  return { row, seq: isSeq(seq) ? seq : 0 };
}

/**
 * Read a reply to get_pending_results. What is no row is left out, so that it spoils no other.
 * @param {unknown} result
 * @returns {{rows: Row[], pending: RequestId[] | null, seq: number, more: boolean}}
 */
export function pendingReply(result) {
  const reply = isObject(result) ? result : {};
  const rows = Array.isArray(reply.results) ? reply.results.filter(isRow) : [];
  return {
    rows,
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
