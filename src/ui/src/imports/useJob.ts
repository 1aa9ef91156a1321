import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { importJob, importJobEvents } from "../api/client";
import type { ImportJob } from "../api/types";

/** How often a job is asked for where no event comes, in ms. */
const ASK_EVERY_MS = 3000;

export function isOpen(job: ImportJob | undefined): boolean {
  return job?.state === "queued" || job?.state === "running";
}

/** A job as it goes on: by its events, and by asking where they do not come. */
export function useJob(id: string | null) {
  const queries = useQueryClient();
  const job = useQuery({
    queryKey: ["import-jobs", id],
    queryFn: () => importJob(id ?? ""),
    enabled: id !== null,
    refetchInterval: (query) => (isOpen(query.state.data) ? ASK_EVERY_MS : false),
  });
  const open = isOpen(job.data);
  useEffect(() => {
    // An old browser, and the tests' one, asks.
    if (id === null || !open || typeof EventSource === "undefined") return;
    const source = new EventSource(importJobEvents(id));
    const take = (event: MessageEvent<string>) => queries.setQueryData(["import-jobs", id], JSON.parse(event.data) as ImportJob);
    source.addEventListener("job", take);
    source.addEventListener("end", (event: MessageEvent<string>) => {
      source.close();
      take(event);
      void queries.invalidateQueries({ queryKey: ["campaigns"] });
    });
    return () => source.close();
  }, [id, open, queries]);
  return job;
}
