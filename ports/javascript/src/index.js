/** A client for agentgate: `new AgentGateClient(url, { token })`. See README.md. */

export { AgentGateClient } from "./client.js";
export { AgentGateError } from "./errors.js";
export { Core } from "./core.js";
