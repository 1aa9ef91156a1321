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

/** The nonce that the content security policy of this page allows style elements with. */
function styleNonce(): string {
  // Browsers hide the attribute from scripts that read it as text; the property tells it.
  return document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? "";
}

// The scroll lock of dialogs adds a style element of its own and looks for its nonce here.
Object.assign(globalThis, { __webpack_nonce__: styleNonce() });

export function App() {
  const [queries] = useState(newQueries);
  return (
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto" getStyleNonce={styleNonce}>
      <QueryClientProvider client={queries}>
        <BrowserRouter>
          <Pages />
        </BrowserRouter>
      </QueryClientProvider>
    </MantineProvider>
  );
}
