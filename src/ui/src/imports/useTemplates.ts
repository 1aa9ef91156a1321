import { useQuery } from "@tanstack/react-query";
import { templates } from "../api/client";

/** What was saved of columns. */
export function useTemplates() {
  return useQuery({ queryKey: ["list-templates"], queryFn: templates });
}
