/** Dialogs: modal, closed by Esc, with the focus back where it was. */

import { html, render } from "../vendor/lit.js";
import { pagesStyled } from "./styled.js";

await pagesStyled();

/**
 * Open a dialog.
 * @template T
 * @param {string} title
 * @param {(dialog: {close: (value?: T) => void, update: () => void, element: HTMLDialogElement}) => unknown} content
 *   makes what is in it; called again by `update`
 * @param {{wide?: boolean}} [options]
 * @returns {Promise<T | undefined>} what it was closed with; undefined: by Esc, or by its cross
 */
export function openDialog(title, content, { wide = false } = {}) {
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  const element = document.createElement("dialog");
  element.className = wide ? "dialog wide" : "dialog";
  const id = `dialog-${++made}`;
  element.setAttribute("aria-labelledby", id);
  document.body.append(element);
  return new Promise((resolve) => {
    /** @type {T | undefined} */
    let answer;
    /** @param {T} [value] */
    const close = (value) => {
      answer = value;
      element.close();
    };
    const update = () => {
      if (!element.isConnected) return;
      render(
        html`<div class="dialog-body">
          <header class="dialog-head">
            <h2 id=${id}>${title}</h2>
            <button type="button" class="button quiet" aria-label="Close" @click=${() => close()}>✕</button>
          </header>
          ${content({ close, update, element })}
        </div>`,
        element,
      );
    };
    element.addEventListener("close", () => {
      render(html``, element);
      element.remove();
      if (before?.isConnected) before.focus({ preventScroll: true });
      resolve(answer);
    });
    update();
    element.showModal();
    /** @type {HTMLElement | null} */ (element.querySelector("[autofocus]"))?.focus();
  });
}

let made = 0;

/**
 * Ask before something that can't be taken back.
 * @param {string} title
 * @param {unknown} words
 * @param {string} yes what its button says
 * @param {{danger?: boolean}} [options]
 * @returns {Promise<boolean>}
 */
export async function confirmed(title, words, yes, { danger = true } = {}) {
  const answer = await openDialog(
    title,
    ({ close }) => html`
      <p>${words}</p>
      <footer class="dialog-foot">
        <button type="button" ?autofocus=${danger} class="button" @click=${() => close(false)}>Cancel</button>
        <button type="button" ?autofocus=${!danger} class="button ${danger ? "danger" : "primary"}" @click=${() => close(true)}>
          ${yes}
        </button>
      </footer>
    `,
  );
  return answer === true;
}
