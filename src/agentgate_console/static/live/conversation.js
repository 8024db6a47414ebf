/** One session: its history and what comes, its tools with their approvals, and what is said next. */

import { announce } from "../elements/announce.js";
import { confirmed } from "../elements/dialog.js";
import { toast } from "../elements/toast.js";
import { messageOf } from "../gateway.js";
import { address, go } from "../page.js";
import { guard, html, LitElement, nothing, repeat } from "../vendor/lit.js";
import { Approvals } from "./approvals.js";
import { contextBar } from "./bars.js";
import { Follower } from "./follower.js";
import { itemOf } from "./items.js";
import { Transcript } from "./transcript.js";

/** So far back a log is read at first; "Show earlier" reads as much again, and twice that. */
const BACK_EVENTS = 20_000;
/** Items that are shown at first, and with each "Show earlier": a page of thousands would take too long to lay out. */
const SHOWN_ITEMS = 120;
/** A reader this near to the end follows it. */
const NEAR_PX = 48;
/** Of an answer, what is said to those who hear the page. */
const HEARD_CHARS = 300;

/** What was typed and not sent, by session: it is there again when one comes back. @type {Map<string, string>} */
const drafts = new Map();

export class Conversation extends LitElement {
  static properties = {
    gateway: { attribute: false },
    session: {},
    models: { attribute: false },
    isSending: { state: true },
    isAway: { state: true },
  };

  constructor() {
    super();
    /** @type {import("../gateway.js").Gateway} */
    this.gateway = /** @type {any} */ (null);
    this.session = "";
    /** @type {any[]} */
    this.models = [];
    this.isSending = false;
    /** The reader has scrolled up. */
    this.isAway = false;
    this.back = BACK_EVENTS;
    this.most = SHOWN_ITEMS;
    /** The key of the first item that is shown. */
    this.first = 0;
    this.transcript = new Transcript();
    /** @type {Follower | null} */
    this.follower = null;
    /** @type {Element | null} */
    this.observed = null;
    /** @type {Approvals | null} */
    this.approvals = null;
    /** From this offset on events are news. */
    this.newFrom = Infinity;
    /** Where this has scrolled to; what differs from it a person has done. */
    this.scrolledTo = 0;
    /** Cards and texts grow by themselves, too. */
    this.sizes = new ResizeObserver(() => this.#keepUp());
    /** Of the message that is being sent: the same again is the same message. */
    this.messageId = "";
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.approvals = new Approvals(this.gateway, () => this.requestUpdate());
    if (this.hasUpdated) this.#open();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.approvals?.close();
    this.follower?.close();
    this.sizes.disconnect();
    this.observed = null;
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (!changed.has("session")) return;
    this.back = BACK_EVENTS;
    this.most = SHOWN_ITEMS;
    this.messageId = "";
    this.#open();
  }

  updated() {
    const items = this.querySelector(".live-items");
    if (items === this.observed) return;
    this.observed = items;
    this.sizes.disconnect();
    if (items) this.sizes.observe(items);
  }

  /** Show the end, to who has not scrolled away from it; of a call that waits its beginning. */
  #keepUp() {
    const log = this.#log;
    if (!log || this.isAway) return;
    const card = /** @type {any} */ (log.querySelector("approval-card"));
    const top = card ? card.parentElement.offsetTop : Infinity;
    log.scrollTop = Math.min(top, log.scrollHeight - log.clientHeight);
    if (Math.abs(log.scrollTop - this.scrolledTo) > 1) card?.hold?.();
    this.scrolledTo = log.scrollTop;
  }

  /** @returns {import("../page.js").Key[]} */
  keys() {
    return [
      .../** @type {any} */ (this.querySelector("approval-card"))?.keys?.() ?? [],
      { key: "/", label: "Write a message", run: () => this.querySelector("textarea")?.focus() },
      { key: "End", label: "Jump to the newest", run: () => this.#jump() },
      ...(this.transcript.run ? [{ key: "x", label: "Cancel the run", run: () => this.#cancel() }] : []),
    ];
  }

  get #log() {
    return /** @type {HTMLElement | null} */ (this.querySelector(".live-log"));
  }

  get #isOwn() {
    return this.follower?.view?.principal === this.gateway.who?.name;
  }

  #open() {
    this.follower?.close();
    const transcript = (this.transcript = new Transcript());
    this.newFrom = Infinity;
    this.isAway = false;
    this.follower = new Follower(this.gateway, this.session, {
      from: (view) => {
        this.newFrom = view.next;
        return { epoch: view.epoch, offset: Math.max(view.oldest, view.next - this.back) };
      },
      take: (event) => {
        transcript.take(event);
        if (event.offset >= this.newFrom) this.#tell(event);
      },
      changed: () => this.#changed(),
    });
  }

  #changed() {
    if (this.follower?.over === "gone") {
      toast("This session was deleted.");
      go("live");
    }
    this.requestUpdate();
  }

