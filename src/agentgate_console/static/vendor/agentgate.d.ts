/** The JavaScript port, whole. */

export * from "agentgate-client";
