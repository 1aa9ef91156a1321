// Customers on a landing page, on a small phone whose browser runs no scripts: by a link, by a typed number, inside another site.
import { createServer } from "node:http";
import { byId, logIn, same, until } from "./browser.mjs";

const PHONE = {
  javaScriptEnabled: false,
  userAgent: "Mozilla/5.0 (Linux; Android 14; SM-A146P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36",
  viewport: { width: 320, height: 640 },
  locale: "zh-CN",
};
const heading = (page) => page.locator("h1").innerText();
const does = (page, what) => page.locator(`button[value=${what}]`);

export async function run(browser, { link, out, pages, login, password, typed, embedded, shop, shots }) {
  // A form with something wrong in it is answered as such, which the console repeats; so it does of a frame that is refused.
  browser.expect("", "422");
  browser.expect("", "frame-ancestors");

  const phone = await browser.page("customer", PHONE);
  await phone.goto(link);
  same("the page is in the phone's language", await phone.locator("html").getAttribute("lang"), "zh-CN");
  await fits(phone);
  if (shots) await phone.screenshot({ path: `${shots}/landing.png`, fullPage: true });
  await does(phone, "register").click();
  same("nobody agrees by accident", await phone.locator("#wrong").innerText(), "请先勾选同意，否则我们不能给您打电话。");
  await phone.locator("#when").selectOption({ index: 1 });
  await phone.getByRole("checkbox").check();
  await does(phone, "register").click();
  same("the customer is pre-registered", await heading(phone), "登记成功");
  await phone.reload();
  same("what is sent twice is answered alike", await heading(phone), "登记成功");

  await phone.goto(out);
  await phone.getByText("English").click();
  same("the page is there in English", await phone.locator("html").getAttribute("lang"), "en");
  await does(phone, "opt_out").click();
  same("the customer is off the list", await heading(phone), "You are off our list");

  const stranger = await browser.page("somebody", { ...PHONE, locale: "en-GB", colorScheme: "dark" });
  await stranger.goto(`${pages}/p/spring`);
  await fits(stranger);
  await stranger.locator("#number").fill("12345");
  await does(stranger, "send_code").click();
  same("what was typed is kept", await stranger.locator("#number").inputValue(), "12345");
  await stranger.locator("#wrong").waitFor();
  await stranger.locator("#number").fill("+44 20 7946 0000");
  await does(stranger, "send_code").click();
  same("no code goes abroad", await stranger.locator("#wrong").innerText(), "We only call numbers of our own country.");
  await register(stranger, stranger, typed);
  if (shots) await stranger.screenshot({ path: `${shots}/landing-dark.png`, fullPage: true });

  // Another site, which the campaign knows by one of its two names only.
  const frame = `<!doctype html><title>x</title><iframe src="${pages}/p/spring" style="width:100%;height:800px"></iframe>`;
  const site = createServer((_, answer) => answer.setHeader("content-type", "text/html").end(frame));
  await new Promise((resolve) => site.listen(Number(shop), "127.0.0.1", resolve));
  try {
    const inside = await browser.page("shop", { ...PHONE, locale: "en-GB", viewport: { width: 600, height: 900 } });
    await inside.goto(`http://localhost:${shop}/offer`);
    await register(inside.frameLocator("iframe"), inside, embedded);
    await inside.goto(`http://127.0.0.1:${shop}/offer`);
    await until("the frame is there", async () => inside.frames().length, (count) => count === 2);
    same("no other site shows the form", await inside.frameLocator("iframe").locator("#number").count(), 0);
  } finally {
    site.close();
    site.closeAllConnections();
  }

  const manager = await browser.page("manager");
  await logIn(manager, login, password);
  await manager.goto("/campaigns/spring");
  same("the address stands on the campaign's page", await byId(manager, "landing-address").innerText(), `${pages}/p/spring`);
  same("with what came of it", await byId(manager, "landing-registrations").innerText(), "3");
  same("and how another site shows it", (await byId(manager, "landing-embed").innerText()).startsWith("<iframe"), true);
  same("nothing is in its way", await byId(manager, "landing-trouble").count(), 0);

  /** Types a number, takes the code out of the message that went there, and registers. */
  async function register(form, page, number) {
    await form.locator("#number").fill(number);
    await does(form, "send_code").click();
    await form.locator("#code").fill("1");
    await form.getByRole("checkbox").check();
    await does(form, "register").click();
    await form.locator("#wrong").waitFor();
    await form.locator("#code").fill(await code(page, number));
    await does(form, "register").click();
    await form.getByRole("heading", { name: "Thank you" }).waitFor();
    await form.getByText("We call you tonight.").waitFor();
  }

  async function code(page, number) {
    const token = (await (await page.request.post("/api/v1/login", { data: { login, password, token: true } })).json()).token;
    const headers = { authorization: `Bearer ${token}` };
    const asked = `/api/v1/messages?region=CN&number=${encodeURIComponent(number)}`;
    const told = await until(
      "a code was sent",
      async () => (await page.request.get(asked, { headers })).json(),
      (messages) => messages.length > 0,
    );
    return /\d{6}/.exec(told[0].text)[0];
  }
}

/** Nothing is wider than the phone, and what is pressed is as high as a thumb. */
async function fits(page) {
  const { width } = page.viewportSize();
  for (const one of await page.locator("main, form, button, input:not([type=hidden]), select, h1, p").all()) {
    const box = await one.boundingBox();
    if (box && box.x + box.width > width) throw new Error(`${await one.evaluate((e) => e.outerHTML)} is too wide: ${JSON.stringify(box)}`);
  }
  for (const one of await page.locator("button, input[type=tel], select").all()) {
    const box = await one.boundingBox();
    if (box.height < 44) throw new Error(`${await one.evaluate((e) => e.outerHTML)} is too low: ${JSON.stringify(box)}`);
  }
}
