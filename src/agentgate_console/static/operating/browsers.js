/** What a browser says of itself, in the two words that tell a phone from a desk. */

/** The first that is found; those that call themselves by others' names, too, come first. @type {[RegExp, string][]} */
const NAMES = [
  [/\bEdg(e|A|iOS)?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\b(Firefox|FxiOS)\//, "Firefox"],
  [/\b(Chrome|CriOS|HeadlessChrome)\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];

/** @type {[RegExp, string][]} */
const PLACES = [
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bAndroid\b/, "Android"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b|\bMacintosh\b/, "Mac"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b|\bX11\b/, "Linux"],
];

/** @param {string} text its User-Agent */
export function browserOf(text) {
  const [name, place] = [NAMES, PLACES].map((known) => known.find(([pattern]) => pattern.test(text))?.[1] ?? "");
  if (!name && !place) return text.slice(0, 60) || "an unknown program";
  return [name || "A browser", place].filter(Boolean).join(" on ");
}
