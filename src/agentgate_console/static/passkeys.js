/**
 * Passkeys: making one, logging in by one, and signing with one (WebAuthn level 3).
 *
 * The gateway says what is to be signed, and looks at what was; this only carries bytes between it and the browser.
 */

import { GatewayError, post } from "./gateway.js";

/**
 * @typedef {{challenge: string, credential_ids: string[], rp_id: string, expires_in_s: number}} Challenge of
 *   `approval_challenge`
 * @typedef {{credential: string, authenticator_data: string, client_data: string, signature: string}} Assertion
 * @typedef {{type: "public-key", id: string}} Named
 */

/** Who has to find a key in a drawer still can. */
const CEREMONY_MS = 300_000;

/** What a browser's refusals mean (WebAuthn section 5.1), by their names. */
const MEANINGS = /** @type {Record<string, string>} */ ({
  NotAllowedError: "Nothing was signed: it was dismissed, it took too long, or there is no passkey for this gateway here.",
  InvalidStateError: "This device has a passkey for this gateway already.",
  SecurityError: "Passkeys don't belong to this address: open the console at the gateway's own name.",
  NotSupportedError: "This device makes no passkeys that the gateway takes.",
  ConstraintError: "This device can't verify that it is you: set up a PIN, a finger or a face.",
});

/**
 * Make a passkey for who is logged in.
 * @param {string} [name] what they call it; "": after this device
 * @returns {Promise<{id: string, name: string}>} as `list_passkeys` shows it
 */
export async function register(name = "") {
  const options = await post("passkeys/register-options");
  const publicKey = /** @type {PublicKeyCredentialCreationOptions} */ ({
    ...options,
    challenge: bytesOf(options.challenge),
    user: { ...options.user, id: bytesOf(options.user.id) },
    excludeCredentials: options.excludeCredentials.map(asDescriptor),
  });
  const made = await asked(() => navigator.credentials.create({ publicKey }));
  const { clientDataJSON, attestationObject } = /** @type {AuthenticatorAttestationResponse} */ (made.response);
  const brought = { client_data: textOf(clientDataJSON), attestation: textOf(attestationObject) };
  return post("passkeys/register", { ...brought, name: name || deviceName() });
}

/** Log in by a passkey; the browser asks which. The cookie is set then. */
export async function login() {
  const options = await post("passkeys/login-options");
  const { assertion, user } = await signed(options.challenge, options.rpId, []);
  await post("passkeys/login", { passkey: assertion, user });
}

/**
 * Sign an answer to an approval.
 * @param {Challenge} challenge of `approval_challenge`, with the very terms of the answer
 * @returns {Promise<Assertion>} the member `passkey` of `decide_approval`
 */
export async function sign({ challenge, rp_id, credential_ids }) {
  return (await signed(challenge, rp_id, credential_ids)).assertion;
}

/**
 * @param {string} challenge
 * @param {string} rpId
 * @param {string[]} ids of the passkeys of which one is to sign; none: any
 * @returns {Promise<{assertion: Assertion, user: string}>}
 */
async function signed(challenge, rpId, ids) {
  const publicKey = /** @type {PublicKeyCredentialRequestOptions} */ ({
    challenge: bytesOf(challenge),
    rpId,
    timeout: CEREMONY_MS,
    allowCredentials: ids.map((id) => asDescriptor({ type: "public-key", id })),
    userVerification: "required",
  });
  const brought = await asked(() => navigator.credentials.get({ publicKey }));
  const response = /** @type {AuthenticatorAssertionResponse} */ (brought.response);
  const assertion = {
    credential: textOf(brought.rawId),
    authenticator_data: textOf(response.authenticatorData),
    client_data: textOf(response.clientDataJSON),
    signature: textOf(response.signature),
  };
  return { assertion, user: response.userHandle ? textOf(response.userHandle) : "" };
}

/**
 * Ask the browser for a credential, and say in words what it refuses.
 * @param {() => Promise<Credential | null>} ask
 */
async function asked(ask) {
  if (!globalThis.isSecureContext || !navigator.credentials) {
    throw new GatewayError("passkeys", "This address can't have passkeys: they need localhost, or a name with TLS.");
  }
  try {
    const brought = await ask();
    if (brought) return /** @type {PublicKeyCredential} */ (brought);
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    throw new GatewayError("passkeys", MEANINGS[name] ?? `The browser could not do it (${name}).`);
  }
  throw new GatewayError("passkeys", MEANINGS.NotAllowedError);
}

/** @param {Named} named */
const asDescriptor = ({ type, id }) => ({ type, id: bytesOf(id) });

/** What a device is called as long as nobody calls it otherwise. */
function deviceName() {
  const agent = /** @type {{userAgentData?: {platform?: string}}} */ (navigator);
  return agent.userAgentData?.platform || /\(([^;)]+)/.exec(navigator.userAgent)?.[1] || "this device";
}

/** Bytes of base64url. @param {string} text */
function bytesOf(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

/** Base64url without padding. @param {ArrayBuffer} buffer */
function textOf(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
