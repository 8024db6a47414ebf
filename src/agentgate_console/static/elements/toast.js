/** Short messages at the edge of the page, for what just happened. */

import { announce } from "./announce.js";
import { pieces } from "./odd.js";
import { pagesStyled } from "./styled.js";

await pagesStyled();

const SHOWN_MS = 5_000;
const SHOWN_MAX = 2;

/**
 * Show a message for a while, and say it.
 * @param {string} text
 * @param {"" | "ok" | "bad" | "warn"} [kind]
 */
export function toast(text, kind = "") {
  let place = document.querySelector(".toasts");
  if (!place) {
    place = document.createElement("div");
    place.className = "toasts";
    document.body.append(place);
  }
  const shown = document.createElement("div");
  shown.className = `toast ${kind}`;
  const words = document.createElement("p");
  words.dir = "auto";
  words.append(...pieces(text).map((piece) => piece.text));
  const close = document.createElement("button");
  close.className = "button quiet small";
  close.textContent = "Dismiss";
  close.addEventListener("click", () => shown.remove());
  shown.append(words, close);
  place.append(shown);
  while (place.children.length > SHOWN_MAX) place.firstElementChild?.remove();
  announce(text, kind === "bad" ? "assertive" : "polite");
  let timer = setTimeout(() => shown.remove(), SHOWN_MS);
  // Who reads it, or is on its button, has the time that they need
  const hold = () => clearTimeout(timer);
  const letGo = () => (timer = setTimeout(() => shown.remove(), SHOWN_MS));
  shown.addEventListener("pointerenter", hold);
  shown.addEventListener("pointerleave", letGo);
  shown.addEventListener("focusin", hold);
  shown.addEventListener("focusout", letGo);
}
