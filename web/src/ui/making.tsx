import type { ComponentType } from "react";
import type { RouteObject } from "react-router";

import type { Noun } from "../api/objects";
import { MakingPage } from "./not-yours";

/** The route of the page that makes an object of a noun, which is for who may make one. */
export function making(noun: Noun, page: () => Promise<{ Component: ComponentType }>): RouteObject {
  return { element: <MakingPage noun={noun} />, children: [{ path: "new", lazy: page }] };
}
