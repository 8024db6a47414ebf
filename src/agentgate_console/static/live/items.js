/** How the items of a transcript look. What agents and models wrote is bound as text, and nothing else. */

import { html, nothing } from "../vendor/lit.js";
import "../elements/json.js";
import { shown } from "../elements/shown.js";
import { when } from "../elements/time.js";
import { dollars, whole } from "./figures.js";

/**
 * @typedef {import("./transcript.js").Any} Any
 * @typedef {object} Seen what a transcript's items are shown with
 * @property {import("../gateway.js").Gateway} gateway
 * @property {string} owner whose session it is
 * @property {(id: string) => any} approval the approval with this id, as it stands; or undefined
 * @property {(item: Any, isOpen: boolean) => void} toggled what is folded is made when it is opened, and not before
 */

/** Of what a tool says that has failed, what is shown. */
const ERROR_CHARS = 2_000;
/** Of a call, what is shown in its line. */
const LINE_CHARS = 160;

/** How a tool's call ended, in words, and in which tone. @type {Record<string, [string, string]>} */
const STATES = {
  asked: ["asked for", ""],
  waiting: ["waits for a person", "warn"],
  "still running": ["may still run", "warn"],
  executed: ["done", "ok"],
  denied: ["denied", "bad"],
  failed: ["failed", "bad"],
  expired: ["nobody answered", "bad"],
  cancelled: ["withdrawn", ""],
  not_run: ["not run", ""],
  unknown: ["outcome unknown", "warn"],
};

/** How a run ended. @type {Record<string, [string, string]>} */
const ENDS = {
  completed: ["Done", "ok"],
  cancelled: ["Cancelled", ""],
  failed: ["Failed", "bad"],
  interrupted: ["Interrupted", "warn"],
  truncated: ["Cut off", "warn"],
  budget: ["Stopped by a budget", "warn"],
  refusal: ["The model refused", "warn"],
  max_tokens: ["As long as it may get", "warn"],
  max_iterations: ["Asked as often as it may be", "warn"],
};

/** Why there is a gap; without a reason it is a crash. @type {Record<string, string>} */
const GAPS = { epoch: "the log was begun anew", ahead: "the log is shorter", retention: "not kept so long" };

/**
 * One item.
 * @param {Any} item
 * @param {Seen} seen
 */
export function itemOf(item, seen) {
  switch (item.kind) {
    case "message":
      return message(item, seen);
    case "answer":
      return answer(item, seen);
    case "tool":
      return tool(item, seen);
    case "end":
      return end(item);
    case "gap":
      return gap(item);
    default:
      return html`<p class="live-note ${item.tone}" dir="auto">${item.text}</p>`;
  }
}

/**
 * @param {import("./transcript.js").Message} item
 * @param {Seen} seen
 */
function message(item, { owner }) {
  const who = item.by || owner;
  return html`
    <article class="live-message">
      <p class="live-by">
        <bdi>${item.behalf ? `${item.behalf} (by ${who})` : who}</bdi>
        ${item.waits ? html`<span class="tag">waits its turn</span>` : nothing}
        <time class="muted" datetime=${item.at}>${when(item.at)}</time>
      </p>
      <p class="live-text" dir="auto">${item.text}</p>
    </article>
  `;
}

/**
 * @param {import("./transcript.js").Answer} item
 * @param {Seen} seen
 */
function answer(item, { toggled }) {
  return html`
    <article class="live-answer">
      ${item.thinking.length ? thinking(item, toggled) : nothing} ${blocks(item.text, !item.isOver)}
      ${item.isOver && item.stop === "cut" ? html`<p class="live-note warn">cut off here</p>` : nothing}
    </article>
  `;
}

/**
 * @param {import("./transcript.js").Answer} item
 * @param {Seen["toggled"]} toggled
 */
function thinking(item, toggled) {
  const thinks = !item.isOver && !item.text.length;
  return html`
    <details class="live-thinking" @toggle=${opening(item, toggled)}>
      <summary>${thinks ? "Thinking" : "Thought"} <span class="muted">${whole(item.thinking.length)} letters</span></summary>
      ${item.isOpen ? blocks(item.thinking, thinks) : nothing}
    </details>
  `;
}

/**
 * @param {import("./blocks.js").Blocks} text
 * @param {boolean} grows
 */
function blocks(text, grows) {
  return html`
    <div class="live-text ${grows ? "grows" : ""}">
      ${text.whole.map((block) => html`<p dir="auto">${block}</p>`)}
      ${text.last ? html`<p dir="auto">${text.last}</p>` : nothing}
    </div>
  `;
}

