/**
 * One approval, whole: who asks, the exact call, what to know, and the answers.
 * `<approval-card .gateway=${gateway} .view=${view}></approval-card>`; fires `decided` (detail: as it stands then).
 */

import { html, LitElement, nothing } from "../vendor/lit.js";
import { GatewayError, messageOf } from "../gateway.js";
import { announce } from "./announce.js";
import { factsOf, resultOf } from "./approval-facts.js";
import { isRounded } from "./json.js";
import { saidBy, shown } from "./shown.js";
import { pagesStyled, styled } from "./styled.js";
import { everySecond, left, secondsLeft } from "./time.js";

await Promise.all([pagesStyled(), styled(new URL("approval-card.css", import.meta.url).href)]);

/** @type {string[]} */
const NONE = [];

/** For so long what has just come, or has just changed its place, takes no click and no key. */
const STILL_MS = 500;
const MOVED_PX = 8;
const LAST_MINUTE_S = 60;

const ALREADY_SETTLED = -32009;
const NOT_FOUND = -32011;
const NEEDS_CODE = -32012;
const UNKNOWN_METHOD = -32601;

/** @typedef {Record<string, any>} Approval */
/** @typedef {{edit?: object, grant?: object}} Terms */

export class ApprovalCard extends LitElement {
  static properties = {
    gateway: { attribute: false },
    view: { attribute: false },
    whole: { state: true },
    comparison: { state: true },
    busy: { state: true },
    problem: { state: true },
    hint: { state: true },
    isSpeaking: { state: true },
    isCodeMissing: { state: true },
  };

  constructor() {
    super();
    /** @type {import("../gateway.js").Gateway} */
    this.gateway = /** @type {any} */ (null);
    /** @type {Approval} */
    this.view = {};
    /** The approval with all that is long in it. @type {Approval | null} */
    this.whole = null;
    /** @type {any} what changed since the last approved call */
    this.comparison = null;
    /** The answer that is on its way, or "". */
    this.busy = "";
    this.problem = "";
    this.hint = "";
    this.isSpeaking = false;
    this.isCodeMissing = false;
    this.shownId = "";
    this.stillUntil = 0;
    this.place = 0;
    /** Another place because something grew, and not because somebody scrolled. */
    this.sizes = new ResizeObserver(() => this.#mayHaveMoved());
    this.unticked = () => {};
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.sizes.observe(this);
    if (this.parentElement) this.sizes.observe(this.parentElement);
    this.unticked = everySecond(() => this.#isWaiting && this.requestUpdate());
    this.hold();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.sizes.disconnect();
    this.unticked();
  }

  get #isWaiting() {
    return this.view.status === "waiting";
  }

  /** What is shown: the whole one, as it stands now. */
  get #shown() {
    const { whole, view } = this;
    if (!whole) return view;
    const { args, signature, description, warning, shortened } = whole;
    return { ...view, args, signature, description, warning, shortened };
  }

  // What comes

  willUpdate() {
    if (this.view.id === this.shownId) return;
    this.shownId = this.view.id;
    Object.assign(this, { whole: null, comparison: null, problem: "", hint: "", busy: "" });
    Object.assign(this, { isSpeaking: false, isCodeMissing: false });
    const code = /** @type {HTMLInputElement | null} */ (this.querySelector("input[name=code]"));
    if (code) code.value = ""; // it was typed for another
    this.hold();
    if (!this.#isWaiting) return;
    if (this.view.shortened?.length) this.#fetchWhole();
    this.#compare();
  }

  async #fetchWhole() {
    const { id } = this.view;
    try {
      const { approvals } = await this.gateway.call("list_approvals", { id });
      if (id === this.shownId) this.whole = approvals[0];
    } catch (error) {
      if (id === this.shownId && codeOf(error) !== NOT_FOUND) this.problem = `The whole of it can't be had: ${messageOf(error)}`;
    }
  }

