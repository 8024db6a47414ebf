/** Errors: one class, whose `code` says what happened (spec/tables.md, "Error codes"). */

export const CONNECTION_LOST = -32000;
export const TOOL_FAILED = -32004;
export const AUTHENTICATION = -32005;
export const LIMIT_EXCEEDED = -32006;
export const OUTCOME_UNKNOWN = -32007;
export const CANCELLED = -32008;
export const ALREADY_SETTLED = -32009;
export const FORBIDDEN = -32010;
export const SESSION_NOT_FOUND = -32013;
export const RUN_IN_PROGRESS = -32014;
export const OVER_BUDGET = -32015;
export const MODEL_FAILED = -32016;
export const INTERNAL_ERROR = -32603;
export const METHOD_NOT_FOUND = -32601;
export const INVALID_REQUEST = -32600;
export const INVALID_PARAMS = -32602;

/** A call that failed, or a gateway that can't be reached. */
export class AgentGateError extends Error {
  /**
   * @param {number} code the JSON-RPC error code; -32000: no connection
   * @param {string} message the gateway's own words
   * @param {unknown} [data] what the gateway added, without its own numbering
   */
  constructor(code, message, data = null) {
    super(message);
    this.name = "AgentGateError";
    this.code = code;
    this.data = data;
  }

  /** Policy or a person said no; the tool did not run. */
  get denied() {
    return this.code === -32001 || this.code === -32003;
  }

  /** What the person said who was asked about the call, or "". */
  get word() {
    return typeof this.data?.word === "string" ? this.data.word : "";
  }

  /** The arguments that its tool ran with, if a person had changed them; else null. */
  get edited() {
    return this.data?.edited ?? null;
  }

  /** The session has a run under way; `data.run` and `data.approvals` say what it waits for. */
  get busy() {
    return this.code === RUN_IN_PROGRESS;
  }

  /** The tool may or may not have run. Look at the world before you ask again. */
  get unknown() {
    return this.code === OUTCOME_UNKNOWN;
  }
}
