/** Live: conversations with models as they stream, and what is said in them. */

import { openDialog } from "../elements/dialog.js";
import { ago } from "../elements/time.js";
import { messageOf } from "../gateway.js";
import "../live/conversation.js";
import { sheet } from "../live/sheet.js";
import { Tails } from "../live/tails.js";
import { address, empty, go, head, Page } from "../page.js";
import { html, nothing, repeat } from "../vendor/lit.js";

await sheet("live.css");

/** Sessions that are listed at a time. */
const PAGE = 50;
/** Nothing tells of a session that was begun elsewhere, so the list is asked for again. */
const AGAIN_MS = 5_000;

export default class Live extends Page {
  static title = "Live";
  static properties = {
    ...Page.properties,
    views: { state: true },
    models: { state: true },
    more: { state: true },
    problem: { state: true },
  };

  constructor() {
    super();
    /** @type {any[] | null} */
    this.views = null;
    /** @type {any[]} */
    this.models = [];
    this.more = false;
    this.problem = "";
    /** Pages that people have asked for. */
    this.pages = 1;
    /** @type {Tails | null} */
    this.tails = null;
    /** @type {ReturnType<typeof setInterval> | undefined} */
    this.timer = undefined;
    this.isAsking = false;
  }

  connectedCallback() {
    super.connectedCallback();
    this.tails = new Tails(this.gateway, () => this.requestUpdate());
    this.timer = setInterval(() => document.hidden || this.refresh(), AGAIN_MS);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.timer);
    this.tails?.close();
  }

  get #open() {
    return this.rest[0] ?? "";
  }

  async refresh() {
    if (this.isAsking || this.gateway.state !== "connected") return;
    this.isAsking = true;
    try {
      if (!this.models.length) this.models = (await this.gateway.call("list_models")).models;
      const views = [];
      let more = true;
      for (let page = 0; page < this.pages && more; page++) {
        const before = views.length ? { before: views[views.length - 1].id } : {};
        const reply = await this.gateway.call("list_sessions", { limit: PAGE, ...before });
        views.push(...reply.sessions);
        more = reply.more === true;
      }
      this.views = views;
      this.more = more;
      this.problem = "";
      this.#followTails();
    } catch (error) {
      this.problem = messageOf(error);
    } finally {
      this.isAsking = false;
    }
  }

  /** Those that run first, then the newest; the one that is open has its page. */
  #followTails() {
    if (!this.isConnected) return;
    const others = (this.views ?? []).filter(({ id }) => id !== this.#open);
    const [running, quiet] = [others.filter(({ run }) => run), others.filter(({ run }) => !run)];
    this.tails?.follow([...running, ...quiet].map(({ id }) => id));
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("rest")) this.#followTails();
  }

  /** @returns {import("../page.js").Key[]} */
  keys() {
    const conversation = /** @type {any} */ (this.querySelector("live-conversation"));
    return [
      { key: "n", label: "New session", run: () => this.#make() },
      { key: "j", label: "Next session", run: () => this.#step(1) },
      { key: "k", label: "Session before", run: () => this.#step(-1) },
      ...(this.#open ? [{ key: "Escape", label: "To the list", run: () => this.#leave() }] : []),
      ...(conversation?.keys() ?? []),
    ];
  }

  #leave() {
    if (document.activeElement instanceof HTMLTextAreaElement) document.activeElement.blur();
    else go("live");
  }

  /** @param {number} by */
  #step(by) {
    const views = this.views ?? [];
    const at = views.findIndex(({ id }) => id === this.#open);
    const next = views[at < 0 ? 0 : Math.min(views.length - 1, Math.max(0, at + by))];
    if (next) go("live", next.id);
  }

  #make = async () => {
    const { models } = this;
    const name = await openDialog("New session", ({ close }) => modelForm(models, close));
    if (name === undefined) return;
    try {
      const view = await this.gateway.call("create_session", name ? { model: name } : {});
      await this.refresh();
      go("live", view.id);
    } catch (error) {
      this.problem = messageOf(error);
    }
  };

  #showMore = () => {
    this.pages += 1;
    this.refresh();
  };

  render() {
    const open = this.#open;
    const words = this.isOperator ? "Everybody's sessions; you speak in your own." : "Your own conversations with models.";
    return html`
      <div class="live ${open ? "is-open" : ""}">
        <div class="live-side">
          ${head("Live", words, html`<button class="button primary" @click=${this.#make}>New session</button>`)}
          ${this.problem ? html`<p class="note bad" role="alert">${this.problem}</p>` : nothing} ${this.#list()}
        </div>
        ${open
          ? html`<section class="live-pane" aria-label="Session">
              <live-conversation
                .gateway=${this.gateway}
                .session=${open}
                .models=${this.models}
                @moved=${() => this.refresh()}
              ></live-conversation>
            </section>`
          : nothing}
      </div>
    `;
  }

  #list() {
    if (!this.views) return this.problem ? nothing : html`<p class="muted">Asking for the sessions…</p>`;
    if (!this.views.length) return empty("No sessions yet", "Begin one, and talk to a model through the gate.");
    return html`
      <ul class="live-list">
        ${repeat(
          this.views,
          ({ id }) => id,
          (view) => this.#row(view),
        )}
      </ul>
      ${this.more ? html`<button class="button" @click=${this.#showMore}>Show more</button>` : nothing}
    `;
  }

  /** @param {any} view */
  #row(view) {
    const tail = this.tails?.get(view.id);
    const waits = tail?.items.some((item) => item.kind === "tool" && item.state === "waiting") ?? false;
    const runs = tail?.items.length ? tail.run !== "" : Boolean(view.run);
    const line = this.tails?.line(view.id);
    const state = waits
      ? html`<span class="tag warn">waits for a person</span>`
      : runs
        ? html`<span class="tag accent live-runs">running</span>`
        : nothing;
    return html`
      <li>
        <a class="live-row" href=${address("live", view.id)} aria-current=${view.id === this.#open ? "true" : nothing}>
          <span class="live-row-head">
            <b><bdi>${view.principal}</bdi></b> <span class="muted"><bdi>${view.model}</bdi></span> ${state}
          </span>
          ${line ? html`<span class="live-row-line" dir="auto">${line}</span>` : nothing}
          <span class="muted small-text">${view.messages === 1 ? "1 message" : `${view.messages} messages`} · ${ago(view.updated_at)}</span>
        </a>
      </li>
    `;
  }
}

/**
 * @param {any[]} models
 * @param {(name?: string) => void} close
 */
function modelForm(models, close) {
  const first = models.find((model) => model.is_default) ?? models[0];
  const chosen = (/** @type {Event} */ event) => {
    event.preventDefault();
    close(String(new FormData(/** @type {HTMLFormElement} */ (event.target)).get("model") ?? ""));
  };
  return html`
    <form class="stack" @submit=${chosen}>
      <label class="field">
        <span class="field-label">Model</span>
        <select name="model" autofocus>
          ${models.map(
            ({ name, model_id }) => html`<option value=${name} ?selected=${name === first?.name}>
              ${name === model_id ? name : `${name} (${model_id})`}
            </option>`,
          )}
        </select>
      </label>
      <footer class="dialog-foot"><button class="button primary">Begin</button></footer>
    </form>
  `;
}
