/** What there is to know about an approval besides its call, in words. */

import { html, nothing } from "../vendor/lit.js";
import { shown } from "./shown.js";
import { ago, when } from "./time.js";

/** @typedef {Record<string, any>} Approval */

const ENDED = { executed: "it ran", failed: "it ran and failed", unknown: "whether it ran is not known", cancelled: "it was withdrawn" };

/**
 * What became of an approval, in a sentence without its end.
 * @param {Approval} view
 * @param {string} [me] who looks
 */
export function resultOf({ status, decided_by: by, channel, decided_at: at, outcome, reason, word }, me = "") {
  const whom = by ? ` by ${by === me ? "you" : by}` : "";
  const where = channel && channel !== "websocket" ? ` (${channel})` : "";
  const time = at ? ` ${ago(at)}` : "";
  const end = outcome ? `; ${ENDED[/** @type {keyof typeof ENDED} */ (outcome)] ?? outcome}` : "";
  const said = word ? `, with the words “${word}”` : "";
  if (status === "waiting") return "it waits";
  if (status === "expired") return `nobody answered in time${reason ? `: ${reason}` : ""}`;
  if (status === "cancelled") return "the agent has withdrawn it";
  if (status === "settled") return "it was settled while this page was not connected";
  const what = status === "approved" ? "approved" : status === "denied" ? "denied" : String(status);
  return `${what}${whom}${where}${time}${said}${end}${!by && reason ? `: ${reason}` : ""}`;
}

/**
 * The facts of a card.
 * @param {Approval} view
 * @param {any} comparison of `compare_approval`; null: it has not come
 */
export function factsOf(view, comparison) {
  const needed = view.approvers_needed ?? 1;
  const yes = view.approved_by ?? [];
  return html`
    ${view.edited
      ? html`<section class="stack tight">
          <h3 class="muted small-text">Approved in its place</h3>
          <json-view label="The arguments that were approved" .value=${view.edited}></json-view>
        </section>`
      : nothing}
    ${comparisonOf(comparison)}
    <dl class="facts">
      ${needed > 1
        ? html`<dt>People</dt>
            <dd>${needed} must say yes${yes.length ? html`; ${yes.map((/** @type {string} */ name, /** @type {number} */ at) => html`${at ? ", " : ""}<bdi>${name}</bdi>`)} ${yes.length === 1 ? "has" : "have"}` : ", nobody has yet"}</dd>`
        : nothing}
      ${view.repeats ? html`<dt>Asked</dt><dd>${view.repeats + 1} times; one answer goes to all</dd>` : nothing}
      <dt>Rule</dt>
      <dd>
        ${view.description ? html`${shown(view.description)} ` : nothing}<span class="muted mono">${shown(view.rule ?? "")}</span>
        ${view.doubt ? html`<br /><span class="warn-text">In doubt: ${shown(view.doubt)}</span>` : nothing}
      </dd>
      <dt>Since</dt>
      <dd>${when(view.created_at)}</dd>
    </dl>
  `;
}

/** @param {any} comparison */
function comparisonOf(comparison) {
  if (!comparison) return nothing;
  const { failed, last, changes = [], times_approved: yes = 0, times_denied: no = 0, doubt = "" } = comparison;
  if (failed) return html`<p class="muted small-text">What changed since the last approved call is not known: ${failed}</p>`;
  const count = yes || no ? `Approved ${times(yes)}, denied ${times(no)} so far.` : "";
  if (!last) {
    const none = doubt ? `No approved call of this tool is known: ${doubt}.` : "This agent has no approved call of this tool yet.";
    return html`<p class="note"><span>${none} ${no ? count : nothing}</span></p>`;
  }
  return html`<section class="stack tight">
    <h3 class="muted small-text">Since the last approved call</h3>
    <p class="small-text muted">That was ${ago(last.at)}${last.decided_by ? html`, by <bdi>${last.decided_by}</bdi>` : nothing}. ${count} ${doubt ? `(${doubt})` : nothing}</p>
    ${changes.length
      ? html`<ul class="changes">${changes.map((/** @type {string} */ line) => html`<li>${shown(line)}</li>`)}</ul>`
      : html`<p>Nothing has changed: it is the same call.</p>`}
  </section>`;
}

/** @param {number} count */
const times = (count) => (count === 0 ? "never" : count === 1 ? "once" : `${count} times`);
