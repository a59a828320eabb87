// Speaks with the server. What was said is kept until the server has confirmed it, whatever happens to either.

const UNSENT = "lmgym-label-unsent";
const LONGEST_PAUSE_MS = 5000;

/** What the server answered to a request that makes no sense to repeat. */
export class Refusal extends Error {
  constructor(status, answer) {
    super(answer?.error ?? `the server answered ${status}`);
    this.status = status;
    this.state = answer?.state;
  }
}

export async function getState() {
  return ask("api/state");
}

export async function getFigures() {
  return ask("api/figures");
}

/**
 * Sends what was said until the server has confirmed it, and returns the new state.
 * onTrouble is called with a sentence before each further try, and with null when there is none left.
 */
export async function say(saying, onTrouble) {
  localStorage.setItem(UNSENT, JSON.stringify(saying));
  for (let pauseMs = 250; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      const state = await ask("api/say", saying);
      localStorage.removeItem(UNSENT);
      onTrouble(null);
      return state;
    } catch (error) {
      if (error instanceof Refusal && error.status < 500) {
        if (error.status !== 403) localStorage.removeItem(UNSENT); // a server that was started anew has another key
        throw error;
      }
      const reason = error instanceof Refusal ? error.message : "the server does not answer";
      onTrouble(`Not saved yet: ${reason}. Your verdict is kept here and sent as soon as possible.`);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}

/** Returns what an earlier page could not send, or null. */
export function findUnsent() {
  try {
    return JSON.parse(localStorage.getItem(UNSENT));
  } catch {
    return null;
  }
}

/** Returns 32 hexadecimal digits that nobody else draws. */
export function drawRequest() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function ask(path, saying) {
  const options = saying === undefined ? {} : { method: "POST", body: JSON.stringify(saying) };
  const response = await fetch(path, {
    ...options,
    headers: saying === undefined ? {} : { "Content-Type": "application/json" },
    signal: AbortSignal.timeout(20000),
  });
  if (response.ok) return response.json();
  throw new Refusal(response.status, await response.json().catch(() => null));
}