  /**
   * Let those hear of it who do not see the page.
   * @param {{kind: string, data: any}} event
   */
  #tell({ kind, data }) {
    if (kind === "reply" && data.text) announce(`The model: ${data.text.slice(0, HEARD_CHARS)}`);
    else if (kind === "run_ended" && data.status !== "completed") announce(`The run ended: ${data.status}`);
    if (kind === "run_ended") this.dispatchEvent(new CustomEvent("moved", { bubbles: true }));
  }

  // What people do

  /** @param {Event} event */
  #scrolled = (event) => {
    const { scrollHeight, scrollTop, clientHeight } = /** @type {HTMLElement} */ (event.currentTarget);
    if (Math.abs(scrollTop - this.scrolledTo) < 2) return;
    this.scrolledTo = scrollTop;
    this.isAway = scrollHeight - scrollTop - clientHeight > NEAR_PX;
  };

  #jump = () => {
    this.isAway = false;
    this.#keepUp();
  };

  #earlier = () => {
    this.most *= 2;
    if (this.#items().length < this.transcript.items.length) {
      this.isAway = true; // who wants what was earlier does not read the end
      this.first = 0;
      this.requestUpdate();
    } else {
      this.back *= 3;
      this.#open();
    }
  };

  /** The newest items; where the reader has scrolled up, those that they read stay. */
  #items() {
    const { items } = this.transcript;
    const start = Math.max(0, items.length - this.most);
    const kept = this.isAway && this.first ? items.findIndex(({ key }) => key >= this.first) : -1;
    const shown = items.slice(kept < 0 ? start : Math.min(kept, start));
    this.first = shown[0]?.key ?? 0;
    return shown;
  }

  /** @param {KeyboardEvent} event */
  #typed = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#send();
  };

  /** @param {Event} event */
  #submitted = (event) => {
    event.preventDefault();
    this.#send();
  };

  async #send() {
    const field = this.querySelector("textarea");
    const text = field?.value.trim();
    if (!field || !text || this.isSending) return;
    const { session } = this;
    this.isSending = true;
    this.messageId ||= crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    try {
      await this.gateway.call("send_message", { session, text, message_id: this.messageId, queue: true });
      this.messageId = "";
      field.value = "";
      drafts.delete(session);
      this.#jump();
      this.dispatchEvent(new CustomEvent("moved", { bubbles: true }));
    } catch (error) {
      toast(`It was not sent: ${messageOf(error)}`, "bad");
    } finally {
      this.isSending = false;
    }
  }

  /** @param {Event} event */
  #drafted = (event) => {
    drafts.set(this.session, /** @type {HTMLTextAreaElement} */ (event.target).value);
    this.messageId = ""; // another text is another message
  };

  #cancel = async () => {
    const { run } = this.transcript;
    if (!run) return;
    const owner = this.follower?.view?.principal;
    const words = `${owner} will see that it was you.`;
    if (!this.#isOwn && !(await confirmed("Cancel this run?", words, "Cancel the run"))) return;
    try {
      const { still_running: still = [] } = await this.gateway.call("cancel_run", { session: this.session, run });
      if (still.length) toast(`Cancelled. May still run: ${still.map((/** @type {{tool: string}} */ { tool }) => tool).join(", ")}`, "warn");
    } catch (error) {
      toast(`It was not cancelled: ${messageOf(error)}`, "bad");
    }
  };

  #delete = async () => {
    const words = "Its history goes for good. What it cost stays in the sums.";
    if (!(await confirmed("Delete this session?", words, "Delete it"))) return;
    try {
      await this.gateway.call("delete_session", { session: this.session });
      go("live");
    } catch (error) {
      toast(`It was not deleted: ${messageOf(error)}`, "bad");
    }
  };

  // How it looks

  render() {
    const { transcript, follower } = this;
    const view = follower?.view;
    const items = this.#items();
    if (follower?.over && follower.over !== "gone") {
      return html`<p class="note bad" role="alert">This session can't be shown: ${follower.over}</p>`;
    }
    return html`
      ${this.#head(view)}
      <div class="live-log" role="log" aria-label="Conversation" aria-live="off" tabindex="0" @scroll=${this.#scrolled}>
        <div class="live-items">
          ${this.#start(view, items.length)}
          ${repeat(
            items,
            (item) => item.key,
            (item) => guard(this.#seenOf(item), () => itemOf(item, this.#seen)),
          )}
          ${view && !transcript.items.length ? html`<p class="empty muted">Nothing was said yet.</p>` : nothing}
        </div>
      </div>
      <div class="live-foot">
        ${this.isAway
          ? html`<button class="button small live-jump" @click=${this.#jump}>Jump to the newest ↓</button>`
          : nothing}
        ${view ? this.#composer(view) : nothing}
      </div>
    `;
  }

  get #seen() {
    const owner = this.follower?.view?.principal ?? "";
    const approval = (/** @type {string} */ id) => this.approvals?.get(id);
    return { gateway: this.gateway, owner, approval, toggled: this.#toggled };
  }

  /** @param {import("./transcript.js").Any} item @param {boolean} isOpen */
  #toggled = (item, isOpen) => {
    item.isOpen = isOpen;
    item.version += 1;
    this.requestUpdate();
  };

  /**
   * What an item's look depends on.
   * @param {import("./transcript.js").Any} item
   */
  #seenOf(item) {
    const approval = item.kind === "tool" && item.approval ? this.approvals?.get(item.approval) : null;
    return [item, item.version, approval];
  }

  /** @param {any} view */
  #head(view) {
    const { transcript } = this;
    const model = this.models.find(({ name }) => name === view?.model);
    return html`
      <header class="live-head">
        <div class="row">
          <a class="button quiet small live-back" href=${address("live")} aria-label="All sessions">←</a>
          <h2 class="live-title"><bdi>${view?.model ?? "…"}</bdi> <span class="muted">of <bdi>${view?.principal ?? ""}</bdi></span></h2>
          ${transcript.run ? html`<span class="tag accent live-runs">running</span>` : nothing}
          <span class="live-space"></span>
          ${transcript.run ? html`<button class="button small" @click=${this.#cancel}>Cancel the run</button>` : nothing}
          ${this.#isOwn ? html`<button class="button quiet small" @click=${this.#delete}>Delete</button>` : nothing}
        </div>
        <div class="live-window-row">
          ${contextBar(transcript.usage, model?.context_tokens ?? 0, transcript)}
          <a class="button quiet small" href=${address("context", this.session)}>Context</a>
        </div>
      </header>
    `;
  }

  /** @param {any} view @param {number} shown how many items are */
  #start(view, shown) {
    if (!view) return html`<p class="muted">Reading…</p>`;
    const isCut = shown < this.transcript.items.length;
    const hasMore = view.next - this.back > view.oldest || this.transcript.dropped > 0;
    if (isCut || (hasMore && this.transcript.dropped === 0)) {
      return html`<button class="button small" @click=${this.#earlier}>Show earlier</button>`;
    }
    if (hasMore) return html`<p class="muted">Earlier ones are not shown here: agent-gate chat has them all.</p>`;
    if (view.oldest > 0) return html`<p class="muted">What was before is not kept any more.</p>`;
    return nothing;
  }

  /** @param {any} view */
  #composer(view) {
    if (!this.#isOwn) {
      return html`<p class="muted live-onlooker">You look on: only <bdi>${view.principal}</bdi> speaks here.</p>`;
    }
    const placeholder = this.transcript.run ? "This waits its turn" : "Say something";
    return html`
      <form class="live-composer" @submit=${this.#submitted}>
        <label class="heard-only" for="live-text">Message</label>
        <textarea
          id="live-text"
          rows="1"
          dir="auto"
          maxlength="500000"
          placeholder=${placeholder}
          .value=${drafts.get(this.session) ?? ""}
          @input=${this.#drafted}
          @keydown=${this.#typed}
        ></textarea>
        <button class="button primary" ?disabled=${this.isSending}>${this.isSending ? "Sending…" : "Send"}</button>
      </form>
    `;
  }
}

customElements.define("live-conversation", Conversation);
