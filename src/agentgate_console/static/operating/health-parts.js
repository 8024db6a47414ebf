/** What health tells beside the parts: figures, what is kept and for how long, and the certificate. */

import { html, nothing } from "../vendor/lit.js";
import { left } from "../elements/time.js";
import { shown } from "../elements/shown.js";
import { bytes, count, figure, moment, span } from "./words.js";

/**
 * @typedef {{database_bytes: number, disk_free_bytes?: number | null, disk_reserve_bytes?: number, requests?: number,
 *   sessions?: number, audit_entries?: number, audit_from_at?: string, keep_days?: number,
 *   keep_undelivered_days?: number, keep_rows?: number, keep_bytes?: number, keep_session_days?: number,
 *   keep_usage_days?: number, audit_keep_days?: number, audit_keep_entries?: number, audit_keep_bytes?: number,
 *   forgotten?: number, cut?: number}} Store
 * @typedef {{status: string, version?: string, uptime_s?: number, warnings?: string[],
 *   parts?: {name: string, state: string, words?: string}[], figures?: Record<string, number>,
 *   store?: Store, certificate?: {begins_at: string, ends_at: string}}} Health
 */

/** @param {Health} health */
export function figures({ version, uptime_s, figures: known = {} }) {
  const rows = Object.entries(known).map(([name, value]) => [worded(name), said(name, value)]);
  if (uptime_s !== undefined) rows.unshift(["Up for", span(uptime_s)]);
  if (version) rows.push(["Version", version]);
  return html`<dl class="figures">
    ${rows.map(
      ([name, value]) => html`<div class="card">
        <dt>${shown(name)}</dt>
        <dd><strong>${shown(value)}</strong></dd>
      </div>`,
    )}
  </dl>`;
}

/** @param {Health} health */
export function stored({ store }) {
  if (!store) return nothing;
  const { database_bytes, disk_free_bytes, disk_reserve_bytes = 0, requests = 0, sessions = 0 } = store;
  const { audit_entries = 0, audit_from_at, forgotten = 0, cut = 0 } = store;
  const days = (/** @type {number | undefined} */ many) => count(many ?? 0, "day");
  const most = (/** @type {number | undefined} */ many, /** @type {number | undefined} */ size) =>
    [many ? figure(many) : "", size ? bytes(size) : ""].filter(Boolean).join(" or ");
  const short = typeof disk_free_bytes === "number" && disk_free_bytes < 2 * disk_reserve_bytes;
  return html`<section class="card" aria-labelledby="store">
    <h2 id="store">What is kept</h2>
    <dl class="facts">
      <dt>Database</dt>
      <dd>${bytes(database_bytes)}</dd>
      ${typeof disk_free_bytes === "number"
        ? html`<dt>Its disk</dt>
            <dd>
              ${bytes(disk_free_bytes)} free${disk_reserve_bytes ? `, of which ${bytes(disk_reserve_bytes)} must stay so` : ""}
              ${short ? html`<span class="tag warn">nearly full</span>` : nothing}
            </dd>`
        : nothing}
      <dt>Requests</dt>
      <dd>
        ${figure(requests)}; finished ones for ${days(store.keep_days)}, uncollected ones for
        ${days(store.keep_undelivered_days)}, at most ${most(store.keep_rows, store.keep_bytes)}
      </dd>
      <dt>Conversations</dt>
      <dd>
        ${figure(sessions)}; for ${days(store.keep_session_days)} after the last word, what they cost for
        ${days(store.keep_usage_days)}
      </dd>
      <dt>Audit</dt>
      <dd>
        ${count(audit_entries, "entry", "entries")}${audit_from_at ? `, from ${moment(audit_from_at)} on` : ""}; for
        ${days(store.audit_keep_days)}, at most ${most(store.audit_keep_entries, store.audit_keep_bytes)}
      </dd>
      ${forgotten || cut
        ? html`<dt>Gone too soon</dt>
            <dd>
              ${count(forgotten, "outcome")} and ${count(cut, "entry", "entries")} of the audit, which a cap took before
              their time. Raise <code>storage.keep_…</code> or <code>audit.keep_…</code>, or find out who asks so much.
            </dd>`
        : nothing}
    </dl>
  </section>`;
}

/** @param {Health} health */
export function certificate({ certificate: found }) {
  if (!found) return nothing;
  const { begins_at, ends_at } = found;
  const isOver = left(ends_at) === "over";
  return html`<section class="card" aria-labelledby="certificate">
    <h2 id="certificate">Certificate</h2>
    <p>
      It counts from ${moment(begins_at)} to ${moment(ends_at)}.
      ${isOver
        ? html`<strong class="bad-text">It is over: clients refuse it. Put a new one in its place.</strong>`
        : html`<strong>${left(ends_at)} are left.</strong>`}
    </p>
  </section>`;
}

/** The name of a figure, for people. @param {string} name */
function worded(name) {
  const words = name.replace(/_(s|bytes)$/, "").replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/**
 * A figure in the unit that its name ends with.
 * @param {string} name
 * @param {number} value
 */
function said(name, value) {
  if (name.endsWith("_bytes")) return bytes(value);
  return name.endsWith("_s") ? span(value) : figure(value);
}
