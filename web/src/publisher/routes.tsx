import type { RouteObject } from "react-router";

/** The pages of publishers. */
export const publisherRoutes: RouteObject[] = [];
