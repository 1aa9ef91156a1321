// A manager's further pages: promised calls, and other systems.
import { byId, logIn, same, until } from "./browser.mjs";

export async function run(browser, { login, password }) {
  const page = await browser.page("manager");
  await logIn(page, login, password);

  await byId(page, "nav-callbacks").click();
  await byId(page, "callback-table").waitFor();
  const late = page.locator('[data-state="overdue"]');
  same("one is overdue", await late.count(), 1);
  same("its note is shown", (await late.textContent())?.includes("after lunch"), true);
  await late.getByRole("checkbox").check();
  await byId(page, "callbacks-move").click();
  await byId(page, "callbacks-at").fill("2020-01-01T10:00");
  await byId(page, "callbacks-apply").click();
  await byId(page, "callbacks-refused").waitFor();
  await byId(page, "callbacks-at").fill("2090-01-02T11:30");
  await byId(page, "callbacks-apply").click();
  await until("it is moved", () => page.locator('[data-state="overdue"]').count(), (count) => count === 0);
  await byId(page, "callbacks-choose-all").check();
  await byId(page, "callbacks-cancel").click();
  await byId(page, "callbacks-why").fill("the offer is over");
  await byId(page, "callbacks-apply").click();
  await byId(page, "empty").waitFor();

  // A control is set by hand, says who did it, and goes back to the configuration.
  await page.goto("/campaigns/spring?tab=controls");
  await byId(page, "control-row-reserve").waitFor();
  await byId(page, "adjust-blend").click();
  await byId(page, "control-reserve").fill("3");
  await byId(page, "control-apply").click();
  const panel = byId(page, "live-controls");
  await panel.locator('[data-testid="control-row-reserve"][data-set="true"]').waitFor();
  same("who set it is told", (await panel.getByTestId("control-row-reserve").textContent())?.includes(login), true);
  same("no other control is set", await panel.locator('[data-set="true"]').count(), 1);
  await panel.getByTestId("control-back-reserve").click();
  await panel.locator('[data-testid="control-row-reserve"][data-set="false"]').waitFor();
  await until("both changes are told", () => panel.getByTestId("changes").textContent(), (text) => text?.includes("back to configuration"));

  // What an agent wrote is found by a word of it.
  await byId(page, "tab-search").click();
  await byId(page, "search-text").fill("LUNCH");
  await byId(page, "search-do").click();
  same("the word is marked", await byId(page, "search-found").locator("mark").textContent(), "lunch");

  // Leads as a file, written as a job.
  await byId(page, "nav-exports").click();
  await byId(page, "export-kind").click();
  await page.getByRole("option", { name: "Leads with answers" }).click();
  await byId(page, "export-campaign").click();
  await page.getByRole("option").first().click();
  await byId(page, "export-ask").click();
  const [leads] = await Promise.all([page.waitForEvent("download"), byId(page, "fetch-leads").click()]);
  same("the file has a name of its own", leads.suggestedFilename(), "spring-leads.csv");
  await byId(page, "remove-leads").click();
  await until("it is removed", () => byId(page, "fetch-leads").count(), (count) => count === 0);

  await byId(page, "nav-integrations").click();
  await byId(page, "webhook-add").click();
  await byId(page, "webhook-name").fill("crm");
  await byId(page, "webhook-url").fill("https://127.0.0.1/hook");
  await byId(page, "webhook-all").press(" ");
  await byId(page, "webhook-save").click();
  // Our own network is no address for a webhook: the refusal stands beside the form, and nothing typed is lost.
  await byId(page, "problem").waitFor();
  same("the name is still there", await byId(page, "webhook-name").inputValue(), "crm");
  await byId(page, "webhook-url").fill("https://192.0.2.1/hook");
  await page.keyboard.press("Escape");

  await byId(page, "tab-keys").click();
  await byId(page, "key-add").click();
  await byId(page, "key-name").fill("crm");
  await byId(page, "key-scopes").fill("callbacks:read");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await byId(page, "key-make").click();
  const key = await byId(page, "secret").textContent();
  same("a key is shown", key?.startsWith("lull_"), true);
  const asked = await page.request.get("/api/v1/callbacks", { headers: { authorization: `Bearer ${key}` } });
  same("the key opens what its scope says", asked.status(), 200);
  await byId(page, "secret-kept").click();
  same("and is shown no more", await byId(page, "secret").count(), 0);
  await byId(page, "key-revoke-crm").click();
  await byId(page, "key-revoke-do").click();
  await page.locator('[data-testid="key-crm"][data-good="false"]').waitFor();

  await byId(page, "user-menu").click();
  browser.leaves("manager");
  await byId(page, "sign-out").click();
  await byId(page, "login-name").waitFor();
}
