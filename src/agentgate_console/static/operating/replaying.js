/** Replaying: what another policy would have said to the calls that are recorded, rule by rule. */

import { html, nothing, repeat } from "../vendor/lit.js";
import { Loading, drawn } from "./loading.js";
import { shown } from "../elements/shown.js";
import { count, figure, moment } from "./words.js";

/**
 * @typedef {{id: string, at: string, agent: string, tool: string, signature: string, was: string, was_rule?: string,
 *   answer?: string, by?: string, now: string, now_rule?: string}} Row
 * @typedef {{requests: number, since: string, cut?: number, changed?: number, rows?: Row[], more?: boolean,
 *   next?: string}} Replayed
 */

const SPANS = [1, 7, 30, 90];

/** Of a candidate: the gateway takes no more. */
const CHARS_MAX = 131_072;

const ROWS_MAX = 500;

/** @type {Record<string, number>} what is wider, by what it lets through */
const WIDTH = { deny: 0, ask: 1, allow: 2 };

export class Replaying {
  #page;
  #inForce;
  text = "";
  days = 30;
  problem = "";

  /**
   * @param {import("../page.js").Page} page
   * @param {import("./policy-in-force.js").PolicyInForce} inForce from which a candidate may begin
   */
  constructor(page, inForce) {
    this.#page = page;
    this.#inForce = inForce;
    /** @type {Loading<Replayed>} */
    this.replayed = new Loading(page);
  }

  refresh() {
    if (!this.#inForce.policy.value) this.#inForce.refresh();
  }

  #begin() {
    this.text = this.#inForce.policy.value?.text ?? "";
    this.#page.requestUpdate();
  }

