import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import type { ReactNode } from "react";
import { MemoryRouter } from "react-router";
import type { Board } from "../board/useBoard";
import type { CampaignDetail, Desk, Me, Role, Snapshot } from "../api/types";
import { BoardContext } from "../shell/BoardContext";
import { theme } from "../theme";
import campaignJson from "./campaign.json";
import deskJson from "./desk.json";
import snapshotJson from "./snapshot.json";

export const SNAPSHOT = snapshotJson as unknown as Snapshot;
export const DESK = deskJson as unknown as Desk;
export const CAMPAIGN = campaignJson as unknown as CampaignDetail;

export function someone(role: Role): Me {
  return {
    id: "user_0000000000004",
    login: "liu",
    name: "Liu Yang",
    role,
    language: "en",
    groups: role === "agent" ? ["blend"] : [],
    device: role === "agent" ? { phone: "agent-4", leg: "nailed_up" } : null,
  };
}

/** Shows a part of a page with everything that pages stand on. */
export function show(shown: ReactNode, board?: Partial<Board>) {
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const live: Board = { snapshot: SNAPSHOT, history: [], staleSince: null, ...board };
  return render(
    <MantineProvider theme={theme} env="test">
      <QueryClientProvider client={queries}>
        <MemoryRouter>
          <BoardContext value={live}>{shown}</BoardContext>
        </MemoryRouter>
      </QueryClientProvider>
    </MantineProvider>,
  );
}
