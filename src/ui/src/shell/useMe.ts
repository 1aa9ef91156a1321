import { useQuery, type QueryClient } from "@tanstack/react-query";
import { me } from "../api/client";
import { asProblem } from "../api/problem";
import type { Me } from "../api/types";

export const ME = ["me"];

/** Who is logged in; null when nobody is. */
export function useMe() {
  return useQuery<Me | null>({
    queryKey: ME,
    queryFn: async () => {
      try {
        return await me();
      } catch (error) {
        if (asProblem(error).status === 401) return null;
        throw error;
      }
    },
    staleTime: Infinity,
  });
}

/** Nobody is logged in any more: what was shown to one must not be shown to the next. */
export function forgetMe(queries: QueryClient): void {
  queries.setQueryData(ME, null);
  queries.removeQueries({ predicate: (query) => query.queryKey[0] !== ME[0] });
}
