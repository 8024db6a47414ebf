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
/** Letters and numbers that stand for ASCII ones in another dress: ligatures, full width, of mathematics, numerals. */
const DRESSABLE = /[^\x00-\x7f](?<=[\p{L}\p{Nl}\uff01-\uff5e])/u;
const ASCII = /^[\x20-\x7e]+$/;
/** At home in no word: other slashes, and two letters of phonetics. */
const ALONE = /[\u2044\u2215\u29f8\u05f3\u05f4\u0251\u0261]/;
const MARK = /\p{M}/u;
const MARKS_MAX = 2;
const LATIN = /\p{Script=Latin}/u;
/** Scripts with letters that pass for Latin ones; in a word with these they are told by number. */
const PASSING = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}]/u;
/** A letter of them that can't be taken for a Latin one: a text with one of these is what it seems. */
const GENUINE =
  /(?![асеорхуѕіјһԁԛԝАВЕЅІЈКМНОРСТУХՕՏԼοαρνυικχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ])[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}]/u;
/** A letter that runs right to left: beside Latin letters or digits of ASCII a line would not read as it is. */
const RIGHT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const LEFT = /[A-Za-z0-9]/;
const DIGIT = /[^0-9](?<=\p{Nd})/u;
/** @type {Record<string, string>} */
const SHORT = { "\n": "\\n", "\t": "\\t", "\r": "\\r" };

/** A picture of several characters: its joiners and selectors are seen as what they are for. */
const ONE = "\\p{ExtPict}(?:\\ufe0f|\\p{EMod})?";
const PARTS = new RegExp(
  `(?<picture>\\p{RI}\\p{RI}|[0-9#*]\\ufe0f?\\u20e3|${ONE}(?:\\u200d${ONE})*)|[\\p{L}\\p{M}]+|[^\\p{L}\\p{M}]`,
  "gsu",
);
const ORDINARY = /^[\x20-\x7e]*$/;

/** @param {string} character */
function numbered(character) {
  if (SHORT[character]) return SHORT[character];
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
  const about = {
    isProse: plain !== "",
    hasGenuine: GENUINE.test(text),
    isTurned: RIGHT.test(text) && LEFT.test(text),
    isForeign: FOREIGN.test(text),
  };
  /** @type {{text: string, isOdd: boolean}[]} */
  const found = [];
  for (const { 0: part, groups } of text.matchAll(PARTS)) {
    const isPicture = groups?.picture !== undefined;
    const isMixed = !isPicture && PASSING.test(part) && LATIN.test(part);
    let marks = 0;
    for (const letter of isPicture ? [part] : part) {
      marks = !isPicture && MARK.test(letter) ? marks + 1 : 0;
      const isOdd = !isPicture && !plain.includes(letter) && (marks > MARKS_MAX || isDeceiving(letter, isMixed, about));
      const last = found.at(-1);
      const written = isOdd ? numbered(letter) : letter;
      if (last?.isOdd === isOdd) last.text += written;
      else found.push({ text: written, isOdd });
    }
  }
  return found;
}

/** A letter of another script than Latin: digits of that script are at home in the text then. */
const FOREIGN = /(?!\p{Script=Latin})\p{L}/u;

/**
 * @param {string} letter
 * @param {boolean} isMixed its word has Latin letters and such that pass for them
 * @param {{isProse: boolean, hasGenuine: boolean, isTurned: boolean, isForeign: boolean}} about its text
 */
function isDeceiving(letter, isMixed, { isProse, hasGenuine, isTurned, isForeign }) {
  if (letter < "\x7f" && letter >= " ") return false;
  if (UNSEEN.test(letter) || ALONE.test(letter)) return true;
  if (PASSING.test(letter)) return isMixed || !hasGenuine;
  if (DRESSABLE.test(letter) && ASCII.test(letter.normalize("NFKC"))) return true;
  if (DIGIT.test(letter)) return !isForeign;
  return isTurned && !isProse && RIGHT.test(letter);
}
