// Runs the pages in headless Chromium against a service that is up: node run.mjs BASE_URL PART [KEY=VALUE…].
//
// The integration tests start it; each part is a file beside this one. It ends with 0 when everything held, else with 1
// after telling what did not, and with a picture of the page in the folder `shots` if one was given.
import { open } from "./browser.mjs";

const [base, part, ...pairs] = process.argv.slice(2);
if (!base || !part) {
  console.error("usage: node run.mjs BASE_URL PART [KEY=VALUE…]");
  process.exit(2);
}
const given = Object.fromEntries(pairs.map((pair) => pair.split(/=(.*)/s).slice(0, 2)));
const { run } = await import(`./${part}.mjs`);
const browser = await open(base, given.shots);
try {
  await run(browser, given);
  browser.assertQuiet();
  console.log(`${part}: everything held`);
} catch (error) {
  console.error(error instanceof Error ? error.stack : String(error));
  await browser.shoot();
  process.exitCode = 1;
} finally {
  await browser.close();
}
