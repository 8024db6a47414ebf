/**
 * The worker of the console: its shell where the gateway can't be reached, and what is pushed.
 *
 * The gateway comes first, always: what is kept is shown only where it does not answer. What people
 * and agents say never passes here: that is the WebSocket's, and calls of `api/` are let through.
 * @file
 */

const worker = /** @type {any} */ (self);
const SHELL = "agentgate-shell";
const PATIENCE_MS = 4_000;
const KEPT_MAX = 300;
const ICON = "icon-192.png";

worker.addEventListener("install", () => worker.skipWaiting());

worker.addEventListener("message", (/** @type {any} */ event) => {
  const { keep } = event.data ?? {};
  if (Array.isArray(keep)) event.waitUntil(keepAll(keep.slice(0, KEPT_MAX)));
});

worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  if (request.method === "GET" && isShell(request.url)) event.respondWith(answer(request));
});

/** Whether an address is a file of the console. @param {string} address */
function isShell(address) {
  const { scope } = worker.registration;
  return address.startsWith(scope) && !address.startsWith(new URL("api/", scope).href);
}

/** @param {string[]} addresses that a page was made of */
async function keepAll(addresses) {
  const cache = await caches.open(SHELL);
  const wanted = [worker.registration.scope, ...addresses].filter(isShell);
  await Promise.all(
    wanted.map(async (address) => {
      const reply = await fetch(address).catch(() => null);
      if (reply?.ok) await cache.put(bare(address), reply);
    }),
  );
}

/** An address without what no file depends on. @param {string} address */
function bare(address) {
  const { origin, pathname } = new URL(address);
  return origin + pathname;
}

/** @param {Request} request */
async function answer(request) {
  const cache = await caches.open(SHELL);
  const key = bare(request.url);
  const asked = fetch(request).then((reply) => {
    if (reply.ok) cache.put(key, reply.clone());
    return reply;
  });
  const kept = await cache.match(key);
  if (!kept) return asked;
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, kept));
  return Promise.race([asked.catch(() => kept), late]);
}

// What is pushed

worker.addEventListener("push", (/** @type {any} */ event) => {
  event.waitUntil(show(read(event.data)));
});

/** @param {any} data */
function read(data) {
  try {
    return data.json();
  } catch {
    return {};
  }
}

/** @param {{title?: string, text?: string, tag?: string, id?: string, silent?: boolean}} pushed */
function show({ title = "agentgate", text = "Something waits for you.", tag = "", id = "", silent = false }) {
  return worker.registration.showNotification(title, {
    body: text,
    tag: tag || undefined,
    renotify: Boolean(tag) && !silent,
    silent,
    icon: ICON,
    badge: ICON,
    data: { id },
    actions: id ? [{ action: "open", title: "Look at it" }] : [],
  });
}

worker.addEventListener("notificationclick", (/** @type {any} */ event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.id ?? ""));
});

/** Bring the approval up: in a page that is open, or in a new one. @param {string} id */
async function open(id) {
  const address = new URL(`#/inbox${id ? `/${encodeURIComponent(id)}` : ""}`, worker.registration.scope).href;
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  const page = pages.find((/** @type {any} */ each) => isShell(each.url));
  if (!page) return worker.clients.openWindow(address);
  await page.focus();
  page.postMessage({ open: id });
}
