// An order from the desk to its delivery: the agent fills it in, the manager sends it and takes the carrier's file in, and the
// funnel counts and lists the customer.
import { writeFileSync } from "node:fs";
import { byId, logIn, same, until } from "./browser.mjs";

export async function run(browser, { manager, agent, password, file }) {
  // An order without its address is refused.
  browser.expect("/api/v1/desk/act", "422");
  const desk = await browser.page("agent");
  await logIn(desk, agent, password);
  await byId(desk, "desk-sign-in").click();
  await byId(desk, "my-state").waitFor();
  await until("the phone is connected", () => byId(desk, "phone-lamp").getAttribute("data-up"), (up) => up === "true");
  await byId(desk, "go-ready").click();
  const state = (wanted) =>
    until(`the agent is ${wanted}`, () => byId(desk, "my-state").getAttribute("data-state"), (seen) => seen === wanted);
  await state("talking");
  await byId(desk, "desk-orders").getByText("No orders so far").waitFor();

  // The form is there once the result says accepted, with what is usual; without an address it is refused beside the field.
  same("no order without a result", await byId(desk, "order-form").count(), 0);
  await byId(desk, "result-taken").click();
  const form = byId(desk, "order-form");
  await form.waitFor();
  same("the recipient is the customer", await byId(desk, "order-recipient").inputValue(), "Customer 0");
  await byId(desk, "quantity-新卡").fill("3");
  await until("the value is that of three", () => byId(desk, "order-value").textContent(), (text) => text?.includes("58.50"));
  await byId(desk, "record").click();
  await form.getByText("needs one", { exact: false }).waitFor();
  await byId(desk, "order-address").fill("北京市 1 号");
  await byId(desk, "hang-up").click();
  await state("wrap_up");
  same("what was typed is still there", await byId(desk, "order-address").inputValue(), "北京市 1 号");
  await byId(desk, "record").click();
  await state("ready");

  const page = await browser.page("manager");
  await logIn(page, manager, password);
  await byId(page, "nav-orders").click();
  const row = byId(page, "order-table").locator('tr[data-state="confirmed"]');
  await row.waitFor();
  const number = (await row.getByRole("button").first().textContent())?.trim() ?? "";
  same("it is counted", (await byId(page, "count-confirmed").textContent())?.includes("Confirmed: 1"), true);
  await row.getByRole("button").first().click();
  const details = byId(page, "order-details");
  await details.waitFor();
  await byId(page, "order-address").fill("上海市 2 号");
  await byId(page, "order-save-address").click();
  await until("the correction is in the history", () => byId(page, "order-history").locator("tr").count(), (count) => count === 2);
  await byId(page, "order-tracking").fill("SF1");
  await byId(page, "order-to-dispatched").click();
  await page.locator('[data-testid="order-details"][data-state="dispatched"]').waitFor();
  await page.keyboard.press("Escape");

  // The desk finds it by its number, as a customer reads it out.
  await byId(desk, "find-order").fill(`${number.slice(0, 3)} ${number.slice(3)}`);
  await byId(desk, "find-order-do").click();
  await byId(desk, `desk-order-${number}`).getByText("SF1", { exact: false }).waitFor();

  writeFileSync(file, `order number,state,note\n${number},delivered,signed\n${number},lost,\n`);
  await byId(page, "order-import").locator('input[type="file"]').setInputFiles(file);
  await byId(page, "order-file-check").click();
  await until("it is only checked", () => byId(page, "order-file-outcome").textContent(), (text) => text?.includes("1 would change"));
  await byId(page, "order-file-take").click();
  await until("it is taken in", () => byId(page, "order-file-outcome").textContent(), (text) => text?.includes("1 changed an order"));
  await byId(page, "order-complaints").getByText("no state of an order", { exact: false }).waitFor();
  await byId(page, "order-table").locator('tr[data-state="delivered"]').waitFor();

  await page.goto("/campaigns/spring?tab=funnel");
  await byId(page, "funnel-stages").waitFor();
  for (const stage of ["dialled", "connected", "accepted", "delivered"]) {
    same(stage, (await byId(page, `stage-${stage}`).textContent())?.trim(), "1");
  }
  await byId(page, "stage-delivered").click();
  await byId(page, "funnel-leads").getByText("Customer 0").waitFor();
  await page.keyboard.press("Escape");
  await byId(page, "funnel-leads").waitFor({ state: "detached" });
  await byId(page, "funnel-costs").getByText("8.50", { exact: false }).first().waitFor();

  await byId(page, "language").click();
  await byId(page, "language-zh-CN").click();
  await byId(page, "funnel-stages").getByText("已接通坐席").waitFor();
  await byId(page, "nav-orders").click();
  await byId(page, "order-table").getByText("已签收").waitFor();
}
