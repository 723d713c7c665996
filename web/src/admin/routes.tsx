import type { RouteObject } from "react-router";

import { decisionRoutes } from "../decisions/routes";
import { newRoute } from "../shell/new-route";

/** The pages of administrators and auditors. */
export const adminRoutes: RouteObject[] = [
  {
    path: "key-managers",
    children: [
      { index: true, lazy: async () => ({ Component: (await import("./key-managers/list")).KeyManagers }) },
      newRoute("key-managers", async () => ({ Component: (await import("./key-managers/new")).NewKeyManager })),
      { path: ":name/edit", lazy: async () => ({ Component: (await import("./key-managers/edit")).EditKeyManager }) },
      { path: ":name/:tab?", lazy: async () => ({ Component: (await import("./key-managers/detail")).KeyManagerPage }) },
    ],
  },
  decisionRoutes,
  {
    path: "connections",
    children: [
      { index: true, lazy: async () => ({ Component: (await import("./connections/list")).Connections }) },
      newRoute("connections", async () => ({ Component: (await import("./connections/edit")).NewConnection })),
      { path: ":name", lazy: async () => ({ Component: (await import("./connections/edit")).EditConnection }) },
    ],
  },
  {
    path: "tenants",
    children: [
      { index: true, lazy: async () => ({ Component: (await import("./tenants/list")).Tenants }) },
      newRoute("tenants", async () => ({ Component: (await import("./tenants/edit")).NewTenant })),
      { path: ":name", lazy: async () => ({ Component: (await import("./tenants/edit")).EditTenant }) },
    ],
  },
  { path: "holds", lazy: async () => ({ Component: (await import("./holds")).Holds }) },
  {
    path: "gateways",
    children: [
      { index: true, lazy: async () => ({ Component: (await import("./gateways/list")).Gateways }) },
      { path: ":name", lazy: async () => ({ Component: (await import("./gateways/detail")).GatewayPage }) },
    ],
  },
  { path: "approvals", lazy: async () => ({ Component: (await import("./approvals")).Approvals }) },
  { path: "audit", lazy: async () => ({ Component: (await import("./audit")).Audit }) },
  { path: "sessions", lazy: async () => ({ Component: (await import("./sessions")).Sessions }) },
  { path: "tokens", lazy: async () => ({ Component: (await import("./tokens")).Tokens }) },
  { path: "groups/:name", lazy: async () => ({ Component: (await import("./groups")).GroupPage }) },
  {
    path: "users",
    children: [
      { index: true, lazy: async () => ({ Component: (await import("./users/list")).Users }) },
      newRoute("users", async () => ({ Component: (await import("./users/edit")).NewUser })),
      { path: ":name", lazy: async () => ({ Component: (await import("./users/edit")).EditUser }) },
    ],
  },
];
