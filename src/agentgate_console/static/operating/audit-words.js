/** What happened, in words: a sentence for each event of the audit, as `agent-gate audit` says them. */

import { count, dollars, moment, shortId, span } from "./words.js";

/** @typedef {Record<string, any>} Entry */

/** Events of nobody but the gateway. */
const OURS = new Set(["gateway", "policy", "audit"]);

/** Fields that a row shows by itself. */
const SHOWN = new Set(["seq", "at", "event", "hash", "agent", "tool", "rid", "args", "principal", "digest"]);

/** What may be looked for by kind: the beginnings of events. @type {[string, string][]} */
export const KINDS = [
  ["", "Everything"],
  ["request.", "Requests"],
  ["requests.", "Requests told together"],
  ["grant.", "Grants"],
  ["agent.", "Mutes and logins of agents"],
  ["session.", "Sessions and runs"],
  ["login.", "Logins that failed"],
  ["console.", "The console"],
  ["passkey.", "Passkeys"],
  ["token.", "Tokens"],
  ["policy.", "Policy"],
  ["gateway.", "The gateway"],
  ["tool.", "Tools"],
  ["audit.", "The audit itself"],
];

/** Who did it, or about whom it is. @param {Entry} entry */
export function whoOf({ agent, principal, on_behalf_of, event }) {
  const who = agent || principal || (OURS.has(event.split(".")[0]) ? "gateway" : "");
  return who && on_behalf_of ? `${who} for ${on_behalf_of}` : who;
}

/** @param {Entry} entry */
const by = ({ approver, channel }) => (approver ? ` by ${approver}${channel ? ` (${channel})` : ""}` : "");

/** @param {Entry} entry */
const said = ({ word }) => (word ? `: “${word}”` : "");

/** @param {Entry} entry */
const signed = ({ passkey }) =>
  passkey ? `, signed with the passkey ${passkey.name ?? ""} (${shortId(passkey.credential)})` : "";

/** @param {Entry} entry */
const rule = ({ rule, description }) => (description && rule ? `${description} (${rule})` : description || rule || "");

/** @param {Entry} entry */
function asked(entry) {
  const { approvers_needed: needed = 1, expires_at, why } = entry;
  const people = needed > 1 ? count(needed, "person", "people") : "a person";
  return `asks ${people}${expires_at ? `, until ${moment(expires_at)}` : ""}: ${rule(entry)}${why ? `; it says “${why}”` : ""}`;
}

/** @param {Entry} entry */
function ended(entry) {
  const { status, message, joined, duration_s } = entry;
  if (joined) return `${status}, as ${shortId(joined)} was, which it repeats`;
  const took = duration_s ? ` in ${span(duration_s)}` : "";
  switch (status) {
    case "executed":
      return `done${took}${rule(entry) ? `, allowed: ${rule(entry)}` : ""}`;
    case "denied":
      return rule(entry) ? `denied: ${rule(entry)}` : `denied${by(entry)}${signed(entry)}${said(entry)}`;
    case "cancelled":
      return "withdrawn by the agent";
    case "unknown":
      return `unknown, it may have taken effect: ${message}`;
    default:
      return message ? `${status}: ${message}` : status;
  }
}

/** @param {Entry} entry */
const told = ({ event, count: many = 0 }) => `${count(many, "more request")} ${event.split(".")[1]}`;

/** @param {Entry} entry */
const login = ({ address, count: many = 1 }) =>
  `login failed${address ? ` from ${address}` : ""}${many > 1 ? `, ${count(many, "time")}` : ""}`;