  /** @param {Event} event */
  async #file(event) {
    const input = /** @type {HTMLInputElement} */ (event.currentTarget);
    const file = input.files?.[0];
    if (!file) return;
    this.problem = file.size > 4 * CHARS_MAX ? `${file.name} is no policy: it has ${figure(file.size)} bytes.` : "";
    if (!this.problem) this.text = await file.text();
    input.value = "";
    this.#page.requestUpdate();
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    event.preventDefault();
    const filled = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    this.text = String(filled.get("policy"));
    this.days = Number(filled.get("days"));
    this.replayed.clear();
    this.#replay();
  }

  /** @param {string} [before] only older calls */
  #ask(before = "") {
    const params = { policy: this.text, days: this.days, limit: ROWS_MAX, ...(before ? { before } : {}) };
    return this.#page.gateway.call("replay_calls", params);
  }

  #replay() {
    this.replayed.run(() => this.#ask());
  }

  /** Look at calls that were not looked at, or list more of those that were. */
  #older() {
    const known = this.replayed.value;
    if (!known) return;
    const rows = known.rows ?? [];
    this.replayed.run(async () => {
      const listed = new Set(rows.map((row) => row.id));
      const found = await this.#ask(known.more ? rows[rows.length - 1].id : known.next);
      const all = [...rows, ...(found.rows ?? []).filter((/** @type {Row} */ row) => !listed.has(row.id))];
      if (known.more) return { ...known, rows: all, more: found.more }; // these were counted before
      const sum = (/** @type {"requests" | "cut" | "changed"} */ name) => (known[name] ?? 0) + (found[name] ?? 0);
      return { ...found, requests: sum("requests"), cut: sum("cut"), changed: sum("changed"), rows: all };
    });
  }

  render() {
    return html`
      <section class="card" aria-labelledby="candidate">
        <h2 id="candidate">Another policy</h2>
        <p class="muted">It is only asked what it would have said. Nothing runs, and nothing is changed.</p>
        <form class="stack" @submit=${(/** @type {SubmitEvent} */ event) => this.#submit(event)}>
          <label class="field"><span class="field-label">Its text (YAML)</span><textarea
              name="policy"
              class="mono tall"
              maxlength=${CHARS_MAX}
              rows="14"
              required
              spellcheck="false"
              autocapitalize="none"
              .value=${this.text}
              @input=${(/** @type {Event} */ event) =>
                (this.text = /** @type {HTMLTextAreaElement} */ (event.currentTarget).value)}
            ></textarea>
          </label>
          ${this.problem ? html`<p class="note bad" role="alert">${this.problem}</p>` : nothing}
          <div class="fields">
            <label class="field"><span class="field-label">Over the last</span><select name="days">
                ${SPANS.map(
                  (days) => html`<option value=${days} ?selected=${days === this.days}>${count(days, "day")}</option>`,
                )}
              </select>
            </label>
            <button class="button" type="button" ?disabled=${!this.#inForce.policy.value?.text} @click=${() => this.#begin()}>
              Begin with the one in force
            </button>
            <label class="button file">
              Take a file
              <input type="file" accept=".yaml,.yml,text/yaml" @change=${(/** @type {Event} */ event) => this.#file(event)} />
            </label>
            <button class="button primary" type="submit" ?disabled=${this.replayed.busy}>
              ${this.replayed.busy ? "Replaying …" : "Replay"}
            </button>
          </div>
        </form>
      </section>
      ${this.replayed.value || this.replayed.error || this.replayed.busy
        ? html`<section class="card" aria-labelledby="difference">
            <h2 id="difference">The difference</h2>
            ${drawn(this.replayed, (result) => this.#difference(result), "the difference", () => this.#replay())}
          </section>`
        : nothing}
    `;
  }

  /** @param {Replayed} result */
  #difference({ requests, since, cut = 0, changed = 0, rows = [], more, next }) {
    return html`
      <p role="status">
        ${requests
          ? html`<strong>${changed ? figure(changed) : "None"} of ${count(requests, "call")}</strong> since
              ${moment(since)} would have been answered otherwise.`
          : html`<strong>No call is on record</strong> since ${moment(since)}.`}
        ${cut
          ? html`Of ${count(cut, "call")} nobody can say: their arguments are kept in part, or their tool is another now.`
          : nothing}
        ${next ? "Older calls were not looked at yet." : nothing}
      </p>
      ${repeat(groups(rows), ([key]) => key, ([, calls]) => group(calls))}
      ${more || next
        ? html`<button class="button" type="button" ?disabled=${this.replayed.busy} @click=${() => this.#older()}>
            ${more ? "List more of them" : "Look at older calls"}
          </button>`
        : nothing}
    `;
  }
}

/**
 * Calls by what was said to them and what would be, the changes that let more through first.
 * @param {Row[]} rows
 * @returns {[string, Row[]][]}
 */
export function groups(rows) {
  /** @type {Map<string, Row[]>} */
  const found = new Map();
  for (const row of rows) {
    if (row.was === row.now && row.was_rule === row.now_rule) continue;
    const key = JSON.stringify([row.was, row.was_rule, row.now, row.now_rule]);
    found.set(key, [...(found.get(key) ?? []), row]);
  }
  return [...found].sort(([, [one]], [, [other]]) => widens(other) - widens(one));
}

/** @param {Row} row */
const widens = ({ was, now }) => (WIDTH[now] ?? 1) - (WIDTH[was] ?? 1);

/** @param {Row[]} calls */
function group(calls) {
  const { was, was_rule, now, now_rule } = calls[0];
  const by = widens(calls[0]);
  const words = by > 0 ? "lets more through" : by < 0 ? "lets less through" : "another rule says the same";
  return html`<details class="group" open>
    <summary>
      <span class="tag">${was}</span> → <span class="tag ${by > 0 ? "warn" : by < 0 ? "ok" : ""}">${now}</span>
      <strong>${count(calls.length, "call")}</strong> <span class="muted">${words}</span>
    </summary>
    <p class="muted">Before: ${shown(was_rule || "no rule")}<br />With this one: ${shown(now_rule || "no rule")}</p>
    <ul>
      ${repeat(calls, (call) => call.id, (call) => html`<li class="item">
        <p class="mono wrap">${shown(call.signature)}</p>
        <p class="muted">
          ${shown(call.agent)}, ${moment(call.at)}${call.answer
            ? html`; then ${call.answer}${call.by ? html` by ${shown(call.by)}` : nothing}`
            : nothing}
        </p>
      </li>`)}
    </ul>
  </details>`;
}
