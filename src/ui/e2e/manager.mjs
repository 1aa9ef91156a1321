// What a manager does: logs in, reads the wallboard, pauses and starts a campaign, brings in a list, reads Chinese.
import { byId, logIn, same, until } from "./browser.mjs";

export async function run(browser, { login, password, list }) {
  const page = await browser.page("manager");

  await page.goto("/board");
  await byId(page, "login-name").fill(login);
  await byId(page, "login-password").fill("certainly not the password");
  await byId(page, "login-submit").click();
  await byId(page, "login-refused").waitFor();
  same("a wrong password leads nowhere", await byId(page, "user-menu").count(), 0);

  await logIn(page, login, password);
  await byId(page, "nav-board").click();
  await byId(page, "wallboard").waitFor();
  await byId(page, "gate-blend").waitFor();
  same("the gate is shown", await byId(page, "gate-blend").getAttribute("data-open"), "false");
  await byId(page, "queue-service").waitFor();
  await byId(page, "trunk-carrier").waitFor();

  await byId(page, "nav-campaigns").click();
  await byId(page, "campaigns").getByText("Spring").first().click();
  await byId(page, "campaign-page").waitFor();
  await byId(page, "pause-spring").click();
  await byId(page, "confirm-state").click();
  await byId(page, "start-spring").waitFor();
  await byId(page, "start-spring").click();
  await byId(page, "confirm-state").click();
  await byId(page, "pause-spring").waitFor();

  // A change is seen before it is applied, and found again among the revisions.
  await byId(page, "tab-text").click();
  const text = await byId(page, "campaign-text").inputValue();
  await byId(page, "campaign-text").fill(text.replace("ring_timeout_s = 30", "ring_timeout_s = 41"));
  await byId(page, "text-check").click();
  const change = await byId(page, "change-ring_timeout_s").textContent();
  if (!change?.includes("30") || !change.includes("41")) throw new Error(`the change is not told: ${change}`);
  await byId(page, "text-why").fill("they are slow to answer");
  await byId(page, "text-apply").click();
  await byId(page, "text-applied").waitFor();
  await byId(page, "compare-2").click();
  await byId(page, "revisions").getByTestId("change-ring_timeout_s").waitFor();
  same("why it was changed is told", await byId(page, "revisions").getByText("they are slow to answer").count(), 1);

  await byId(page, "tab-attempts").click();
  await byId(page, "export").click();
  await byId(page, "export-csv").click();
  await byId(page, "exports").waitFor();
  const [calls] = await Promise.all([page.waitForEvent("download"), byId(page, "fetch-calls").click()]);
  const saved = await readAll(await calls.createReadStream());
  if (!saved.startsWith("\ufeffcall,began,campaign")) throw new Error(`the calls are not in the file:\n${saved}`);

  await page.goto("/campaigns/spring?tab=lists");
  await byId(page, "list-bring-in").click();
  await page.locator('input[type="file"]').setInputFiles(list);
  await byId(page, "to-columns").click();
  await byId(page, "to-check").click();
  await byId(page, "import-checked").waitFor();
  await byId(page, "import-run").click();
  await byId(page, "import-done").waitFor();
  for (const [part, rows] of [["rows", "4"], ["accepted", "2"], ["duplicate", "1"], ["invalid", "1"], ["suppressed", "0"]]) {
    same(`rows: ${part}`, (await byId(page, `import-${part}`).textContent())?.trim(), rows);
  }
  const [download] = await Promise.all([page.waitForEvent("download"), byId(page, "rejected-rows").click()]);
  const rejected = await readAll(await download.createReadStream());
  if (!rejected.includes("no number at all")) throw new Error(`the rejected rows are not in the file:\n${rejected}`);

  // Half a name in GB18030, as Excel saves it in China, and a city for a customer who is there.
  const known = Buffer.concat([Buffer.from("mobile,name,city\n13800000001,"), Buffer.from([0xcd, 0xf5, 0xb7, 0xbc]), Buffer.from(",Wuhan\n")]);
  await byId(page, "import-another").click();
  await page.locator('input[type="file"]').setInputFiles({ name: "known.csv", mimeType: "text/csv", buffer: known });
  await byId(page, "to-columns").click();
  await byId(page, "to-check").click();
  await byId(page, "import-checked").waitFor();
  await byId(page, "list-known").selectOption("update");
  await byId(page, "check-again").click();
  await until("it would be brought up to date", () => byId(page, "import-updated").textContent(), (text) => text?.trim() === "1");
  await byId(page, "import-run").click();
  await byId(page, "import-done").waitFor();
  same("the customer is brought up to date", (await byId(page, "import-updated").textContent())?.trim(), "1");

  // Everything about a number, for whoever asks "why do you call me?".
  await byId(page, "nav-customers").click();
  await byId(page, "customer-number").fill("+8613800000001");
  await byId(page, "customer-look-up").click();
  await byId(page, "customer-found").waitFor();
  same("nothing forbids the call", await byId(page, "customer-standing").getAttribute("data-blocked"), "false");
  same("the campaign is named", await byId(page, "customer-found").getByRole("link", { name: "spring" }).count(), 1);
  await byId(page, "customer-number").fill("not a number");
  await byId(page, "customer-look-up").click();
  await byId(page, "problem").waitFor();

  await byId(page, "language").click();
  // A reload would break off what is under way: the service is to know it before.
  const kept = page.waitForResponse((answer) => answer.request().method() !== "GET" && answer.url().includes("/me"));
  await byId(page, "language-zh-CN").click();
  await kept;
  await until("the pages are Chinese", () => byId(page, "nav-board").textContent(), (text) => text?.includes("大屏"));
  await page.reload();
  await until("they stay Chinese", () => byId(page, "nav-board").textContent(), (text) => text?.includes("大屏"));
  same("the document says so", await page.locator("html").getAttribute("lang"), "zh-CN");

  // The funnel counts the leads that were brought in, and a step of it lists its attempts.
  await page.goto("/campaigns/spring?tab=results");
  await until("the leads are counted", () => byId(page, "funnel-leads").textContent(), (text) => Number(text) >= 2);
  await byId(page, "funnel-dialled").getByRole("link").click();
  await byId(page, "narrowed").waitFor();
  await byId(page, "show-all").click();
  await until("all attempts are shown", () => byId(page, "narrowed").count(), (shown) => shown === 0);

  await byId(page, "user-menu").click();
  browser.leaves("manager");
  await byId(page, "sign-out").click();
  await byId(page, "login-name").waitFor();
}

async function readAll(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString("utf8");
}
