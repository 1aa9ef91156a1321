// A call of the campaign as two people see it: the agent at the desk, and the manager at the wallboard.
import { byId, logIn, same, until } from "./browser.mjs";

export async function run(browser, { manager, agent, password, customer }) {
  const board = await browser.page("manager");
  await logIn(board, manager, password);
  await byId(board, "gate-blend").waitFor();

  const desk = await browser.page("agent");
  await logIn(desk, agent, password);
  await byId(desk, "desk-sign-in").click();
  await byId(desk, "my-state").waitFor();
  await until("the phone is connected", () => byId(desk, "phone-lamp").getAttribute("data-up"), (up) => up === "true");
  await byId(desk, "go-ready").click();

  const state = (wanted) =>
    until(`the agent is ${wanted}`, () => byId(desk, "my-state").getAttribute("data-state"), (seen) => seen === wanted);
  await state("talking");
  same("the customer", (await byId(desk, "customer-name").textContent())?.trim(), customer);
  same("the direction", await byId(desk, "screen-pop").getAttribute("data-direction"), "outbound");
  await byId(desk, "script").getByText(customer).waitFor();

  await until("the wallboard shows the agent", () => byId(board, "count-talking").textContent(), (text) => text?.trim() === "1");
  same("the gate is open", await byId(board, "gate-blend").getAttribute("data-open"), "true");

  await byId(desk, "note").fill("Wants it from the first of the month.");
  await byId(desk, "hang-up").click();
  await state("wrap_up");
  await byId(desk, "wrap-up-left").waitFor();
  same("the note is still there", await byId(desk, "note").inputValue(), "Wants it from the first of the month.");
  await byId(desk, "result-taken").click();
  await byId(desk, "record").click();
  await state("ready");
  await byId(desk, "last-result").getByText("Took it").waitFor();
}
