// Which attempts a click on a figure lists: the same words in the address of the page and in the question to the service.

import { RECORDED, type Recorded, type Stage } from "../api/types";

/** What all listed attempts have in common; what is absent does not matter. An empty result or agent means none. */
export interface Behind {
  from?: number;
  to?: number;
  disposition?: string;
  result?: string;
  list?: string;
  agent?: string;
  stage?: Stage;
  recording?: Recorded;
}

export const STAGES: readonly Stage[] = ["dialled", "answered", "connected", "accepted"];
const WORDS = ["disposition", "result", "list", "agent"] as const;

/** The tab of a campaign's page that lists them. */
export function addressOf(behind: Behind): string {
  const params = new URLSearchParams({ tab: "attempts" });
  for (const [name, value] of Object.entries(behind)) {
    if (value !== undefined) params.set(name, String(value));
  }
  return `?${params}`;
}

/** What an address asks for; whatever it does not know is left out. */
export function behindOf(params: URLSearchParams): Behind {
  const behind: Behind = {};
  for (const name of ["from", "to"] as const) {
    const value = Number(params.get(name) ?? Number.NaN);
    if (Number.isSafeInteger(value)) behind[name] = value;
  }
  for (const name of WORDS) {
    const value = params.get(name);
    if (value !== null) behind[name] = value;
  }
  const stage = STAGES.find((one) => one === params.get("stage"));
  if (stage) behind.stage = stage;
  const recording = RECORDED.find((one) => one === params.get("recording"));
  if (recording) behind.recording = recording;
  return behind;
}
