/**
 * A text that grows, in blocks: only the last one changes.
 *
 * A browser lays a block of text out anew whenever a letter is added. A text of 75,000 letters in one block would
 * take longer for each delta than a frame lasts, so it is cut at the ends of lines, and where a line has none.
 */

/** A block ends at the next end of a line after so many letters. */
export const BLOCK_CHARS = 1_000;
/** And here at the latest. */
export const BLOCK_CHARS_MAX = 3_000;

export class Blocks {
  constructor(text = "") {
    /** Whole blocks, without the ends of lines between them. @type {string[]} */
    this.whole = [];
    /** What the text ends in, so far. */
    this.last = "";
    this.length = 0;
    this.add(text);
  }

  /** @param {string} text */
  add(text) {
    this.length += text.length;
    this.last += text;
    while (this.last.length > BLOCK_CHARS) {
      const end = this.last.indexOf("\n", BLOCK_CHARS);
      if (end >= 0 && end < BLOCK_CHARS_MAX) {
        this.whole.push(this.last.slice(0, end));
        this.last = this.last.slice(end + 1);
      } else if (this.last.length > BLOCK_CHARS_MAX) {
        const cut = safeCut(this.last, BLOCK_CHARS_MAX);
        this.whole.push(this.last.slice(0, cut));
        this.last = this.last.slice(cut);
      } else {
        return;
      }
    }
  }
}

/**
 * Where to cut so that no letter is halved.
 * @param {string} text
 * @param {number} at
 */
function safeCut(text, at) {
  const code = text.charCodeAt(at - 1);
  return code >= 0xd800 && code <= 0xdbff ? at - 1 : at;
}