/**
 * @param {import("./transcript.js").Tool} item
 * @param {Seen} seen
 */
function tool(item, { gateway, approval, toggled }) {
  const [words, tone] = STATES[item.state] ?? [item.state, ""];
  const view = item.approval ? approval(item.approval) : undefined;
  const waits = item.state === "waiting";
  return html`
    <section class="live-tool">
      <details class="live-call" @toggle=${opening(item, toggled)}>
        <summary>
          <span class="live-call-name mono">${shown(item.tool)}</span>
          <span class="live-call-line mono muted">${shown(line(item))}</span>
          <span class="tag ${tone}">${item.late ? `${words}, later` : words}</span>
        </summary>
        ${item.isOpen ? parts(item, waits ? null : view) : nothing}
      </details>
      ${item.error ? html`<p class="live-said bad" dir="auto">${shown(cut(item.error), "\n")}</p>` : nothing}
      ${item.word ? html`<p class="live-said" dir="auto">A person said: ${shown(item.word, "\n")}</p>` : nothing}
      ${waits && view ? card(gateway, view) : nothing}
    </section>
  `;
}

/**
 * @param {import("./transcript.js").Tool} item
 * @param {any} decided the approval, if it does not wait any more
 */
const parts = (item, decided) => html`
  <div class="live-call-parts">
    ${part("Arguments", html`<json-view .value=${item.args}></json-view>`)}
    ${item.edited ? part("It ran with", html`<json-view .value=${item.edited}></json-view>`) : nothing}
    ${item.hasResult ? part("Result", html`<json-view .value=${item.result}></json-view>`) : nothing}
    ${item.client ? html`<p class="muted">The client runs this tool itself.</p>` : nothing}
    ${decided?.decided_by
      ? html`<p class="muted">${decided.status} by <bdi>${decided.decided_by}</bdi>, ${when(decided.decided_at)}</p>`
      : nothing}
    ${item.rule ? html`<p class="muted">Asked by the rule <bdi>${item.rule}</bdi></p>` : nothing}
  </div>
`;

/**
 * @param {Any} item
 * @param {Seen["toggled"]} toggled
 */
const opening = (item, toggled) => (/** @type {Event} */ event) =>
  toggled(item, /** @type {HTMLDetailsElement} */ (event.currentTarget).open);

/**
 * @param {string} title
 * @param {unknown} body
 */
const part = (title, body) => html`<div class="stack tight"><h3 class="live-part">${title}</h3>${body}</div>`;

/**
 * The same card as in the Inbox; it is fetched when the first call waits.
 * @param {import("../gateway.js").Gateway} gateway
 * @param {any} view
 */
function card(gateway, view) {
  import("../elements/approval-card.js");
  return html`<approval-card .gateway=${gateway} .view=${view}></approval-card>`;
}

/** @param {string} text */
const cut = (text) => (text.length > ERROR_CHARS ? `${text.slice(0, ERROR_CHARS)}…` : text);

/**
 * The call in a line.
 * @param {import("./transcript.js").Tool} item
 */
function line(item) {
  const text = item.signature || (item.args === null ? "" : JSON.stringify(item.args));
  return text.length > LINE_CHARS ? `${text.slice(0, LINE_CHARS)}…` : text;
}

/** @param {import("./transcript.js").End} item */
function end(item) {
  const [words, tone] = ENDS[item.status] ?? [item.status, ""];
  const tokens = item.usage ? `${whole(item.usage.input ?? 0)} read, ${whole(item.usage.output ?? 0)} written` : "";
  return html`
    <p class="live-end">
      <span class="tag ${tone}">${words}${item.by ? html` by <bdi>${item.by}</bdi>` : nothing}</span>
      ${item.reason ? html`<span dir="auto">${item.reason}</span>` : nothing}
      <span class="muted">${[tokens, item.cost === null ? "" : dollars(item.cost), when(item.at)].filter(Boolean).join(" · ")}</span>
    </p>
  `;
}

/** @param {import("./transcript.js").Gap} item */
function gap(item) {
  const why = GAPS[item.reason];
  if (!why) return html`<p class="live-note warn">The gateway was started anew here: what was said last may be missing.</p>`;
  const what = item.count ? `${whole(item.count)} events are` : "What was before is";
  return html`<p class="live-note warn">${what} not to be had: ${why}.</p>`;
}
