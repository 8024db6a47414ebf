/** When to try again, and when not. No clock of its own. */

import { AgentGateError, CONNECTION_LOST } from "./errors.js";

const CAP_S = 30;

/** The longest pause that a gateway, or what stands before it, can ask for. */
const RETRY_AFTER_MAX_S = 3_600;

/** HTTP statuses instead of an upgrade that say: this is no gateway, or it does not want us. */
const FINAL_STATUSES = new Set([400, 401, 403, 404, 405, 426]);

/** Counts failures in a row: 1 s, 2 s, 4 s … 30 s. */
export class Schedule {
  /** @param {number | null} maxRetries attempts in a row; null: without end */
  constructor(maxRetries) {
    this.maxRetries = maxRetries;
    this.failures = 0;
  }

  /**
   * Count a failure.
   * @param {number} atLeast a pause that was asked for, in seconds
   * @returns {number | null} the pause until the next attempt; null: there is none
   */
  failed(atLeast) {
    const own = Math.min(2 ** Math.min(this.failures, 16), CAP_S);
    this.failures += 1;
    if (this.maxRetries !== null && this.failures > this.maxRetries) return null;
    return Math.max(own, Math.min(atLeast, RETRY_AFTER_MAX_S));
  }

  /** A connection is authenticated and reconciled, or the user begins anew. */
  succeeded() {
    this.failures = 0;
  }
}

/**
 * Why the WebSocket could not be opened.
 * @param {{message: string, status: number, retryAfter: string}} refusal `status`: of HTTP, 0 if there
 *   is none; `retryAfter`: the header, "" if there is none. A date in it says nothing here
 * @returns {{error: AgentGateError, isFinal: boolean, atLeast: number}} `isFinal`: if it is the first
 */
export function refusedBy({ message, status, retryAfter }) {
  return {
    error: new AgentGateError(CONNECTION_LOST, message),
    isFinal: FINAL_STATUSES.has(status),
    atLeast: /^\d+$/.test(retryAfter) ? Number(retryAfter) : 0,
  };
}
