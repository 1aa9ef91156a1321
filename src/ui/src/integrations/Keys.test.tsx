import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import * as client from "../api/client";
import type { KeyView } from "../api/types";
import { show, someone } from "../test/show";
import { Keys } from "./Keys";

const NOW = Date.UTC(2026, 10, 23);
const CRM: KeyView = {
  id: "key_0000000000001",
  name: "crm",
  role: "manager",
  scopes: ["lists:write"],
  created_by: "boss",
  created_at: 1,
  expires_at: null,
  seen_at: null,
  revoked_at: null,
};
const OPS: KeyView = { ...CRM, id: "key_2", name: "ops", role: "operator" };
const OVER: KeyView = { ...CRM, id: "key_3", name: "old", expires_at: NOW - 1 };

test("a key says whether it is good, and whoever may not touch it is not offered to revoke it", async () => {
  vi.spyOn(client, "serviceNow").mockReturnValue(NOW);
  vi.spyOn(client, "keys").mockResolvedValue({ keys: [CRM, OPS, OVER], parts: ["lists"] });
  show(<Keys me={someone("manager")} />);
  const row = await screen.findByTestId("key-crm");
  expect(row.getAttribute("data-good")).toBe("true");
  expect(row.textContent).toContain("never");
  expect(screen.getByTestId("key-old").getAttribute("data-good")).toBe("false");
  expect(screen.queryByTestId("key-revoke-ops")).toBeNull();
  expect(screen.queryByTestId("key-revoke-old")).toBeNull();
  const revoke = vi.spyOn(client, "revokeKey").mockResolvedValue(undefined as never);
  fireEvent.click(screen.getByTestId("key-revoke-crm"));
  expect(revoke).not.toHaveBeenCalled();
  fireEvent.click(await screen.findByTestId("key-revoke-do"));
  await waitFor(() => expect(revoke).toHaveBeenCalledWith(CRM.id));
});