  async #compare() {
    const { id } = this.view;
    try {
      const comparison = await this.gateway.call("compare_approval", { id });
      if (id === this.shownId) this.comparison = comparison;
    } catch (error) {
      const isGone = [NOT_FOUND, UNKNOWN_METHOD].includes(Number(codeOf(error)));
      if (id === this.shownId && !isGone) this.comparison = { failed: messageOf(error) };
    }
  }

  // Under the hand

  /** It stands somewhere else now: let nobody press what they have not seen. */
  hold() {
    this.stillUntil = performance.now() + STILL_MS;
    this.place = this.#placeNow();
  }

  /** Where it stands, whatever people have scrolled. */
  #placeNow() {
    return this.getBoundingClientRect().top + scrollY + (this.closest("[role=log]")?.scrollTop ?? 0);
  }

  #mayHaveMoved() {
    const now = this.#placeNow();
    if (Math.abs(now - this.place) > MOVED_PX) this.stillUntil = performance.now() + STILL_MS;
    this.place = now;
  }

  /** Whether a click or a key may be meant for what stood here a moment ago. */
  #isTooSoon() {
    this.#mayHaveMoved();
    const rest = this.stillUntil - performance.now();
    if (rest <= 0) return false;
    this.hint = "This has only just come here. Look at it, then press again.";
    announce(this.hint);
    setTimeout(() => (this.hint = ""), rest + 2_500);
    return true;
  }

  // What people do

  /** @returns {import("../page.js").Key[]} */
  keys() {
    if (!this.#isWaiting) return [];
    return [
      { key: "a", label: "Approve", run: () => this.approve() },
      { key: "d", label: "Deny", run: () => this.deny() },
      { key: "e", label: "Edit, then approve", run: () => this.edit() },
      { key: "f", label: "Approve for a while", run: () => this.approveFor() },
      { key: "w", label: "Say a word to the agent", run: () => this.speak() },
    ];
  }

  approve() {
    if (!this.#isTooSoon()) this.#decide("approve");
  }

  deny() {
    if (!this.#isTooSoon()) this.#decide("deny");
  }

  async edit() {
    if (this.#isTooSoon() || !this.#isReady()) return;
    const { editDialog } = await import("./edit-dialog.js");
    const { id } = this.view;
    const made = await editDialog(this.gateway, this.#shown);
    if (!made || !this.#isStill(id)) return;
    if (made.further) this.approveFor(made.edit);
    else this.#decide("approve", { edit: made.edit });
  }

  /** @param {object} [edit] */
  async approveFor(edit) {
    if (this.#isTooSoon() || !this.#isReady() || this.#noGrant) return;
    const { grantDialog } = await import("./grant-dialog.js");
    const { id } = this.view;
    const grant = await grantDialog(this.gateway, this.#shown, edit);
    if (grant && this.#isStill(id)) this.#decide("approve", { grant, ...(edit ? { edit } : {}) });
  }

  /**
   * Whether what a dialog was about is here yet: its answer is for no other.
   * @param {string} id
   */
  #isStill(id) {
    if (id === this.view.id) return true;
    this.hint = "Another one is here now: nothing was answered.";
    announce(this.hint, "assertive");
    return false;
  }

  async speak() {
    this.isSpeaking = true;
    await this.updateComplete;
    this.querySelector("textarea")?.focus();
  }

  /** Why no grant can be given with it, or "". */
  get #noGrant() {
    const { approvers_needed: needed = 1, needs_code: code, needs_passkey: passkey } = this.view;
    if (needed > 1) return "a grant can't be given where several people must say yes";
    return code || passkey ? "a grant can't be given where each yes must be proved" : "";
  }

  /** Whether there is all of it to say yes to. */
  #isReady() {
    if (!this.view.shortened?.length || this.whole) return true;
    this.hint = "Not all of it is here yet.";
    this.#fetchWhole();
    return false;
  }

  /** @param {"approve" | "deny"} decision @param {Terms} [terms] */
  async #decide(decision, terms = {}) {
    if (this.busy || !this.#isWaiting) return;
    const approves = decision === "approve";
    if (approves && !this.#isReady()) return;
    const { id } = this.view;
    const word = this.querySelector("textarea")?.value.trim() ?? "";
    const field = /** @type {HTMLInputElement | null} */ (this.querySelector("input[name=code]"));
    const code = field?.value.replaceAll(/\s/g, "") ?? "";
    if (approves && this.view.needs_code && !code) {
      this.isCodeMissing = true;
      field?.focus();
      return;
    }
    Object.assign(this, { busy: decision, problem: "", isCodeMissing: false });
    try {
      const passkey = approves && this.view.needs_passkey ? { passkey: await this.#signed(id, decision, terms) } : {};
      const said = { ...(word ? { word } : {}), ...(approves && code ? { code } : {}) };
      const now = await this.gateway.call("decide_approval", { id, decision, ...said, ...terms, ...passkey });
      if (id === this.shownId) this.view = now;
      this.#tell("decided", now);
      const result = approves ? (now.status === "waiting" ? "Your yes is counted" : "Approved") : "Denied";
      this.#toast(`${result}: ${now.tool}`, approves ? "ok" : "");
    } catch (error) {
      if (id === this.shownId) this.#failed(error);
    }
    if (id === this.shownId) this.busy = "";
  }

  /** @param {string} id @param {string} decision @param {Terms} terms */
  async #signed(id, decision, terms) {
    const challenge = await this.gateway.call("approval_challenge", { id, decision, ...terms });
    const { sign } = await import("../passkeys.js");
    return sign(challenge);
  }

  /** @param {unknown} error */
  #failed(error) {
    const code = codeOf(error);
    if (code === ALREADY_SETTLED && error instanceof GatewayError && error.data?.id === this.view.id) {
      const hadSaidYes = error.data.status === "waiting";
      this.view = error.data;
      if (!hadSaidYes) this.#tell("settled", error.data);
      const said = hadSaidYes ? "You have said yes already." : `Somebody was faster: ${resultOf(error.data)}.`;
      this.#toast(said, "warn");
      return;
    }
    if (code === NOT_FOUND) this.problem = "It does not wait any more: it was settled meanwhile.";
    else this.problem = messageOf(error);
    if (code === NEEDS_CODE) this.isCodeMissing = true;
    announce(this.problem, "assertive");
  }

  /** @param {string} text @param {"" | "ok" | "warn"} kind */
  async #toast(text, kind) {
    const { toast } = await import("./toast.js");
    toast(text, kind);
  }

  /** @param {string} name @param {Approval} detail */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }

  // What is seen

  render() {
    const view = this.#shown;
    const { needs_code: needsCode } = view;
    const asker = view.on_behalf_of ? html`<b>${shown(view.agent)}</b> on behalf of <b>${shown(view.on_behalf_of)}</b>` : html`<b>${shown(view.agent)}</b>`;
    return html`<article class="card approval" aria-label=${`${view.agent} asks for ${view.tool}`}>
      <header class="row between">
        <p class="muted">${asker} asks</p>
        ${this.#isWaiting ? this.#time(view) : nothing}
      </header>
      <h2 class="approval-title">${view.about ? shown(view.about) : html`Use <span class="mono">${shown(view.tool)}</span>`}</h2>
      ${this.#isWaiting ? nothing : html`<p class="note ${noteOf(view)}" role="status">${resultOf(view, this.gateway.who?.name)}</p>`}
      ${view.warning ? html`<div class="note warn loud"><b>Before you say yes</b><p class="grow">${shown(view.warning, "\n")}</p></div>` : nothing}
      ${view.why
        ? html`<section class="stack tight"><h3 class="muted small-text">In the agent's own words; nobody has checked them</h3>${saidBy(view.why)}</section>`
        : nothing}
      <section class="stack tight">
        <h3 class="muted small-text">The exact call</h3>
        <p class="mono call-name">${shown(view.tool)}</p>
        <json-view label="Its arguments" .value=${view.args} .defaults=${view.defaults ?? NONE}></json-view>
        ${isRounded(view.args) ? html`<p class="small-text">In full: <span class="mono">${shown(view.signature)}</span></p>` : nothing}
      </section>
      ${factsOf(view, this.comparison)}
      ${this.#isWaiting ? this.#answers(view, needsCode) : nothing}
    </article>`;
  }

  /** @param {Approval} view */
  #time(view) {
    const seconds = secondsLeft(view.expires_at);
    const words = seconds > 0 ? `${left(view.expires_at)} left` : "its time is over";
    return html`<p class="time ${seconds < LAST_MINUTE_S ? "warn-text" : "muted"}">${words}</p>`;
  }

  /** @param {Approval} view @param {boolean} needsCode */
  #answers(view, needsCode) {
    const { busy } = this;
    const noGrant = this.#noGrant;
    const isSeveral = (view.approvers_needed ?? 1) > 1;
    return html`<footer class="answers stack">
      ${this.isSpeaking
        ? html`<label class="field"
            ><span class="field-label">A word to the agent, with your answer</span>
            <textarea rows="2" maxlength="500" dir="auto" @keydown=${this.#left}></textarea
          ></label>`
        : nothing}
      ${needsCode
        ? html`<label class="field code"
            ><span class="field-label">Your one-time code, for a yes</span>
            <input name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="9" aria-invalid=${this.isCodeMissing} @keydown=${this.#left} />
            ${this.isCodeMissing ? html`<span class="bad-text small-text">The six digits that your app shows now</span>` : nothing}
          </label>`
        : nothing}
      ${this.problem ? html`<p class="note bad">${this.problem}</p>` : nothing}
      <p class="hint muted small-text" aria-hidden="true">${this.hint}</p>
      <div class="row tight">
        <button class="button primary" ?disabled=${Boolean(busy)} @click=${this.approve}>
          ${busy === "approve" ? "Approving …" : view.needs_passkey ? "Approve with a passkey" : "Approve"} <kbd aria-hidden="true">a</kbd>
        </button>
        <button class="button danger" ?disabled=${Boolean(busy)} @click=${this.deny}>
          ${busy === "deny" ? "Denying …" : "Deny"} <kbd aria-hidden="true">d</kbd>
        </button>
        <button class="button" ?disabled=${Boolean(busy) || Boolean(noGrant)} title=${noGrant || nothing} @click=${() => this.approveFor()}>Approve for …</button>
        <button class="button" ?disabled=${Boolean(busy) || isSeveral} title=${isSeveral ? "what several people must allow can't be edited" : nothing} @click=${this.edit}>Edit …</button>
        ${this.isSpeaking ? nothing : html`<button class="button quiet" @click=${this.speak}>A word …</button>`}
      </div>
    </footer>`;
  }

  /** Esc leaves a field, so that the keys count again. @param {KeyboardEvent} event */
  #left = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    /** @type {HTMLElement} */ (event.target).blur();
  };
}

/** @param {unknown} error */
const codeOf = (error) => (error instanceof GatewayError ? error.code : 0);

/** @param {Approval} view */
const noteOf = ({ status, outcome }) =>
  status === "approved" ? (outcome === "failed" || outcome === "unknown" ? "warn" : "ok") : status === "denied" ? "bad" : "";

customElements.define("approval-card", ApprovalCard);
