/** Explaining: what the policy in force says to a call, by which rule, and why. */

import { html, nothing } from "../vendor/lit.js";
import { Loading, drawn } from "./loading.js";
import { shown } from "../elements/shown.js";
import { count } from "./words.js";

/**
 * @typedef {{agent: string, decision: string, rule: string, description?: string, doubts?: string[],
 *   approvers?: number, code?: boolean, passkey?: boolean, clock?: string, gets?: string, reasons?: string[]}} Explained
 * @typedef {{id: string, agent: string, tool: string, args: unknown, signature: string, created_at: string,
 *   shortened?: string[]}} Recorded
 */

/** @type {Record<string, [string, string]>} */
const WORDS = {
  allow: ["It is allowed: it runs without asking.", "ok"],
  ask: ["A person is asked.", "warn"],
  deny: ["It is denied.", "bad"],
};

const RECENT_MAX = 50;

export class Explaining {
  #page;
  agent = "";
  tool = "";
  args = "{}";
  /** @type {string} why the arguments can't be read */
  problem = "";

  /** @param {import("../page.js").Page} page */
  constructor(page) {
    this.#page = page;
    /** @type {Loading<Explained>} */
    this.explained = new Loading(page);
    /** @type {Loading<{requests: Recorded[]}>} */
    this.recent = new Loading(page);
  }

  refresh() {
    if (this.#page.gateway.who?.role !== "operator") return;
    this.recent.run(() => this.#page.gateway.call("list_requests", { limit: RECENT_MAX }));
  }

  /** @param {string} id of a recorded request */
  async #take(id) {
    const listed = this.recent.value?.requests.find((request) => request.id === id);
    if (!listed) return;
    const isShort = listed.shortened?.includes("args");
    const whole = isShort ? await this.#page.gateway.call("list_requests", { id }).catch(() => null) : null;
    const { agent, tool, args } = /** @type {Recorded} */ (whole?.requests[0] ?? listed);
    Object.assign(this, { agent, tool, args: JSON.stringify(args, null, 2) });
    this.explained.clear();
    this.#ask();
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    event.preventDefault();
    const filled = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    this.agent = String(filled.get("agent")).trim();
    this.tool = String(filled.get("tool")).trim();
    this.args = String(filled.get("args"));
    this.#ask();
  }

  #ask() {
    this.problem = "";
    let args;
    try {
      args = JSON.parse(this.args || "{}");
      if (args === null || typeof args !== "object" || Array.isArray(args)) throw new Error("it must be an object");
    } catch (error) {
      this.problem = `The arguments are no JSON object: ${/** @type {Error} */ (error).message}`;
      this.explained.clear();
      return;
    }
    const { agent, tool } = this;
    this.explained.run(() => this.#page.gateway.call("explain_request", { agent, tool, args }));
  }

  render() {
    const requests = this.recent.value?.requests ?? [];
    const names = (/** @type {(row: Recorded) => string} */ of) => [...new Set(requests.map(of))];
    return html`
      <section class="card" aria-labelledby="ask">
        <h2 id="ask">What would it say to …</h2>
        <form class="stack" @submit=${(/** @type {SubmitEvent} */ event) => this.#submit(event)}>
          ${requests.length
            ? html`<label class="field"><span class="field-label">A call that was made</span><select @change=${(/** @type {Event} */ event) =>
                  this.#take(/** @type {HTMLSelectElement} */ (event.currentTarget).value)}>
                  <option value="">Take one of the newest …</option>
                  ${requests.map(
                    (row) => html`<option value=${row.id}>${row.agent}: ${row.signature.slice(0, 90)}</option>`,
                  )}
                </select>
              </label>`
            : nothing}
          <div class="fields">
            <label class="field"><span class="field-label">Agent</span><input name="agent" .value=${this.agent} list="explain-agents" maxlength="200" autocomplete="off"
                autocapitalize="none" spellcheck="false" placeholder="the first" />
            </label>
            <label class="field"><span class="field-label">Tool</span><input name="tool" .value=${this.tool} list="explain-tools" required maxlength="200" autocomplete="off"
                autocapitalize="none" spellcheck="false" />
            </label>
          </div>
          <datalist id="explain-agents">${names((row) => row.agent).map((name) => html`<option value=${name}></option>`)}</datalist>
          <datalist id="explain-tools">${names((row) => row.tool).map((name) => html`<option value=${name}></option>`)}</datalist>
          <label class="field"><span class="field-label">Arguments, as a JSON object</span><textarea name="args" class="mono" rows="5" spellcheck="false" autocapitalize="none" .value=${this.args}
              aria-invalid=${this.problem ? "true" : nothing} aria-describedby=${this.problem ? "args-problem" : nothing}
            ></textarea>
          </label>
          ${this.problem ? html`<p class="note lines bad" id="args-problem" role="alert">${this.problem}</p>` : nothing}
          <div><button class="button primary" type="submit">Explain</button></div>
        </form>
      </section>
      ${this.explained.value || this.explained.error || this.explained.busy
        ? html`<section class="card" aria-label="The answer" aria-live="polite">
            ${drawn(this.explained, (answer) => this.#answer(answer), "the answer", () => this.#ask())}
          </section>`
        : nothing}
    `;
  }

  /** @param {Explained} answer */
  #answer({ agent, decision, rule, description, doubts = [], approvers = 1, code, passkey, clock, gets, reasons = [] }) {
    const [words, tone] = WORDS[decision] ?? [decision, ""];
    const demands = [
      approvers > 1 ? `${count(approvers, "person", "people")} must say yes` : "",
      code ? "it takes a one-time code" : "",
      passkey ? "it takes a passkey" : "",
    ].filter(Boolean);
    return html`
      <p class="verdict"><span class="tag ${tone}">${decision}</span> <strong>${words}</strong></p>
      <dl class="facts">
        <dt>Who asks</dt><dd>${shown(agent)}</dd>
        <dt>Rule</dt><dd><span class="mono">${shown(rule)}</span>${description ? html`<br />${shown(description)}` : nothing}</dd>
        ${decision === "ask" && demands.length ? html`<dt>To say yes</dt><dd>${demands.join("; ")}</dd>` : nothing}
        ${gets ? html`<dt>The tool gets</dt><dd><span class="mono">${shown(gets)}</span></dd>` : nothing}
        ${doubts.length ? html`<dt>It counts as that because</dt><dd>${doubts.map((doubt) => html`<p>${shown(doubt)}</p>`)}</dd>` : nothing}
        ${clock ? html`<dt>Judged by the clock</dt><dd>${shown(clock)}</dd>` : nothing}
      </dl>
      ${reasons.length
        ? html`<details>
            <summary>Why ${count(reasons.length, "other rule does", "other rules do")} not decide</summary>
            <ol class="reasons">${reasons.map((reason) => html`<li>${shown(reason)}</li>`)}</ol>
          </details>`
        : nothing}
    `;
  }
}
