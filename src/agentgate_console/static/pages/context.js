/** Context: exactly what a model would be sent, what that takes, and what one more message would change. */

import { ago } from "../elements/time.js";
import { messageOf } from "../gateway.js";
import { contextBar } from "../live/bars.js";
import { cache, contents, leftOut, legend, sectionTable, stackedBar } from "../live/inspection.js";
import { sheet } from "../live/sheet.js";
import { address, empty, go, head, Page } from "../page.js";
import { html, nothing } from "../vendor/lit.js";

await sheet("live.css");

/** An estimate that was so far off is worth a line. */
const OFF_MIN = 0.05;
/** Sessions to choose from. */
const SESSIONS = 100;

/** @typedef {import("../live/inspection.js").Inspection} Inspection */

export default class Context extends Page {
  static title = "Context";
  static properties = {
    ...Page.properties,
    views: { state: true },
    models: { state: true },
    now: { state: true },
    then: { state: true },
    isAsking: { state: true },
    problem: { state: true },
  };

  constructor() {
    super();
    /** @type {any[] | null} */
    this.views = null;
    /** @type {any[]} */
    this.models = [];
    /** As it stands. @type {Inspection | null} */
    this.now = null;
    /** With a text as the next message. @type {Inspection | null} */
    this.then = null;
    this.isAsking = false;
    this.problem = "";
    /** Another model than the session's; "": that. */
    this.model = "";
    /** Which session is shown. */
    this.shown = "";
    /** @type {Set<string>} */
    this.opened = new Set();
  }

  get #session() {
    return this.rest[0] ?? this.views?.[0]?.id ?? "";
  }

  async refresh() {
    try {
      const [{ sessions }, { models }] = await Promise.all([
        this.gateway.call("list_sessions", { limit: SESSIONS }),
        this.gateway.call("list_models"),
      ]);
      this.views = sessions;
      this.models = models;
      await this.#inspect();
    } catch (error) {
      this.problem = messageOf(error);
    }
  }

  /** @param {Map<string, unknown>} changed */
  updated(changed) {
    if (changed.has("rest") && this.views && this.#session !== this.shown) this.#inspect();
  }

  /** @returns {import("../page.js").Key[]} */
  keys() {
    return [{ key: "/", label: "Try a text", run: () => this.querySelector("textarea")?.focus() }];
  }

  /** @param {string} [text] as the next message */
  async #inspect(text = "") {
    const session = this.#session;
    if (!session) return;
    this.shown = session;
    this.isAsking = true;
    this.problem = "";
    const model = this.model ? { model: this.model } : {};
    try {
      const found = await this.gateway.call("inspect_session", { session, ...model, ...(text ? { text } : {}) });
      if (this.shown !== session) return;
      if (text) this.then = found;
      else Object.assign(this, { now: found, then: null });
    } catch (error) {
      if (!text) Object.assign(this, { now: null, then: null });
      this.problem = messageOf(error);
    } finally {
      this.isAsking = false;
    }
  }

  /** @param {Event} event */
  #choose = (event) => go("context", /** @type {HTMLSelectElement} */ (event.target).value);

  /** @param {Event} event */
  #chooseModel = (event) => {
    this.model = /** @type {HTMLSelectElement} */ (event.target).value;
    this.#inspect();
  };

  /** @param {Event} event */
  #compare = (event) => {
    event.preventDefault();
    const text = this.querySelector("textarea")?.value ?? "";
    if (text.trim()) this.#inspect(text);
    else this.then = null;
  };

  #save = () => {
    const { body = "" } = this.then ?? this.now ?? {};
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([body], { type: "application/json" }));
    link.download = "request.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
  };

  render() {
    const words = "Byte for byte what the model would be sent now, and what it takes to read it.";
    if (this.views && !this.#session) {
      return html`${head("Context", words)} ${empty("No sessions yet", html`Begin one on the page <a href=${address("live")}>Live</a>.`)}`;
    }
    return html`
      ${head("Context", words)}
      <div class="stack">
        ${this.#chooser()} ${this.problem ? html`<p class="note bad" role="alert">${this.problem}</p>` : nothing}
        ${this.now ? this.#inspection(this.now) : html`<p class="muted">${this.isAsking ? "Looking…" : nothing}</p>`}
      </div>
    `;
  }

  #chooser() {
    const views = this.views ?? [];
    const session = this.#session;
    const known = views.some(({ id }) => id === session);
    return html`
      <div class="grid">
        <label class="field">
          <span class="field-label">Session</span>
          <select @change=${this.#choose}>
            ${known || !session ? nothing : html`<option value=${session} selected>${session}</option>`}
            ${views.map(
              ({ id, principal, model, updated_at }) => html`<option value=${id} ?selected=${id === session}>
                ${principal} · ${model} · ${ago(updated_at)}
              </option>`,
            )}
          </select>
        </label>
        <label class="field">
          <span class="field-label">Model</span>
          <select @change=${this.#chooseModel}>
            <option value="">the session's own</option>
            ${this.models.map(({ name }) => html`<option value=${name} ?selected=${name === this.model}>${name}</option>`)}
          </select>
        </label>
      </div>
    `;
  }

  /** @param {Inspection} now */
  #inspection(now) {
    const { then } = this;
    const shown = then ?? now;
    const most = Math.max(now.bytes, then?.bytes ?? 0, 1);
    const usage = { input: shown.tokens, is_estimate: !shown.counted };
    return html`
      <section class="card" aria-label="What a model would be sent">
        ${stackedBar(now, then ? "Now" : `To ${now.model_id}`, most)} ${then ? stackedBar(then, "With your text", most) : nothing}
        ${legend()} ${contextBar(usage, shown.context_tokens ?? 0, { costMicros: shown.cost_micros ?? 0, unpriced: 0 })}
        ${sectionTable(now, then)}
      </section>
      <form class="card" @submit=${this.#compare}>
        <label class="field">
          <span class="field-label">What would this change, as the next message?</span>
          <textarea rows="3" dir="auto" maxlength="500000" placeholder="Nothing of it is sent"></textarea>
        </label>
        <div class="row">
          <button class="button primary" ?disabled=${this.isAsking}>${this.isAsking ? "Looking…" : "Compare"}</button>
          ${then ? html`<button type="button" class="button" @click=${() => (this.then = null)}>As it stands</button>` : nothing}
          <a class="button quiet" href=${address("live", this.shown)}>Open the session</a>
        </div>
      </form>
      <div class="context-pair">
        <section class="card" aria-labelledby="context-cache"><h2 id="context-cache">Prompt cache</h2>${cache(shown)}</section>
        <section class="card" aria-labelledby="context-left"><h2 id="context-left">Left out</h2>${leftOut(shown)}</section>
      </div>
      <section class="card" aria-labelledby="context-texts">
        <div class="row between">
          <h2 id="context-texts">The texts</h2>
          <button class="button small" @click=${this.#save}>Save the request</button>
        </div>
        <div>${contents(shown, this.opened, this.#toggled)}</div>
        ${shown.estimate_off && Math.abs(shown.estimate_off - 1) > OFF_MIN
          ? html`<p class="muted">Of the last request, the estimate was ${shown.estimate_off} times what was counted.</p>`
          : nothing}
      </section>
    `;
  }

  /** @param {string} name @param {boolean} isOpen */
  #toggled = (name, isOpen) => {
    if (isOpen) this.opened.add(name);
    else this.opened.delete(name);
    this.requestUpdate();
  };
}
