// A manager hears the recording of a call that is over: from the list of attempts, and from the customer's page.
import { byId, logIn, same, until } from "./browser.mjs";

/** What a player knows of its file, and what went wrong. */
const state = (player) =>
  player.evaluate((audio) => ({ ready: audio.readyState, duration: audio.duration, at: audio.currentTime, error: audio.error?.message ?? null }));

export async function run(browser, { login, password, number }) {
  const page = await browser.page("manager");
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
}
