import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import { defineConfig, globalIgnores } from "eslint/config";
import typescript from "typescript-eslint";

export default defineConfig(
  globalIgnores(["dist", "src/api/schema.d.ts", "test-results"]),
  { files: ["**/*.{ts,tsx}"], extends: [js.configs.recommended, typescript.configs.strictTypeChecked, hooks.configs.flat.recommended] },
  {
    files: ["**/*.{ts,tsx}"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "max-lines": ["error", 300],
      "max-lines-per-function": ["error", { max: 90, skipBlankLines: true, skipComments: true }],
      eqeqeq: "error",
      // Server state lives in TanStack Query and nowhere else.
      "no-restricted-globals": ["error", { name: "fetch", message: "Ask through src/api." }],
      "no-restricted-syntax": [
        "error",
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "What people wrote is text." },
      ],
    },
  },
  {
    files: ["src/**/*.{ts,tsx}"],
    ignores: ["src/api/**"],
    rules: {
      "@typescript-eslint/no-restricted-imports": [
        "error",
        { patterns: [{ group: ["**/api/client"], allowTypeImports: true, message: "The server is asked in src/api alone." }] },
      ],
    },
  },
  { files: ["test/**", "bench/**"], rules: { "no-restricted-globals": "off", "max-lines": ["error", 400], "max-lines-per-function": "off" } },
  { files: ["test/start.ts"], rules: { "no-empty-pattern": "off" } }, // Playwright reads of a fixture's parameter what it needs
);