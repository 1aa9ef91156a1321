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
