/** A client for agentgate: `new AgentGateClient(url, { token })`. See README.md. */

export { Agent, Agents } from "./agents.js";
export { AgentGateClient } from "./client.js";
export { AgentGateError } from "./errors.js";
export { EventStream, Run, Session, Sessions } from "./sessions.js";
export { Core } from "./core.js";
