/** The Inbox: what waits for a person, oldest first; below it, what was settled today. */

import { announce } from "../elements/announce.js";
import { everySecond, left, secondsLeft } from "../elements/time.js";
import { address, empty, go, head, Page } from "../page.js";
import { classMap, guard, html, nothing, repeat } from "../vendor/lit.js";

const SETTLED_SHOWN_MAX = 50;
const WIDE = matchMedia("(min-width: 900px)");
const LAST_MINUTE_S = 60;
/** Rows that are made anew together. */
const BLOCK_ROWS = 50;
const ARRIVALS_SPARE = 1_000;
/** How often times in the list are written anew that are told in minutes. */
const ROUGH_MS = 10_000;

/** @typedef {Record<string, any>} Approval */

export default class Inbox extends Page {
  static title = "Inbox";
  static properties = { ...Page.properties, chosen: { state: true }, earlier: { state: true } };

  constructor() {
    super();
    /** The one that is open by itself, where the address names none. */
    this.chosen = "";
    /** Of today, from before this page was opened; for operators. @type {Approval[]} */
    this.earlier = [];
    this.cardModule = null;
    /** @type {(() => void)[]} */
    this.ends = [];
    /** Which in the list the open one is, or was. */
    this.openAt = 0;
    /** In which order approvals came to this list. @type {Map<string, number>} */
    this.arrivals = new Map();
    this.lastArrival = 0;
    /** What was looked up last. */
    this.sought = "";
  }

  connectedCallback() {
    super.connectedCallback();
    const { gateway } = this;
    const changed = () => this.requestUpdate();
    const told = (/** @type {Event} */ event) => this.#told(/** @type {CustomEvent} */ (event).detail);
    gateway.addEventListener("listed", changed);
    gateway.addEventListener("approval", told);
    WIDE.addEventListener("change", changed);
    this.ends = [
      () => gateway.removeEventListener("listed", changed),
      () => gateway.removeEventListener("approval", told),
      () => WIDE.removeEventListener("change", changed),
      everySecond(changed),
    ];
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    for (const end of this.ends) end();
  }

  /** Many changes are one picture. */
  async scheduleUpdate() {
    if (this.hasUpdated && !document.hidden) await new Promise(requestAnimationFrame);
    return super.scheduleUpdate();
  }

