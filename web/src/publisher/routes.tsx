import type { RouteObject } from "react-router";

import { decisionRoutes } from "../decisions/routes";
import { newRoute } from "../shell/new-route";

/** The pages of publishers. */
export const publisherRoutes: RouteObject[] = [
  {
    path: "apis",
    children: [
      { index: true, lazy: async () => ({ Component: (await import("./apis/list")).APIs }) },
      newRoute("apis", async () => ({ Component: (await import("./apis/new")).NewAPI })),
      { path: ":name/edit", lazy: async () => ({ Component: (await import("./apis/edit")).EditAPI }) },
      { path: ":name", lazy: async () => ({ Component: (await import("./apis/detail")).APIPage }) },
    ],
  },
  {
    path: "plans",
    children: [
      { index: true, lazy: async () => ({ Component: (await import("./plans/list")).Plans }) },
      newRoute("plans", async () => ({ Component: (await import("./plans/edit")).NewPlan })),
      { path: ":name", lazy: async () => ({ Component: (await import("./plans/edit")).EditPlan }) },
    ],
  },
  decisionRoutes,
  { path: "requests", lazy: async () => ({ Component: (await import("./requests")).SubscriptionRequests }) },
];
