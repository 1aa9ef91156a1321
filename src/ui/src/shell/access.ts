import type { Role } from "../api/types";
import type { IconName } from "../icons";

export type PageName = "board" | "campaigns" | "callbacks" | "promises" | "replies" | "customers" | "orders" | "suppressions" | "exports" | "integrations" | "operator" | "desk";

interface Entry {
  page: PageName;
  path: string;
  icon: IconName;
}

const ENTRIES: Record<PageName, Entry> = {
  board: { page: "board", path: "/board", icon: "board" },
  campaigns: { page: "campaigns", path: "/campaigns", icon: "campaigns" },
  callbacks: { page: "callbacks", path: "/callbacks", icon: "clock" },
  promises: { page: "promises", path: "/promises", icon: "phone" },
  replies: { page: "replies", path: "/replies", icon: "note" },
  customers: { page: "customers", path: "/customers", icon: "person" },
  orders: { page: "orders", path: "/orders", icon: "parcel" },
  suppressions: { page: "suppressions", path: "/suppressions", icon: "blocked" },
  exports: { page: "exports", path: "/exports", icon: "download" },
  integrations: { page: "integrations", path: "/integrations", icon: "plug" },
  operator: { page: "operator", path: "/operator", icon: "trunk" },
  desk: { page: "desk", path: "/desk", icon: "person" },
};

/** The pages of each role, its first page first. The service checks every request again. */
const PAGES_OF: Record<Role, PageName[]> = {
  manager: ["board", "campaigns", "callbacks", "promises", "replies", "customers", "orders", "suppressions", "exports", "integrations"],
  marketing: ["campaigns", "orders", "exports"],
  operator: ["board", "operator", "integrations"],
  agent: ["desk"],
};

export function entriesOf(role: Role): Entry[] {
  return PAGES_OF[role].map((page) => ENTRIES[page]);
}

export function mayOpen(role: Role, page: PageName): boolean {
  return PAGES_OF[role].includes(page);
}

export function homeOf(role: Role): string {
  const first = PAGES_OF[role][0];
  return first ? ENTRIES[first].path : "/";
}
