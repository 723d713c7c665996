import type { RouteObject } from "react-router";

/** The pages of developers. */
export const developerRoutes: RouteObject[] = [
  {
    path: "applications",
    children: [
      { index: true, lazy: async () => ({ Component: (await import("./applications/list")).Applications }) },
      { path: "new", lazy: async () => ({ Component: (await import("./applications/new")).NewApplication }) },
      { path: ":name/:tab?", lazy: async () => ({ Component: (await import("./applications/detail")).ApplicationPage }) },
    ],
  },
];