/** @type {Record<string, [string, (entry: Entry) => string]>} tone and sentence of each event */
const WORDS = {
  "request.asked": ["warn", asked],
  "request.endorsed": ["ok", (e) => `yes${by(e)}${signed(e)}, ${e.count ?? 1} of ${e.approvers_needed ?? 2}${said(e)}`],
  "request.edited": ["warn", (e) => `edited${by(e)}, from what was asked before`],
  "request.approved": ["ok", (e) => `approved${by(e)}${signed(e)}${said(e)}`],
  "request.started": ["", (e) => (e.decision ? `started, allowed: ${rule(e)}` : "started")],
  "request.ended": ["", ended],
  "requests.denied": ["bad", told],
  "requests.read": ["", told],
  "requests.withdrawn": ["", told],
  "requests.repeated": ["", told],
  "grant.made": [
    "ok",
    (e) =>
      `grant${by(e)}${e.any_args?.length ? `, any ${e.any_args.join(", ")}` : ""}` +
      `${e.expires_at ? `, until ${moment(e.expires_at)}` : ""}, ${count(e.uses_max ?? 1, "time")} at most`,
  ],
  "grant.used": ["", (e) => `under a grant, use ${e.uses ?? "?"} of ${e.uses_max ?? "?"}`],
  "grant.revoked": ["", (e) => `grant ended${by(e)}`],
  "agent.muted": ["warn", (e) => `muted${by(e)} until ${moment(e.expires_at ?? "")}`],
  "agent.unmuted": ["", (e) => `no longer muted,${by(e)}`],
  "login.failed": ["bad", login],
  "agent.login_failed": ["bad", login],
  "gateway.started": ["", (e) => `started, version ${e.version ?? "?"}`],
  "gateway.stopped": ["", () => "stopped"],
  "policy.loaded": ["", (e) => `policy ${e.name ?? ""} (${String(e.sha256 ?? "").slice(0, 12)}) is in force`],
  "policy.refused": ["bad", (e) => `policy refused: ${e.detail ?? ""}`],
  "session.created": ["", (e) => `session ${shortId(e.session)} made, model ${e.model ?? ""}`],
  "session.run_started": ["", (e) => `run begun, model ${e.model ?? ""}, session ${shortId(e.session)}`],
  "session.run_ended": [
    "",
    (e) =>
      `run ended: ${e.status ?? ""}${e.principal ? ` by ${e.principal}` : ""}${Number.isInteger(e.cost_micros) ? `, ${dollars(e.cost_micros)}` : ""}, session ${shortId(e.session)}`,
  ],
  "session.deleted": ["", (e) => `session ${shortId(e.session)} deleted`],
  "token.added": ["warn", (e) => `token of ${e.principal ?? "?"} made${e.role ? `, role ${e.role}` : ""}${by(e)}`],
  "token.revoked": ["warn", (e) => `token of ${e.principal ?? "?"} revoked${by(e)}`],
  "console.login": ["", (e) => `logged in at the console ${e.detail ?? ""}${e.address ? `, from ${e.address}` : ""}`],
  "console.logout": ["", (e) => `logged out of the console${e.detail ? `: ${e.detail}` : ""}${by(e)}`],
  "passkey.added": ["warn", (e) => `passkey ${e.name ?? ""} added${by(e)}`],
  "passkey.removed": ["warn", (e) => `passkey ${e.name ?? ""} removed${by(e)}`],
  "passkey.refused": ["bad", (e) => `passkey ${e.name ?? ""} refused: ${e.detail ?? ""}`],
  "audit.broken": ["bad", (e) => `audit broken: ${e.detail ?? ""}`],
};

/** The events that have a sentence. */
export const EVENTS = Object.keys(WORDS);

/** @type {Record<string, string>} */
const ENDS = { executed: "ok", denied: "bad", failed: "bad" };

/**
 * What happened, and its tone: "ok", "bad", "warn" or none.
 * @param {Entry} entry
 * @returns {{tone: string, words: string}}
 */
export function sentenceOf(entry) {
  const known = WORDS[entry.event];
  if (!known) return { tone: "", words: [entry.event, ...fields(entry)].join(" ") };
  const tone = entry.event === "request.ended" ? (ENDS[entry.status] ?? "warn") : known[0];
  return { tone, words: known[1](entry) };
}

/** The fields of an entry that has no sentence. @param {Entry} entry */
function fields(entry) {
  return Object.entries(entry)
    .filter(([name]) => !SHOWN.has(name))
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`.slice(0, 200));
}
