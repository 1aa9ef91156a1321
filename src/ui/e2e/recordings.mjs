// A manager hears the recording of a call that is over: from the list of attempts, and from the customer's page.
import { byId, logIn, same, until } from "./browser.mjs";

/** What a player knows of its file, and what went wrong. */
const state = (player) =>
  player.evaluate((audio) => ({ ready: audio.readyState, duration: audio.duration, at: audio.currentTime, error: audio.error?.message ?? null }));

export async function run(browser, { login, password, number, lost }) {
  const page = await browser.page("manager");
  if (lost) return tellsThatItIsLost(browser, page, { login, password });
  const asked = [];
  page.on("request", (request) => {
    if (request.url().includes("/recordings/")) asked.push(request.headers()["range"] ?? "whole");
  });
  await logIn(page, login, password);
  await page.goto("/campaigns/spring?tab=attempts");
  await byId(page, "listen").waitFor();
  same("nothing is fetched before somebody listens", asked.length, 0);
  await byId(page, "listen").click();
  const player = byId(page, "player");
  const loaded = await until("the player knows its file", () => state(player), (seen) => seen.ready >= 1 || seen.error !== null);
  same("it can be played", loaded.error, null);
  if (!(loaded.duration > 1 && loaded.duration < 600)) throw new Error(`the player takes it for ${loaded.duration} s long`);
  const middle = loaded.duration / 2;
  await player.evaluate((audio, to) => {
    audio.pause();
    audio.currentTime = to;
  }, middle);
  const sought = await until("it seeks", () => state(player), (seen) => seen.ready >= 2 && Math.abs(seen.at - middle) < 0.2);
  same("and can still be played", sought.error, null);

  // Calls are chosen by their recordings.
  await byId(page, "recording-filter").click();
  await page.getByRole("option", { name: "Recording missing" }).click();
  await until("there is none that is missing", () => byId(page, "attempts").count(), (count) => count === 0);

  await page.goto(`/customers?${new URLSearchParams({ number })}`);
  await byId(page, "customer-calls").waitFor();
  await byId(page, "listen").click();
  const there = await until("it is heard on the customer's page too", () => state(byId(page, "player")), (seen) => seen.ready >= 1 || seen.error !== null);
  same("it can be played there", there.error, null);

  await tellsWhatIsWrong(browser, page);
}

/** The file is gone, and the list does not know that yet. */
async function tellsThatItIsLost(browser, page, { login, password }) {
  browser.expect("/audio", "410");
  await logIn(page, login, password);
  await page.goto("/campaigns/spring?tab=attempts");
  await byId(page, "listen").click();
  await byId(page, "no-recording").waitFor();
  same("what the service says is told", await byId(page, "no-recording").getAttribute("data-code"), "recording_lost");
  same("in words", await byId(page, "no-recording").textContent(), "The recording is missing: its file is gone.");
}

/** What cannot be heard is told as what it is, and what may be better the next time can be tried again. */
async function tellsWhatIsWrong(browser, page) {
  const told = () => byId(page, "no-recording").getAttribute("data-code").catch(() => null);
  const audio = "**/api/v1/recordings/*/audio";
  const listenAnew = async () => {
    await page.reload();
    await byId(page, "listen").click();
  };
  const playsAgain = async (what) => {
    await byId(page, "listen-again").click();
    const seen = await until(what, () => state(byId(page, "player")), (seen) => seen.ready >= 1 || seen.error !== null);
    same("it can be played", seen.error, null);
  };

  browser.expect("/audio", "Failed to load resource");
  // The network is away, and is there again.
  await page.route(audio, (route) => route.abort("internetdisconnected"));
  await listenAnew();
  await until("the network is told of", told, (code) => code === "unreachable");
  await page.unroute(audio);
  await playsAgain("it is heard once the network is there");
  // Only the player fails.
  await page.route(audio, (route) => (route.request().resourceType() === "media" ? route.abort() : route.continue()));
  await listenAnew();
  await until("that it broke off is told", told, (code) => code === "broke_off");
  await page.unroute(audio);
  await playsAgain("it is heard the next time");
  for (const [status, code] of [
    [404, "no_recording"],
    [410, "recording_removed"],
    [410, "recording_lost"],
    [403, "forbidden"],
  ]) {
    const body = JSON.stringify({ type: "about:blank", title: code, status, code });
    await page.route(audio, (route) => route.fulfill({ status, contentType: "application/problem+json", body }));
    await listenAnew();
    await until(`${code} is told`, told, (seen) => seen === code);
    same(`${code} is not tried again`, await byId(page, "listen-again").count(), 0);
    await page.unroute(audio);
  }
}
