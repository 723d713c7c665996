import type { RouteObject } from "react-router";

/** The pages of administrators and auditors. */
export const adminRoutes: RouteObject[] = [
  {
    path: "key-managers",
    children: [
      { index: true, lazy: async () => ({ Component: (await import("./key-managers/list")).KeyManagers }) },
      { path: "new", lazy: async () => ({ Component: (await import("./key-managers/new")).NewKeyManager }) },
      { path: ":name/edit", lazy: async () => ({ Component: (await import("./key-managers/edit")).EditKeyManager }) },
      { path: ":name/:tab?", lazy: async () => ({ Component: (await import("./key-managers/detail")).KeyManagerPage }) },
    ],
  },
];
