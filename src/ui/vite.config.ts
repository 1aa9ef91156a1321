import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm run dev` serves the pages from their sources and passes the API on to a running service.
const service = process.env["LULL_URL"] ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  base: "/",
  build: {
    outDir: "dist",
    // Small files stay files: inlining them as data: addresses would need a wider content security policy.
    assetsInlineLimit: 0,
    // The polyfill of module preloading is an inline script, which the policy forbids.
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 900,
  },
  server: {
    proxy: { "/api": { target: service, ws: true } },
    // A test reads the codes that need a text from the program's own sources.
    fs: { allow: [".", "../engine", "../model", "../web", "../store/import"] },
  },
  test: { environment: "jsdom", setupFiles: ["src/test/setup.ts"], include: ["src/**/*.test.{ts,tsx}"] },
});
