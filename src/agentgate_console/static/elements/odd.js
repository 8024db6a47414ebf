/**
 * Which characters of a text are not seen as themselves. No page in here: it is all about texts.
 *
 * The rules are a short form of those of the gateway's channels (agentgate_proto/text): Unicode's own properties take
 * the place of tables. All of it takes linear time, whatever the text.
 */

/** Controls, formats (bidi, zero width, tags), half pairs, private use, unassigned, odd blanks, fillers. */
const UNSEEN = new RegExp(
  "[\\p{Cc}\\p{Cf}\\p{Cs}\\p{Co}\\p{Cn}\\p{Zl}\\p{Zp}\\u00a0\\u1680\\u2000-\\u200a\\u202f\\u205f\\u3000" +
    "\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u2800\\u3164\\uffa0\\ufe00-\\ufe0f\\u{e0100}-\\u{e01ef}]",
  "u",
);
/** Letters that only look like ASCII: in full width, of mathematics. */
const DRESSED = /[\uff01-\uff5e\u{1d400}-\u{1d7ff}]/u;
const MARK = /\p{M}/u;
const LATIN = /\p{Script=Latin}/u;
/** Scripts whose letters pass for Latin ones; in a word with these they are told by number. */
const PASSING = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}]/u;
const MARKS_MAX = 3;

/** A picture of several characters: its joiners and selectors are seen as what they are for. */
const ONE = "\\p{ExtPict}(?:\\ufe0f|\\p{EMod})?";
const PARTS = new RegExp(
  `(?<picture>\\p{RI}\\p{RI}|[0-9#*]\\ufe0f?\\u20e3|${ONE}(?:\\u200d${ONE})*)|[\\p{L}\\p{M}]+|[^\\p{L}\\p{M}]`,
  "gsu",
);
const ORDINARY = /^[\x20-\x7e]*$/;

/** @param {string} character */
function numbered(character) {
  const point = /** @type {number} */ (character.codePointAt(0));
  return point < 0x10000 ? `\\u${point.toString(16).padStart(4, "0")}` : `\\U${point.toString(16).padStart(8, "0")}`;
}

/**
 * A text in pieces: those that are seen as themselves, and those that are told by number.
 * @param {string} text
 * @param {string} [plain] characters that stay as they are: "\n" in prose
 * @returns {{text: string, isOdd: boolean}[]}
 */
export function pieces(text, plain = "") {
  if (ORDINARY.test(text)) return text ? [{ text, isOdd: false }] : [];
  /** @type {{text: string, isOdd: boolean}[]} */
  const found = [];
  for (const { 0: part, groups } of text.matchAll(PARTS)) {
    const isPicture = groups?.picture !== undefined;
    const isMixed = !isPicture && PASSING.test(part) && LATIN.test(part);
    let marks = 0;
    for (const letter of isPicture ? [part] : part) {
      marks = !isPicture && MARK.test(letter) ? marks + 1 : 0;
      const isOdd =
        !isPicture &&
        !plain.includes(letter) &&
        (UNSEEN.test(letter) || DRESSED.test(letter) || marks > MARKS_MAX || (isMixed && PASSING.test(letter)));
      const last = found.at(-1);
      const written = isOdd ? numbered(letter) : letter;
      if (last?.isOdd === isOdd) last.text += written;
      else found.push({ text: written, isOdd });
    }
  }
  return found;
}
