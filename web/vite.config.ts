import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The control plane that the development server stands in front of, and a token of a user there.
const server = process.env.KEYWARD_SERVER ?? "http://127.0.0.1:8480";
const token = process.env.KEYWARD_TOKEN;
const proxied = {
  target: server,
  ...(token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } }),
};

export default defineConfig({
  // Addresses in the built page are relative to its <base>, so that one build serves under every path prefix.
  base: "./",
  plugins: [react()],
  build: {
    outDir: "dist",
    // scripts/console empties it, but for the file that lets Go embed it when it is empty.
    emptyOutDir: false,
    target: "es2022",
    // The content security policy lets the page load nothing from data: addresses but pictures.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/api": proxied, "/session": proxied, "/openapi.json": proxied } },
});
