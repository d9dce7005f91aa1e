/// <reference types="vitest/config" />
import { svelte } from "@sveltejs/vite-plugin-svelte"
import tailwindcss from "@tailwindcss/vite"
import { defineConfig } from "vite"

const server = process.env.EARWITNESS_URL ?? "http://127.0.0.1:8000"

export default defineConfig({
  // Addresses in the page are relative to its <base>, which the server sets: it may lie under a path of a proxy.
  base: "./",
  plugins: [svelte(), tailwindcss()],
  build: { outDir: "../src/earwitness/web/app", emptyOutDir: true, target: "es2022", assetsInlineLimit: 0 },
  server: {
    proxy: Object.fromEntries(["/api", "/v1", "/ws", "/livez", "/readyz"].map((path) => [path, { target: server, ws: true }])),
  },
  ...(process.env.VITEST ? { resolve: { conditions: ["browser"] } } : {}),
  test: { environment: "jsdom", include: ["src/**/*.test.ts"], setupFiles: ["src/testing.ts"] },
})
