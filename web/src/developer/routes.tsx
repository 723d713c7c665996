import type { RouteObject } from "react-router";

import { newRoute } from "../shell/new-route";

/** The pages of developers. */
export const developerRoutes: RouteObject[] = [
  {
    path: "apis",
    children: [
      { index: true, lazy: async () => ({ Component: (await import("./catalog/list")).Catalog }) },
      { path: ":name", lazy: async () => ({ Component: (await import("./catalog/detail")).CatalogPage }) },
    ],
  },
  {
    path: "applications",
    children: [
      { index: true, lazy: async () => ({ Component: (await import("./applications/list")).Applications }) },
      newRoute("applications", async () => ({ Component: (await import("./applications/new")).NewApplication })),
      { path: ":name/:tab?", lazy: async () => ({ Component: (await import("./applications/detail")).ApplicationPage }) },
    ],
  },
  { path: "subscriptions/:name", lazy: async () => ({ Component: (await import("./redirects")).SubscriptionRedirect }) },
  { path: "keys/:name", lazy: async () => ({ Component: (await import("./redirects")).KeyRedirect }) },
  { path: "decisions/:name", lazy: async () => ({ Component: (await import("./decision")).DecisionPage }) },
];
