// A manager looks at what would be sent, sends a test, starts, pauses, goes on, and reads who got what.
import { byId, logIn, same, until } from "./browser.mjs";

export async function run(browser, { login, password, own }) {
  browser.expect("", "422"); // of a number that is none, which the console repeats
  const page = await browser.page("manager");
  await logIn(page, login, password);
  await page.goto("/campaigns/spring?tab=outreach");
  const one = byId(page, "outreach-wave");
  await one.waitFor();
  same("it was not started", await byId(page, "outreach-state").innerText(), "not started");

  await byId(page, "outreach-look").click();
  const seen = byId(page, "outreach-audience");
  await until("what would be sent is shown", () => seen.innerText(), (text) => text.includes("120 of the 120 people") && text.includes("【Lull】Customer"));
  await byId(page, "outreach-numbers").fill("not a number");
  await byId(page, "outreach-test").click();
  await until("a wrong number is complained about and kept", () => one.getByRole("alert").count(), (count) => count > 0);
  same("what was typed is there", await byId(page, "outreach-numbers").inputValue(), "not a number");
  await byId(page, "outreach-numbers").fill(own);
  await byId(page, "outreach-test").click();
  await byId(page, "outreach-tested").waitFor();

  await byId(page, "outreach-start").click();
  await until("it sends", () => byId(page, "outreach-state").innerText(), (text) => text === "sending");
  await until("some have theirs", () => byId(page, "outreach-count-sent").count(), (count) => count > 0);
  await byId(page, "outreach-pause").click();
  await until("it is paused", () => byId(page, "outreach-state").innerText(), (text) => text === "paused");
  await byId(page, "outreach-start").click();
  await until("all have theirs", () => byId(page, "outreach-count-sent").innerText(), (text) => text === "120");
  await until("it is done", () => byId(page, "outreach-state").innerText(), (text) => text === "done");
  await byId(page, "outreach-list-sent").click();
  await until("the people behind the figure are there", () => byId(page, "outreach-recipients").innerText(), (text) => text.includes("+8613800000001"));

  await byId(page, "language").click();
  await byId(page, "language-zh-CN").click();
  await until("all of it is there in Chinese", () => one.innerText(), (text) => text.includes("已完成") && text.includes("已发出"));
}
