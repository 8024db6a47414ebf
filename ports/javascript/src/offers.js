/** Tools of this program that others may ask for: what is told of them, and what of how they ran. */

import * as codes from "./errors.js";
import { mended } from "./messages.js";

/** Of what a provided tool returns: what a gateway takes as one message. */
const RESULT_BYTES_MAX = 1_047_552;

/** What the gateway is told of a tool. */
export function offerOf({ name, effects = "write", description = "", args = {}, timeoutS = 30 }) {
  return { name, effects, description, args, timeout_s: timeoutS };
}

/**
 * Run a tool, and say how it went.
 * @param {string} tool its name
 * @param {Function | undefined} run undefined: there is none of this name any more
 * @param {object} args
 * @param {AbortSignal} signal
 * @returns {Promise<object>} `{ result: { data } }`, or `{ error: { code, message } }`
 */
export async function answerOf(tool, run, args, signal) {
  try {
    if (!run) throw new codes.AgentGateError(codes.METHOD_NOT_FOUND, `there is no tool ${tool} here any more`);
    const answer = mended({ result: { data: (await run(args, signal)) ?? null } });
    const bytes = new TextEncoder().encode(JSON.stringify(answer)).length; // throws what can't be said
    if (bytes > RESULT_BYTES_MAX) {
      const text = `it ran, but its result can't be sent: it has ${bytes} bytes`;
      throw new codes.AgentGateError(codes.OUTCOME_UNKNOWN, text);
    }
    return answer;
  } catch (error) {
    const isOurs = error instanceof codes.AgentGateError;
    const { code = codes.TOOL_FAILED, message } = isOurs ? error : { message: String(error) };
    return mended({ error: { code, message: message.slice(0, 2_000) } });
  }
}
