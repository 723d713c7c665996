import type { RouteObject } from "react-router";

/** What gateways decided, in the areas of who may see all of it. */
export const decisionRoutes: RouteObject = {
  path: "decisions",
  children: [
    { index: true, lazy: async () => ({ Component: (await import("./list")).Decisions }) },
    { path: ":name", lazy: async () => ({ Component: (await import("./detail")).DecisionPage }) },
  ],
};
