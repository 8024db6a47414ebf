/** Editing a call before it is approved: each argument by itself, and what would run, before anybody says yes. */

import { html, nothing } from "../vendor/lit.js";
import { messageOf } from "../gateway.js";
import { openDialog } from "./dialog.js";
import { shown } from "./shown.js";

const PAUSE_MS = 300;

/**
 * @typedef {{name: string, text: string, isText: boolean, isOut: boolean, isNew: boolean, error: string, was: unknown}} Field
 *   `isText`: what is typed is the text itself; else it is JSON
 */

/**
 * @param {import("../gateway.js").Gateway} gateway
 * @param {Record<string, any>} view the approval, whole
 * @returns {Promise<{edit: object, further: boolean} | undefined>} `further`: a grant is to be given with it
 */
export function editDialog(gateway, view) {
  /** @type {Field[]} */
  const fields = Object.entries(view.args ?? {}).map(([name, was]) => ({
    name,
    was,
    isText: typeof was === "string",
    text: typeof was === "string" ? was : JSON.stringify(was, null, 1),
    isOut: false,
    isNew: false,
    error: "",
  }));
  const state = { preview: /** @type {any} */ (null), error: "", isAsking: false };
  let round = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let repaint = () => {};

  /** What is changed; null: nothing, or something that is no JSON. */
  function edit() {
    /** Own members, whatever their names. @type {Map<string, unknown>} */
    const set = new Map();
    const unset = [];
    let isWrong = false;
    for (const field of fields) {
      field.error = "";
      if (field.isOut) {
        if (!field.isNew) unset.push(field.name);
        continue;
      }
      try {
        const value = field.isText ? field.text : JSON.parse(field.text);
        if (field.isNew && !field.name) continue;
        if (field.isNew || JSON.stringify(value) !== JSON.stringify(field.was)) set.set(field.name, value);
      } catch {
        field.error = 'This is no JSON: a text needs quotes, as in "warm".';
        isWrong = true;
      }
    }
    if (isWrong || (!set.size && !unset.length)) return null;
    return { ...(set.size ? { set: Object.fromEntries(set) } : {}), ...(unset.length ? { unset } : {}) };
  }

  async function ask() {
    const wanted = edit();
    const mine = ++round;
    Object.assign(state, { preview: null, error: "", isAsking: Boolean(wanted) });
    repaint();
    if (!wanted) return;
    try {
      const preview = await gateway.call("preview_edit", { id: view.id, edit: wanted });
      if (mine === round) state.preview = preview;
    } catch (error) {
      if (mine === round) state.error = messageOf(error);
    }
    if (mine === round) state.isAsking = false;
    repaint();
  }

  function changed() {
    clearTimeout(timer);
    round += 1;
    Object.assign(state, { preview: null, error: "", isAsking: Boolean(edit()) });
    repaint();
    timer = setTimeout(ask, PAUSE_MS);
  }

  const add = () => {
    fields.push({ name: "", was: undefined, isText: false, text: '""', isOut: false, isNew: true, error: "" });
    repaint();
  };

  return openDialog(
    "Edit, then approve",
    ({ close, update }) => {
      repaint = update;
      const isReady = Boolean(state.preview) && !state.isAsking;
      const done = (/** @type {boolean} */ further) => {
        const made = edit();
        if (made && isReady) close({ edit: made, further });
      };
      return html`
        <p>What you approve is what stands here, and nothing else. <b>${shown(view.agent)}</b> is told of the changes.</p>
        <p class="mono call-name">${shown(view.tool)}</p>
        <div class="stack">${fields.map((field, at) => fieldOf(field, changed, at === 0))}</div>
        <div><button type="button" class="button quiet" @click=${add}>Add an argument</button></div>
        <section class="stack tight" aria-live="polite">
          <h3>What would run</h3>
          ${state.error
            ? html`<p class="note bad">${state.error}</p>`
            : state.preview
              ? html`<ul class="changes">${state.preview.changes.map((/** @type {string} */ line) => html`<li>${shown(line)}</li>`)}</ul>`
              : html`<p class="muted">${state.isAsking ? "Asking the gateway …" : "Nothing is changed yet."}</p>`}
        </section>
        <footer class="dialog-foot">
          <button type="button" class="button" @click=${() => close()}>Cancel</button>
          <button type="button" class="button" ?disabled=${!isReady} @click=${() => done(true)}>Approve for …</button>
          <button type="button" class="button primary" ?disabled=${!isReady} @click=${() => done(false)}>Approve this instead</button>
        </footer>
      `;
    },
    { wide: true },
  ).finally(() => {
    clearTimeout(timer);
    round = -1;
  });
}

/** @param {Field} field @param {() => void} changed @param {boolean} isFirst */
function fieldOf(field, changed, isFirst) {
  const typed = (/** @type {Event} */ event) => {
    field.text = /** @type {HTMLTextAreaElement} */ (event.target).value;
    changed();
  };
  const leftOut = (/** @type {Event} */ event) => {
    field.isOut = /** @type {HTMLInputElement} */ (event.target).checked;
    changed();
  };
  const named = (/** @type {Event} */ event) => {
    field.name = /** @type {HTMLInputElement} */ (event.target).value.trim();
    changed();
  };
  const rows = Math.min(8, Math.max(1, field.text.split("\n").length, Math.ceil(field.text.length / 70)));
  return html`<div class="field">
    ${field.isNew
      ? html`<label class="field"><span class="field-label">Name of the argument</span><input class="mono" .value=${field.name} @input=${named} /></label>`
      : nothing}
    <div class="row between tight">
      <span class="field-label mono" id=${`edit-${field.name}`}>${field.isNew ? "Its value" : shown(field.name)} <span class="muted">${field.isText ? "text" : "JSON"}</span></span>
      ${field.isNew ? nothing : html`<label class="check small-text"><input type="checkbox" .checked=${field.isOut} @change=${leftOut} />leave out</label>`}
    </div>
    <textarea class="mono" ?autofocus=${isFirst} rows=${rows} spellcheck="false" aria-labelledby=${`edit-${field.name}`} aria-invalid=${Boolean(field.error)} ?disabled=${field.isOut} .value=${field.text} @input=${typed}></textarea>
    ${field.error ? html`<span class="bad-text small-text">${field.error}</span>` : nothing}
  </div>`;
}