  /** What an address names that does not wait: operators can look it up. @param {string} id */
  async #lookUp(id) {
    if (!this.isOperator || this.sought === id) return;
    this.sought = id;
    const { requests } = await this.gateway.call("list_requests", { id }).catch(() => ({ requests: [] }));
    if (requests[0]?.approval) this.earlier = [settledOf(requests[0]), ...this.earlier];
  }

  async refresh() {
    if (!this.isOperator) return;
    const { requests } = await this.gateway.call("list_requests", { limit: 100 }).catch(() => ({ requests: [] }));
    this.earlier = requests.filter(wasSettledToday).map(settledOf);
    this.sought = ""; // what the address names may not be among them
  }

  /** @param {Approval} view */
  #told(view) {
    this.requestUpdate();
    const isOpen = view.id === this.#open?.id;
    if (view.status === "waiting") return;
    if (view.status === "expired" && !view.decided_by) {
      announce(`Nobody answered in time: ${view.agent} asked for ${view.tool}.`, isOpen ? "assertive" : "polite");
    } else if (isOpen && view.decided_by && view.decided_by !== this.gateway.who?.name) {
      announce(`${view.decided_by} was faster: ${view.status}.`, "assertive");
    }
  }

  // Which is open

  get #waiting() {
    return [...this.gateway.waiting.values()];
  }

  get #settled() {
    const { settled } = this.gateway;
    const known = new Set(settled.map(({ id }) => id));
    return [...settled, ...this.earlier.filter(({ id }) => !known.has(id))].slice(0, SETTLED_SHOWN_MAX);
  }

  /** The approval in the card. @returns {Approval | undefined} */
  get #open() {
    const wanted = this.rest[0] || this.chosen;
    const { waiting } = this.gateway;
    const found = waiting.get(wanted) ?? this.#settled.find(({ id }) => id === wanted);
    if (found) return found;
    return WIDE.matches && !this.rest[0] ? waiting.values().next().value : undefined;
  }

  willUpdate() {
    const open = this.#open;
    const [wanted] = this.rest;
    if (wanted && !open && this.gateway.isListed) this.#lookUp(wanted);
    const at = this.#waiting.findIndex(({ id }) => id === open?.id);
    if (at >= 0) this.openAt = at;
    if (WIDE.matches && open) this.chosen = open.id; // what is looked at stays, whatever else comes and goes
    if (open && !this.cardModule) {
      this.cardModule = import("../elements/approval-card.js");
      this.cardModule.then(() => this.requestUpdate());
    }
  }

  get #card() {
    return /** @type {import("../elements/approval-card.js").ApprovalCard | null} */ (this.querySelector("approval-card"));
  }

  /** @returns {import("../page.js").Key[]} */
  keys() {
    return [
      { key: "j", label: "The next one", run: () => this.#step(1) },
      { key: "k", label: "The one before", run: () => this.#step(-1) },
      ...(this.#card?.keys?.() ?? []),
      { key: "Escape", label: "Back to the list", run: () => this.#back() },
    ];
  }

  /** @param {number} by */
  #step(by) {
    const all = [...this.#waiting, ...this.#settled];
    const at = all.findIndex(({ id }) => id === this.#open?.id);
    const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
    if (!next) return;
    this.#choose(next.id);
    this.updateComplete.then(() => this.querySelector(".inbox-row[aria-current]")?.scrollIntoView({ block: "nearest" }));
  }

  /** @param {string} id */
  #choose(id) {
    this.chosen = id;
    history.replaceState(null, "", address("inbox", id));
    this.rest = [id];
  }

  #back() {
    /** @type {HTMLElement | null} */ (document.activeElement)?.blur();
    if (this.rest[0]) go("inbox");
  }

  /** The answer was taken: on to the next that waits. @param {CustomEvent} event */
  #decided = ({ detail }) => {
    if (detail.status === "waiting") return;
    this.gateway.settle(detail);
    const waiting = this.#waiting;
    const next = waiting[Math.min(this.openAt, waiting.length - 1)];
    if (WIDE.matches && next) this.#choose(next.id);
    else go("inbox");
    if (next) announce(`Next: ${next.agent} asks for ${next.tool}.`);
    else this.#nothingLeft();
  };

  /** The card is gone, and the focus with it. */
  async #nothingLeft() {
    this.chosen = "";
    await this.updateComplete;
    if (document.activeElement === document.body) this.querySelector("h1")?.focus();
  }

  // What is seen

  render() {
    const waiting = this.#waiting;
    const settled = this.#settled;
    const open = this.#open;
    if (!this.gateway.isListed) return html`${head("Inbox")}<p class="muted">Asking the gateway …</p>`;
    const gone = this.rest[0] && !open ? html`<p class="note" role="status">What this address names does not wait any more: it was settled before this page was opened.</p>` : nothing;
    if (!waiting.length && !settled.length) {
      return html`${head("Inbox", nothing, this.#bell())} ${gone}
      ${empty("Nothing waits", "When an agent asks for something that a person must allow, it appears here.")}`;
    }
    const isAlone = !WIDE.matches && open;
    const words = waiting.length ? `${waiting.length} ${waiting.length === 1 ? "waits" : "wait"} for an answer` : "Nothing waits";
    return html`${isAlone ? html`<h1 class="heard-only" tabindex="-1">Inbox</h1>` : head("Inbox", words, this.#bell())} ${gone}
      <div class="inbox ${isAlone ? "alone" : ""}">
        ${isAlone
          ? html`<a class="button quiet back" href=${address("inbox")}>‹ Inbox${waiting.length > 1 ? ` · ${waiting.length} wait` : nothing}</a>`
          : this.#list(waiting, settled, open)}
        ${open ? html`<section class="inbox-open" aria-label="The approval">${this.#opened(open)}</section>` : nothing}
      </div>`;
  }

  /** @param {Approval} open */
  #opened(open) {
    if (!customElements.get("approval-card")) return nothing;
    return html`<approval-card .gateway=${this.gateway} .view=${open} @decided=${this.#decided} @settled=${(/** @type {CustomEvent} */ event) => this.gateway.settle(event.detail)}></approval-card>`;
  }

  #bell() {
    if (!("Notification" in globalThis) || !isSecureContext || Notification.permission !== "default") return nothing;
    const ask = async () => {
      await Notification.requestPermission();
      this.requestUpdate();
    };
    return html`<button class="button small" @click=${ask}>Notify me while this is open</button>`;
  }

  /** @param {Approval[]} waiting @param {Approval[]} settled @param {Approval | undefined} open */
  #list(waiting, settled, open) {
    return html`<div class="inbox-list">
      ${waiting.length
        ? html`<ul aria-label="Waiting, oldest first">${this.#rows(waiting, open)}</ul>`
        : html`<p class="muted inbox-none">Nothing waits. What was settled today is below.</p>`}
      ${settled.length
        ? html`<h2 class="rail-title">Settled today</h2>
            <ul aria-label="Settled today">${repeat(settled, ({ id }) => id, (view) => this.#row(view, view === open))}</ul>`
        : nothing}
    </div>`;
  }

  /**
   * The rows in blocks, of which only those are made anew in which something is: one more among thousands costs one
   * block.
   * @param {Approval[]} waiting @param {Approval | undefined} open
   */
  #rows(waiting, open) {
    /** @type {Map<number, Approval[]>} */
    const blocks = new Map();
    const now = Date.now();
    for (const view of waiting) {
      let arrival = this.arrivals.get(view.id);
      if (arrival === undefined) this.arrivals.set(view.id, (arrival = ++this.lastArrival));
      const block = Math.floor(arrival / BLOCK_ROWS);
      const views = blocks.get(block);
      if (views) views.push(view);
      else blocks.set(block, [view]);
    }
    if (this.arrivals.size > 2 * waiting.length + ARRIVALS_SPARE) {
      for (const id of this.arrivals.keys()) if (!this.gateway.waiting.has(id)) this.arrivals.delete(id);
    }
    return repeat(
      blocks,
      ([block]) => block,
      ([, views]) => {
        const isLast = views.some((view) => endOf(view) < now + (LAST_MINUTE_S + 1) * 1_000);
        const tick = Math.floor(now / (isLast ? 1_000 : ROUGH_MS));
        const isOpen = open && views.includes(open) ? open.id : "";
        return guard([tick, isOpen, ...views], () =>
          repeat(
            views,
            ({ id }) => id,
            (view) => this.#row(view, view === open),
          ),
        );
      },
    );
  }

  /** @param {Approval} view @param {boolean} isOpen */
  #row(view, isOpen) {
    const isWaiting = view.status === "waiting";
    const isLast = isWaiting && secondsLeft(view.expires_at) < LAST_MINUTE_S;
    const time = isWaiting ? left(view.expires_at, !isLast) : "";
    return html`<li>
      ${guard([view, isOpen, time], () => {
        return html`<a
          class=${classMap({ "inbox-row": true, over: !isWaiting })}
          href=${address("inbox", view.id)}
          aria-current=${isOpen ? "true" : nothing}
        >
          <span class="row between tight"
            ><span class="inbox-agent"><bdi>${view.agent}</bdi></span
            >${isWaiting
              ? html`<span class="small-text ${isLast ? "warn-text" : "muted"}">${time}</span>`
              : html`<span class="tag ${kindOf(view)}">${view.status}</span>`}</span
          >
          <span class="inbox-what" dir="auto">${view.about || view.signature}</span>
          ${isWaiting && view.warning ? html`<span class="tag warn">${view.warning.includes("already have run") ? "may already have run" : "a warning"}</span>` : nothing}
        </a>`;
      })}
    </li>`;
  }
}

/** @type {WeakMap<Approval, number>} */
const ends = new WeakMap();

/** When an approval lapses, in milliseconds; read once. @param {Approval} view */
function endOf(view) {
  const known = ends.get(view);
  if (known !== undefined) return known;
  const end = Date.parse(view.expires_at);
  ends.set(view, end);
  return end;
}

/** @param {Approval} view */
const kindOf = ({ status }) => (status === "approved" ? "ok" : status === "denied" ? "bad" : "");

/** @param {any} row of `list_requests` */
function wasSettledToday({ approval, resolved_at: at }) {
  if (!approval || approval === "waiting") return false;
  return new Date(at ?? 0).toDateString() === new Date().toDateString();
}

/** @param {any} row of `list_requests` @returns {Approval} */
function settledOf(row) {
  const { approval, status, resolved_at, ...rest } = row;
  return { ...rest, status: approval, outcome: approval === "approved" ? status : "", decided_at: rest.decided_by ? resolved_at : "" };
}
