import type { ComponentType } from "react";
import type { RouteObject } from "react-router";

import type { Noun } from "../api/objects";
import { NewPageGuard } from "./guards";

/** The route of the page that makes an object of a noun, which is for who may make one. */
export function newRoute(noun: Noun, page: () => Promise<{ Component: ComponentType }>): RouteObject {
  return { element: <NewPageGuard noun={noun} />, children: [{ path: "new", lazy: page }] };
}
