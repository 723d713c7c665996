import type { RouteObject } from "react-router";

/** The pages of developers. */
export const developerRoutes: RouteObject[] = [];
