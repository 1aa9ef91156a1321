// A manager sees on the wallboard that promises are overdue, and on their page which, in two languages.
import { byId, logIn, until } from "./browser.mjs";

export async function run(browser, { login, password }) {
  const page = await browser.page("manager");
  await logIn(page, login, password);
  await page.goto("/board");
  await until("the wallboard tells", () => byId(page, "promises-alert").innerText(), (text) => text.includes("1 at risk, 1 overdue"));
  await byId(page, "nav-promises").click();
  const table = byId(page, "promise-table");
  await table.waitFor();
  await until("the longest overdue is first", () => table.innerText(), (text) => /overdue by[\s\S]*at risk/.test(text) && text.includes("请晚上打"));
  await until("the report adds up", () => byId(page, "promise-total").innerText(), (text) => /\b2\b/.test(text));
  await byId(page, "language").click();
  await byId(page, "language-zh-CN").click();
  await until("all of it is there in Chinese", () => byId(page, "promises").innerText(), (text) => text.includes("已超时") && text.includes("客户原话"));
  await byId(page, "nav-replies").click();
  await until("nothing waits to be read", () => byId(page, "reviews").innerText(), (text) => text.includes("没有待阅读的短信"));
}
