// A headless Chromium and a watch over what it complains about: an error in the console or a violated content security
// policy fails the run, wherever it happens.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const EXECUTABLE = "/usr/bin/chromium";
/** Nothing on these pages takes longer on a busy machine. */
const PATIENCE_MS = 20_000;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export async function open(base, shots) {
  if (!existsSync(EXECUTABLE)) throw new Error(`${EXECUTABLE} is missing: run packaging/test-packages`);
  const chrome = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
  const complaints = [];
  const pages = [];
  const leaving = new Set();
  const refusals = [];

  return {
    /** A page of somebody's own, without anybody's cookies; `other`: what is different about the browser. */
    async page(who, other = {}) {
      const context = await chrome.newContext({ baseURL: base, locale: "en-GB", viewport: { width: 1400, height: 1000 }, ...other });
      context.setDefaultTimeout(PATIENCE_MS);
      const page = await context.newPage();
      pages.push([who, page]);
      page.on("pageerror", (error) => complaints.push(`${who}: ${error.message}`));
      page.on("console", (message) => {
        if (message.type() === "error" && !isExpected(message, leaving.has(who), refusals)) complaints.push(`${who}: ${message.text()} ${message.location().url}`);
      });
      // Without scripts a violated policy is told in the console alone.
      if (other.javaScriptEnabled === false) return page;
      await page.exposeFunction("policyViolated", (what) => complaints.push(`${who}: policy violated: ${what}`));
      await page.addInitScript(() => {
        document.addEventListener("securitypolicyviolation", (event) => {
          window.policyViolated(`${event.violatedDirective} ${event.blockedURI}`);
        });
      });
      return page;
    },
    /** Somebody is about to sign out: what a page was asking at that moment is answered with 401, as it must be. */
    leaves(who) {
      leaving.add(who);
    },
    /** From now on addresses that end so may fail with a message that says this. */
    expect(ending, told) {
      refusals.push([ending, told]);
    },
    assertQuiet() {
      if (complaints.length > 0) throw new Error(`the browser complained:\n${complaints.join("\n")}`);
    },
    async shoot() {
      if (!shots) return;
      for (const [who, page] of pages) await page.screenshot({ path: `${shots}/${who}.png` }).catch(() => undefined);
    },
    close: () => chrome.close(),
  };
}

/** Chromium reports every refusal as an error: asking who one is before logging in, a wrong password, what is no number and
 * an address of our own network are none. */
function isExpected(message, leaving, refusals) {
  const asked = message.location().url;
  if (message.text().includes("422") && asked.endsWith("/api/v1/customers?number=not%20a%20number")) return true;
  if (message.text().includes("422") && asked.endsWith("/api/v1/webhooks")) return true;
  // Parts that make it so themselves.
  if (refusals.some(([ending, told]) => asked.endsWith(ending) && message.text().includes(told))) return true;
  return message.text().includes("401") && (leaving || asked.endsWith("/api/v1/me") || asked.endsWith("/api/v1/login"));
}

export const byId = (page, id) => page.getByTestId(id);

/** Logs in and waits until the login page is gone. */
export async function logIn(page, login, password) {
  await page.goto("/");
  await byId(page, "login-name").fill(login);
  await byId(page, "login-password").fill(password);
  await byId(page, "login-submit").click();
  await byId(page, "user-menu").waitFor();
}

/** Waits until something is so; `look` gives what is there now. */
export async function until(what, look, isSo) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const seen = await look();
    if (isSo(seen)) return seen;
    if (Date.now() > end) throw new Error(`${what}: still ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export function same(what, seen, expected) {
  if (seen !== expected) throw new Error(`${what}: ${JSON.stringify(seen)}, expected ${JSON.stringify(expected)}`);
}
