import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { exportEvents, exports } from "../api/client";
import type { ExportJob } from "../api/types";

export const EXPORTS = ["exports"];

/** The files that were asked for, as they go on: asked once, then told by the service. */
export function useExports() {
  const queries = useQueryClient();
  const found = useQuery({ queryKey: EXPORTS, queryFn: exports });
  useEffect(() => {
    const source = new EventSource(exportEvents);
    source.addEventListener("exports", (event: MessageEvent<string>) => {
      queries.setQueryData<ExportJob[]>(EXPORTS, JSON.parse(event.data) as ExportJob[]);
    });
    return () => source.close();
  }, [queries]);
  return found;
}
