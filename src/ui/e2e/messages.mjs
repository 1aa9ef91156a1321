// A manager reads a customer's messages, writes one, and fetches the evidence of a consent.
import { byId, logIn, same, until } from "./browser.mjs";

export async function run(browser, { login, password, number }) {
  const page = await browser.page("manager");
  await logIn(page, login, password);
  await page.goto(`/customers?${new URLSearchParams({ number })}`);
  const messages = byId(page, "messages");
  await messages.waitFor();
  await until("what came is shown with what it means", () => messages.innerText(), (text) => text.includes("办理") && text.includes("interested"));

  const text = byId(page, "message-text");
  await text.fill("Hello");
  await until("a short text is one SMS", () => byId(page, "message-count").innerText(), (said) => said.startsWith("1 SMS, room for 155"));
  await text.fill("您好".repeat(40));
  await until("a long one is several", () => byId(page, "message-count").innerText(), (said) => said.startsWith("2 SMS") && said.includes("Unicode"));
  await text.fill("x".repeat(1600));
  await until("too long a text cannot be sent", () => byId(page, "message-send").isDisabled(), (disabled) => disabled);
  await text.fill("We call you at six.");
  await byId(page, "message-send").click();
  await until("it is shown and sent", () => messages.innerText(), (said) => said.includes("We call you at six.") && /\bsent\b/.test(said));
  same("the text is gone from the form", await text.inputValue(), "");

  const [download] = await Promise.all([page.waitForEvent("download"), byId(page, "consent-evidence").click()]);
  same("evidence is a file", download.suggestedFilename(), `consents-${number.replace("+", "")}.json`);

  await byId(page, "language").click();
  await byId(page, "language-zh-CN").click();
  await until("all of it is there in Chinese", () => messages.innerText(), (said) => said.includes("有意向") && said.includes("已发送"));
}
