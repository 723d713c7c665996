import react from "@vitejs/plugin-react";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";

import { defineConfig, type Plugin } from "vite";

// The control plane that the development server stands in front of, and a token of a user there.
const server = process.env.KEYWARD_SERVER ?? "http://127.0.0.1:8480";
const token = process.env.KEYWARD_TOKEN;
const proxied = {
  target: server,
  ...(token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } }),
};

// Fails a build in which a component comes without its styles: src/mantine-styles.ts names those that are loaded.
function wholeStyles(): Plugin {
  return {
    name: "whole-styles",
    generateBundle(_, bundle) {
      const loaded = readFileSync("src/mantine-styles.ts", "utf8");
      const chunks = Object.values(bundle).flatMap((file) => (file.type === "chunk" ? Object.keys(file.modules) : []));
      const wanted = chunks.flatMap((id) => /@mantine\/core\/.*\/(\w+)\.module\.mjs$/.exec(id)?.[1] ?? []);
      const lacking = wanted.filter((name) => !loaded.includes(`/${name}.css"`));
      if (lacking.length > 0) this.error(`src/mantine-styles.ts lacks ${lacking.join(", ")}`);
    },
  };
}

// Writes each file a second time, as small as it gets: browsers take that where they trust the connection.
function packed(): Plugin {
  return {
    name: "packed",
    writeBundle({ dir = "dist" }, bundle) {
      for (const name of Object.keys(bundle)) {
        if (/\.(js|css)$/.test(name)) writeFileSync(join(dir, `${name}.br`), brotliCompressSync(readFileSync(join(dir, name))));
      }
    },
  };
}

export default defineConfig({
  // Addresses in the built page are relative to its <base>, so that one build serves under every path prefix.
  base: "./",
  plugins: [react(), wholeStyles(), packed()],
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
