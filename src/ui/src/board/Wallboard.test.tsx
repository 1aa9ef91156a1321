import { screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import { SNAPSHOT, show, someone } from "../test/show";
import { Wallboard } from "./Wallboard";

test("agents are told by state with a word and a count", () => {
  show(<Wallboard me={someone("manager")} />);
  const talking = screen.getByTestId("agents-talking");
  expect(within(talking).getByText("Talking")).toBeTruthy();
  expect(within(talking).getByTestId("count-talking").textContent).toBe("4");
  expect(within(talking).getByText("2 inbound, 2 outbound")).toBeTruthy();
});

test("the gate says in words whether it is open", () => {
  show(<Wallboard me={someone("manager")} />);
  expect(screen.getByTestId("gate-blend").textContent).toContain("Gate open");
});

test("a queue below its target says so in words", () => {
  show(<Wallboard me={someone("manager")} />);
  const queue = screen.getByTestId("queue-retention");
  expect(queue.textContent).toContain("73.3 %");
  expect(queue.textContent).toContain("below target");
  expect(screen.getByTestId("queue-service").textContent).not.toContain("below target");
});

test("a campaign that does not dial says why, and what its abandon rate is worth", () => {
  show(<Wallboard me={someone("manager")} />);
  const card = screen.getByTestId("campaign-care-reminder");
  expect(within(card).getByTestId("why-not").textContent).toContain("No lead is due.");
  expect(within(card).getByTestId("abandon-rate").dataset["word"]).toBe("over");
  expect(card.textContent).toContain("Above the cap");
});

test("a reason that is not known yet is shown by its code", () => {
  const campaigns = SNAPSHOT.campaigns.map((view) => ({ ...view, not_dialling: "moon_phase" }));
  show(<Wallboard me={someone("manager")} />, { snapshot: { ...SNAPSHOT, campaigns } });
  expect(screen.getAllByText("moon_phase").length).toBe(3);
});

test("whoever may not control sees no buttons for it", () => {
  show(<Wallboard me={someone("operator")} />);
  expect(screen.queryByTestId("pause-spring-offer")).toBeNull();
  expect(screen.getByTestId("adjust-blend")).toBeTruthy();
});

test("an empty centre is told what to do next", () => {
  const groups = SNAPSHOT.groups.map((group) => ({ ...group, agents: {} }));
  show(<Wallboard me={someone("manager")} />, {
    snapshot: { ...SNAPSHOT, groups, agents: [], campaigns: [], queues: [], trunks: [] },
  });
  const told = screen.getAllByTestId("empty").map((one) => one.textContent ?? "");
  expect(told.some((text) => text.includes("There is no campaign yet."))).toBe(true);
  expect(told.some((text) => text.includes("No agent is signed in."))).toBe(true);
  expect(told.some((text) => text.includes("No trunk is configured."))).toBe(true);
});

test("each campaign says why so many dials, in words", () => {
  show(<Wallboard me={someone("manager")} />);
  const why = screen.getAllByTestId("why-so-many");
  expect(why).toHaveLength(1);
  expect(why[0]?.textContent).toContain("placed 2; 2 of 3 idle agents have a slot of 5, 2 attempts on their way.");
  expect(why[0]?.textContent).toContain("An agent is held for every dial");
});
