import { fireEvent, screen } from "@testing-library/react";
import { expect, test } from "vitest";
import { show, SNAPSHOT } from "../test/show";
import { GroupControls } from "./GroupControls";

test("before a change is applied, a manager is led to what it would have done", () => {
  const campaign = SNAPSHOT.campaigns[0];
  const group = SNAPSHOT.groups.find((one) => one.group === campaign?.group);
  if (!campaign || !group) throw new Error("the picture has a group with a campaign");
  show(<GroupControls group={group} linked />);
  fireEvent.click(screen.getByTestId(`adjust-${group.group}`));
  const link = `control-whatif-${campaign.campaign}`;
  expect(screen.queryByTestId(link)).toBeNull();
  fireEvent.change(screen.getByTestId("control-reserve"), { target: { value: String(group.reserve + 1) } });
  expect(screen.getByTestId(link).getAttribute("href")).toBe(
    `/campaigns/${campaign.campaign}?tab=whatif&set=reserve%3D${group.reserve + 1}`,
  );
});

test("whoever may not open campaigns is not led there", () => {
  const group = SNAPSHOT.groups[0];
  if (!group) throw new Error("the picture has a group");
  show(<GroupControls group={group} linked={false} />);
  fireEvent.click(screen.getByTestId(`adjust-${group.group}`));
  fireEvent.change(screen.getByTestId("control-reserve"), { target: { value: String(group.reserve + 1) } });
  expect(screen.queryByTestId(/control-whatif/)).toBeNull();
});
