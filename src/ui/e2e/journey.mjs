// Two customers follow the links that they were sent, on phones without scripts, and ask to be called.
import { same } from "./browser.mjs";

// A browser that says it has no window is counted as a program.
const PHONE = {
  javaScriptEnabled: false,
  userAgent: "Mozilla/5.0 (Linux; Android 14; SM-A146P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36",
  viewport: { width: 360, height: 720 },
  locale: "zh-CN",
};

export async function run(browser, { first, second }) {
  for (const [who, link] of [["first", first], ["second", second]]) {
    const phone = await browser.page(who, PHONE);
    await phone.goto(link);
    await phone.getByRole("checkbox").check();
    await phone.locator("button[value=register]").click();
    same("the customer is pre-registered", await phone.locator("h1").innerText(), "登记成功");
  }
}
