/**
 * "Approve for …": what a grant would cover, in words, and what it would have done to the calls on record, before
 * anybody gives it.
 */

import { html, nothing } from "../vendor/lit.js";
import { messageOf } from "../gateway.js";
import { openDialog } from "./dialog.js";
import { replayOf } from "./replay-view.js";
import { shown } from "./shown.js";

const PAUSE_MS = 250;
const DAYS = 30;
const UNKNOWN_METHOD = -32601;

/** @type {[string, number][]} */
const SPANS = [["15 minutes", 15], ["1 hour", 60], ["8 hours", 480], ["1 day", 1_440]];
/** @type {[string, number | null][]} */
const USES = [["5 times", 5], ["20 times", 20], ["100 times", 100], ["any number", null]];

/**
 * @param {import("../gateway.js").Gateway} gateway
 * @param {Record<string, any>} view the approval
 * @param {object} [edit] what is approved in its place
 * @returns {Promise<object | undefined>} the terms; undefined: none is to be given
 */
export function grantDialog(gateway, view, edit) {
  const terms = { minutes: 60, uses: /** @type {number | null} */ (20), any: /** @type {Set<string>} */ (new Set()) };
  const state = { words: "", error: "", replay: /** @type {any} */ (null), replayError: "", isAsking: true };
  let round = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let repaint = () => {};

  const grant = () => ({
    minutes: terms.minutes,
    ...(terms.uses === null ? {} : { uses: terms.uses }),
    ...(terms.any.size ? { any_args: [...terms.any] } : {}),
  });

  async function ask() {
    const mine = ++round;
    const params = { id: view.id, grant: grant(), ...(edit ? { edit } : {}) };
    Object.assign(state, { isAsking: true, error: "", replayError: "" });
    repaint();
    const words = gateway.call("preview_grant", params).then(
      (answer) => mine === round && Object.assign(state, { words: answer.words }),
      (error) => mine === round && Object.assign(state, { words: "", error: messageOf(error) }),
    );
    const replay = gateway.call("replay_calls", { ...params, days: DAYS }).then(
      (answer) => mine === round && Object.assign(state, { replay: answer }),
      (error) => {
        const text = error.code === UNKNOWN_METHOD ? "this gateway does not look back" : messageOf(error);
        if (mine === round) Object.assign(state, { replay: null, replayError: text });
      },
    );
    await words;
    repaint();
    await replay;
    if (mine === round) state.isAsking = false;
    repaint();
  }

  function changed() {
    clearTimeout(timer);
    round += 1;
    state.isAsking = true;
    repaint();
    timer = setTimeout(ask, PAUSE_MS);
  }

  const names = Object.keys(view.edited ?? view.args ?? {});
  ask();
  return openDialog(
    "Approve for …",
    ({ close, update }) => {
      repaint = update;
      return html`
        <p>Approves this call, and later ones of <b>${shown(view.agent)}</b> with <b class="mono">${shown(view.tool)}</b> that are like it. You can end that at any time under Grants.</p>
        ${choice("For how long", "span", SPANS, terms.minutes, (value) => ((terms.minutes = Number(value)), changed()))}
        ${choice("How often, this call included", "uses", USES, terms.uses, (value) => ((terms.uses = value), changed()))}
        ${names.length
          ? html`<fieldset>
              <legend>Arguments that may be different then</legend>
              <div class="choices">
                ${names.map(
                  (name) => html`<label
                    ><input type="checkbox" .checked=${terms.any.has(name)} @change=${(/** @type {Event} */ event) => {
                      if (/** @type {HTMLInputElement} */ (event.target).checked) terms.any.add(name);
                      else terms.any.delete(name);
                      changed();
                    }} /><span class="mono">${shown(name)}</span></label
                  >`,
                )}
              </div>
            </fieldset>`
          : nothing}
        <section class="note" aria-live="polite">
          ${state.error ? html`<p class="bad-text">${state.error}</p>` : html`<p>${state.words ? shown(state.words, "\n") : "…"}</p>`}
        </section>
        <section class="stack tight" aria-busy=${state.isAsking}>
          <h3>What it would have done in the last ${DAYS} days</h3>
          ${state.replay ? replayOf(state.replay) : html`<p class="muted">${state.replayError ? `Not known: ${state.replayError}` : "Looking …"}</p>`}
        </section>
        <footer class="dialog-foot">
          <button type="button" class="button" @click=${() => close()}>Cancel</button>
          <button type="button" class="button primary" ?disabled=${state.isAsking || Boolean(state.error)} @click=${() => close(grant())}>Approve, and give the grant</button>
        </footer>
      `;
    },
    { wide: true },
  ).finally(() => {
    clearTimeout(timer);
    round = -1;
  });
}

/**
 * @template T
 * @param {string} title @param {string} name @param {[string, T][]} choices @param {T} chosen @param {(value: T) => void} change
 */
const choice = (title, name, choices, chosen, change) => html`<fieldset>
  <legend>${title}</legend>
  <div class="choices">
    ${choices.map(
      ([label, value]) =>
        html`<label><input type="radio" name=${name} .checked=${value === chosen} ?autofocus=${name === "span" && value === chosen} @change=${() => change(value)} />${label}</label>`,
    )}
  </div>
</fieldset>`;
