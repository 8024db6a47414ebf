/** Times in words, and one clock for all that shows them. */

/** @type {Set<() => void>} */
const readers = new Set();
/** @type {ReturnType<typeof setInterval> | undefined} */
let timer;

/**
 * Be called each second while the page is seen, all readers in one go.
 * @param {() => void} reader
 * @returns {() => void} ends it
 */
export function everySecond(reader) {
  readers.add(reader);
  timer ??= setInterval(() => {
    if (!document.hidden) for (const each of [...readers]) each();
  }, 1_000);
  return () => {
    readers.delete(reader);
    if (readers.size) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/**
 * How much time is left, in seconds; below 0: it is over.
 * @param {string} iso RFC 3339
 */
export const secondsLeft = (iso) => (Date.parse(iso) - Date.now()) / 1_000;

/**
 * How much time is left, in words: "4 min 10 s".
 * @param {string} iso RFC 3339
 * @param {boolean} [isRough] in whole minutes
 */
export function left(iso, isRough = false) {
  const seconds = Math.ceil(secondsLeft(iso));
  if (Number.isNaN(seconds)) return "";
  if (seconds <= 0) return "over";
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (!isRough && minutes < 10 && seconds % 60) return `${minutes} min ${seconds % 60} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 && hours < 10 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} days`;
}

/**
 * How long ago something was, in words: "3 min ago"; a date where that says more.
 * @param {string} iso RFC 3339
 */
export function ago(iso) {
  const seconds = Math.floor(-secondsLeft(iso));
  if (Number.isNaN(seconds)) return "";
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h ago`;
  return when(iso);
}

/**
 * The date and the time of day, as people here write them.
 * @param {string} iso RFC 3339
 */
export function when(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "";
  const isToday = date.toDateString() === new Date().toDateString();
  return date.toLocaleString([], isToday ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
}
