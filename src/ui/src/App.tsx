import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useState } from "react";
import { BrowserRouter } from "react-router";
import { asProblem } from "./api/problem";
import { Pages } from "./Pages";
import { cssVariables, theme } from "./theme";

function newQueries(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // What the service refuses it refuses again; only a missing answer is worth another try.
        retry: (failures, error) => failures < 2 && asProblem(error).status === 0,
        staleTime: 2000,
      },
    },
  });
}

export function App() {
  const [queries] = useState(newQueries);
  return (
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <BrowserRouter>
          <Pages />
        </BrowserRouter>
      </QueryClientProvider>
    </MantineProvider>
  );
}
