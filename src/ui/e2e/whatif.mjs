// What would a change have done? A manager is offered the question where a change is typed, before it is applied, and reads
// the answer from the calls that were recorded; nothing is changed by it.
import { byId, logIn, same } from "./browser.mjs";

export async function run(browser, { login, password, dials }) {
  const page = await browser.page("manager");
  await logIn(page, login, password);

  // Where the text of the campaign is changed.
  await page.goto("/campaigns/spring?tab=text");
  await byId(page, "campaign-text").waitFor();
  await byId(page, "text-whatif").click();
  await byId(page, "whatif").waitFor();
  same("nothing is filled in", await byId(page, "whatif-reserve").inputValue(), "");
  same("nothing was asked yet", await byId(page, "whatif-told").count(), 0);

  // Where a control is changed: what is typed there is asked about.
  await byId(page, "tab-controls").click();
  await byId(page, "adjust-blend").click();
  await byId(page, "control-reserve").waitFor();
  same("without a change there is nothing to ask", await byId(page, "control-whatif-spring").count(), 0);
  await byId(page, "control-reserve").fill("1");
  await byId(page, "control-whatif-spring").click();
  await byId(page, "whatif").waitFor();
  same("the change is filled in", await byId(page, "whatif-reserve").inputValue(), "1");
  await byId(page, "whatif-ask").click();
  await byId(page, "whatif-told").waitFor();
  const changes = await byId(page, "whatif-changes").textContent();
  if (!changes?.includes("0 → 1")) throw new Error(`the change is not told: ${changes}`);
  const cells = await byId(page, "whatif-row-dials").locator("td").allTextContents();
  same("the recorded calls are counted", Number(cells[1]), Number(dials));
  same("their number as it was, changed, and the difference are told", cells.slice(2).filter((cell) => /^[+-]?\d/.test(cell)).length, 3);
  // The only agent is kept for callers: nobody would have been dialled.
  same("the change is lived through", Number.parseFloat(cells[3]), 0);

  // It was a question, not a change.
  await byId(page, "tab-controls").click();
  await page.locator('[data-testid="control-row-reserve"][data-set="false"]').waitFor();
}
