/** The console on this device: its worker, and what of it stays when the gateway can't be reached. */

import { go } from "../page.js";

const WORKER = new URL("../worker.js", import.meta.url);

/** Whether this address lets the console have a worker, and why not in words. */
export function workerProblem() {
  if (!isSecureContext) {
    return "This address is plain HTTP. A name with a certificate that this device trusts is needed: agent-gate cert makes one.";
  }
  return "serviceWorker" in navigator ? "" : "This browser has no service workers.";
}

/** Start the worker, where there may be one, and let it keep what the page is made of. */
export async function prepareWorker() {
  if (workerProblem()) return;
  try {
    await navigator.serviceWorker.register(WORKER);
  } catch (error) {
    console.info("The console stays without its worker:", error); // as where a certificate is not trusted
    return;
  }
  navigator.serviceWorker.addEventListener("message", ({ data }) => data?.open && go("inbox", data.open));
  const { active } = await navigator.serviceWorker.ready;
  active?.postMessage({ keep: performance.getEntriesByType("resource").map(({ name }) => name) });
}

/** Let this device be told no more: who has logged out is nobody here. */
export async function forgetPush() {
  if (workerProblem()) return;
  const registration = await navigator.serviceWorker.getRegistration();
  const subscription = await registration?.pushManager?.getSubscription();
  await subscription?.unsubscribe();
}
